// `grad`: the loss and its gradient.
#include <cmath>
#include <cstdio>
#include <iostream>

#include "compiler/driver/arguments.hpp"
#include "compiler/driver/json.hpp"

namespace nodec::driver {
namespace {

double norm(const Array& array) {
  double sum = 0;
  for (const double x : array.values) sum += x * x;
  return std::sqrt(sum);
}

void print_json(const Gradient& gradient, const Arrays& arrays, const Arguments& arguments) {
  nlohmann::ordered_json out = {{"loss", gradient.loss}}, gradients = nlohmann::ordered_json::object();
  for (const auto& [name, array] : arrays)
    if (name != "loss") gradients[name] = {{"shape", array.shape}, {"norm", norm(array)}};
  out["gradients"] = gradients;
  out["diagnostics"] = to_json(arguments.said->diagnostics);
  std::cout << out.dump(2) << "\n";
}

}  // namespace

int grad(const Arguments& arguments) {
  // The order of sums of an object by `compile --emit=obj`, whose lanes stay where they are.
  Arguments apart = arguments;
  apart.pooled = false;
  const std::optional<Inputs> inputs = load_inputs(apart);
  if (!inputs) return arguments.said->status;
  const Result<Gradient> gradient = inputs->model.gradient(inputs->data, inputs->weights);
  print(gradient.diagnostics(), arguments);
  if (!gradient) return static_cast<int>(gradient.outcome());
  Arrays arrays;
  arrays["loss"] = {{}, {gradient->loss}};
  for (const auto& [path, array] : gradient->parameters) arrays["param:" + path] = array;
  for (const auto& [name, array] : gradient->data) arrays["data:" + name] = array;
  if (!write_out(arguments, arrays)) return 1;
  if (arguments.json) {
    print_json(*gradient, arrays, arguments);
  } else if (!arguments.quiet) {
    std::printf("loss  %.12g\n", gradient->loss);
    for (const auto& [name, array] : arrays) {
      if (name == "loss") continue;
      if (array.values.size() == 1)
        std::printf("%-32s %.12g\n", name.c_str(), array.values[0]);
      else
        std::printf("%-32s %zu numbers, norm %.9g\n", name.c_str(), array.values.size(), norm(array));
    }
  }
  return report(gradient->failures);
}

}  // namespace nodec::driver
