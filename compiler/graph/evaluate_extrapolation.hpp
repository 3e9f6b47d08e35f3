// An initial value problem on numbers -> its solution to nearly the precision of doubles.
#pragma once

#include <functional>
#include <vector>

namespace nodec::graph {

using RightHandSide =
    std::function<void(double t, const std::vector<double>& y, std::vector<double>& derivative)>;

// Integrates y from `from` to `to`, in either direction, by Gragg's modified midpoint rule extrapolated in h²
// (Bulirsch and Stoer 1966; Hairer, Nørsett, Wanner, Solving ODEs I, II.9), order and step chosen as it goes.
// The error of a step stays below `tolerance` relative to each group of elements; groups[i] is the first
// element of group i, and the last entry the size. each_step sees the end of every step. y is NaN when no
// step is short enough.
void extrapolate(const RightHandSide& f, double from, double to, std::vector<double>& y,
                 const std::vector<size_t>& groups, double tolerance,
                 const std::function<void(double, const std::vector<double>&)>& each_step = {});

}  // namespace nodec::graph
