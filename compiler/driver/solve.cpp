// `solve`: integrate a field from values given on the command line.
#include <cstdio>
#include <iostream>

#include "compiler/driver/panels.hpp"

namespace nodec::driver {
namespace {

// One row a time: t, then every element of every state.
void print_csv(const Arrays& arrays) {
  const Array& t = arrays.at("t");
  std::cout << "t";
  for (const auto& [name, array] : arrays) {
    if (name == "t") continue;
    const size_t width = array.values.size() / t.values.size();
    for (size_t i = 0; i < width; ++i) {
      if (array.shape.size() == 1)
        std::cout << "," << name;
      else
        std::cout << ",\"" << name << "[" << i << "]\"";
    }
  }
  std::cout << "\n";
  char number[32];
  for (size_t row = 0; row < t.values.size(); ++row) {
    std::snprintf(number, sizeof number, "%.9g", t.values[row]);
    std::cout << number;
    for (const auto& [name, array] : arrays) {
      if (name == "t") continue;
      const size_t width = array.values.size() / t.values.size();
      for (size_t i = 0; i < width; ++i) {
        std::snprintf(number, sizeof number, ",%.9g", array.values[row * width + i]);
        std::cout << number;
      }
    }
    std::cout << "\n";
  }
}

}  // namespace

int solve(const Arguments& arguments) {
  const std::optional<Program> program = load(arguments);
  if (!program) return 1;
  int status = 0;
  const std::optional<SolvedField> trajectory = integrate(arguments, *program, status);
  if (!trajectory) return status;
  const Arrays& states = trajectory->states;
  std::set<std::string> rows;
  for (const auto& [name, array] : states) rows.insert(name);
  if (!write_out(arguments, states, false, rows)) return 1;
  if (!arguments.picture.empty()) {
    const std::string problem = draw(panels_of(*trajectory, arguments), arguments.picture);
    if (!problem.empty()) {
      usage_error(problem);
      return 1;
    }
  }
  if (arguments.out.empty() && arguments.picture.empty() && !arguments.quiet) print_csv(states);
  return report(trajectory->failures);
}

}  // namespace nodec::driver
