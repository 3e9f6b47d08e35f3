// The arguments of `:solve` and `:plot` -> what is asked for, as stretches of their text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "compiler/driver/repl/interpreter.hpp"

namespace nodec::driver {

// `F(q = 1, p = 0) from 0 to 10 points 50 by rk4(steps = 9) > out.csv`; the values may stand without
// parentheses. Stretches are those of the arguments' text.
struct SolveRequest {
  std::string field;
  std::vector<std::pair<std::string, Stretch>> values;
  std::optional<Stretch> from, to, at, points, by;
  std::string file;
  std::string wrong;  // what cannot be read, "" if all can
};
SolveRequest read_solve(std::string_view text);

// `sin(x), cos(x) over x > waves.svg`
struct PlotRequest {
  std::vector<Stretch> expressions;
  std::optional<Stretch> over;
  std::string file;
};
PlotRequest read_plot(std::string_view text);

}  // namespace nodec::driver
