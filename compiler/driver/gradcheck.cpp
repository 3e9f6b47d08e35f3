// `gradcheck`: every gradient against central differences that replay the recorded accepted steps.
#include <cstdio>
#include <iostream>

#include "compiler/driver/arguments.hpp"
#include "compiler/driver/json.hpp"

namespace nodec::driver {

int gradcheck(const Arguments& arguments) {
  const std::optional<Inputs> inputs = load_inputs(arguments);
  if (!inputs) return arguments.said->status;
  const Result<GradientCheck> check =
      inputs->model.check_gradient(inputs->data, inputs->weights, arguments.elements);
  print(check.diagnostics(), arguments);
  if (!check) return static_cast<int>(check.outcome());
  const bool passed = check->failures.empty() && check->worst <= arguments.tolerance;
  if (arguments.json) {
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (const GradientCheck::Row& r : check->rows)
      rows.push_back({{"name", r.name},
                      {"checked", r.checked},
                      {"size", r.size},
                      {"error", r.error},
                      {"worst_element", r.worst},
                      {"analytic", r.analytic},
                      {"difference", r.difference}});
    const nlohmann::ordered_json out = {{"passed", passed},
                                        {"worst", check->worst},
                                        {"tolerance", arguments.tolerance},
                                        {"rows", rows},
                                        {"diagnostics", to_json(arguments.said->diagnostics)}};
    std::cout << out.dump(2) << "\n";
  } else if (!arguments.quiet) {
    std::printf("%-32s %-11s %-14s worst element\n", "gradient", "checked", "relative error");
    for (const GradientCheck::Row& r : check->rows)
      std::printf("%-32s %5lld/%-5lld %-14.2e [%lld] analytic %.9g, difference %.9g\n", r.name.c_str(),
                  static_cast<long long>(r.checked), static_cast<long long>(r.size), r.error,
                  static_cast<long long>(r.worst), r.analytic, r.difference);
    std::printf("%s: worst relative error %.2e, tolerance %.0e\n", passed ? "passed" : "FAILED", check->worst,
                arguments.tolerance);
  }
  const int status = report(check->failures);
  return status != 0 ? status : passed ? 0 : 1;
}

}  // namespace nodec::driver
