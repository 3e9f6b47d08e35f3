// Any bytes as a file of weights: a value for every parameter, inside its interval, or errors.
#include "runtime/weights.hpp"

#include "runtime/formats.hpp"
#include "tests/fuzz/arrays.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nodec;
  static const runtime::ParameterLayout layout = {{"W", {2, 2}, 0, 4, {}},
                                                  {"flow.net.hidden.0.b", {2}, 4, 2, {}},
                                                  {"α", {}, 6, 1, {0, 1}},
                                                  {"empty", {0}, 7, 0, {}}};
  if (size == 0) return 0;
  const std::span<const std::byte> bytes = fuzz::as_bytes(data + 1, size - 1);
  const runtime::Result<runtime::Arrays> arrays =
      data[0] % 2 == 0 ? runtime::read_safetensors("input", bytes) : runtime::read_npz("input", bytes);
  if (!arrays) {
    fuzz::require_told(arrays.errors());
    return 0;
  }
  const runtime::Result<runtime::Weights> weights = runtime::load_weights("input", *arrays, layout);
  if (!weights) {
    fuzz::require_told(weights.errors());
    return 0;
  }
  for (const bool double_precision : {true, false}) {
    const runtime::Arrays stored = runtime::store_weights(weights->values, layout, double_precision);
    const runtime::Result<runtime::Weights> again = runtime::load_weights("", stored, layout);
    // In single precision a large value becomes infinite.
    if (double_precision) {
      fuzz::require(bool(again), "what is stored can be loaded");
      fuzz::require(again->values == weights->values, "what is stored is loaded again");
    }
  }
  return 0;
}
