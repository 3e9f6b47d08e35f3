// Parameters in open intervals and the unconstrained variables through which they are trained.
//
// low < v < high, both finite:  v = low + (high − low) · sigmoid(u)
// low < v:                      v = low + softplus(u)
// v < high:                     v = high − softplus(−u)
// otherwise                     v = u
// softplus rather than exp, so that a step far from the end changes v by as much as it changes u.
#pragma once

#include <vector>

#include "runtime/arrays.hpp"
#include "runtime/parameters.hpp"

namespace nodec::runtime {

// u of a value strictly inside; accurate to rounding also next to an end.
double unconstrain(double value, const Interval& interval);
// v of any u, strictly inside also where the formula rounds to an end.
double constrain(double u, const Interval& interval);
// dv/du.
double constraint_slope(double u, const Interval& interval);
// The value rounded to the precision and, where that leaves the interval, the nearest one inside.
double round_inside(double value, const Interval& interval, bool double_precision);

// The same for whole parameter vectors.
std::vector<double> unconstrain(const std::vector<double>& values, const ParameterLayout& layout);
void constrain(const std::vector<double>& unconstrained, const ParameterLayout& layout, Reals& values);
// Gradients with respect to values become those with respect to the unconstrained variables.
void pull_constraints(const std::vector<double>& unconstrained, const ParameterLayout& layout,
                      std::vector<double>& gradient);

}  // namespace nodec::runtime
