// `init`: a weights file of initial values.
#include <cstdio>
#include <iostream>

#include "compiler/driver/arguments.hpp"

namespace nodec::driver {

int initialize(const Arguments& arguments) {
  if (arguments.out.empty()) {
    usage_error("init needs --out FILE (.safetensors or .npz)");
    return 2;
  }
  const std::optional<Model> model = load_model(arguments);
  if (!model) return arguments.said->status;
  const std::optional<Arrays> weights = load_weights(arguments, *model);
  if (!weights || !write_out(arguments, *weights)) return 1;
  if (!arguments.quiet) {
    for (const Description& d : model->parameters())
      std::printf("%-32s %s\n", d.name.c_str(), d.type.c_str());
    std::printf("weights: %s\n", arguments.out.c_str());
  }
  return 0;
}

}  // namespace nodec::driver
