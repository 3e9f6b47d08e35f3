// A solution as a function of time: dense output that is asked for values long after the solve.
//
//   auto model = program.integrate("lorenz", {"x", "y", "z"});
//   auto data = model->bind({{"t0", {{}, {0}}}, {"t", {{1}, {20}}}, {"x", …}, …});
//   auto solved = model->trajectories(*data, *model->initial_weights());
//   const nodec::Trajectory& path = solved->samples[0];
//   std::array<double, 3> now;
//   path.at(3.7, now);  // any time within, in any order, from any thread
//
// Between the ends of steps it is the method's interpolant (Hairer, Nørsett, Wanner, Solving ODEs I, II.6):
// the values that the solve would have given for that time, up to rounding (in f32 also that of times). Each
// step keeps its polynomial as a Chebyshev series.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace nodec {

// A handle to what is never changed: cheap to copy, safe to use from many threads.
class Trajectory {
 public:
  // A state's place in a vector of all.
  struct State {
    std::string name;
    std::vector<int64_t> shape;
    int64_t offset = 0, size = 1;
  };

  // Solved from t0 to t1, which is the lesser one where time runs backward. NaN of a sample that failed.
  double t0() const noexcept;
  double t1() const noexcept;
  // Where steps end, t0 before the first: from t0 to t1. Of a sample that failed, none.
  std::span<const double> ends() const noexcept;
  const std::vector<State>& states() const noexcept;
  // Of all states, as one vector.
  int64_t size() const noexcept;

  // All states, and their derivatives by time, at a time between t0 and t1. `out`: [size()]. False, and
  // nothing is written, for other times and sizes; of derivatives also where t1 is t0. Allocates nothing.
  bool at(double t, std::span<double> out) const noexcept;
  bool derivative(double t, std::span<double> out) const noexcept;

  struct Data;
  explicit Trajectory(std::shared_ptr<const Data> data) noexcept;

 private:
  std::shared_ptr<const Data> data_;
};

}  // namespace nodec
