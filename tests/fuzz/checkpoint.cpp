// Any bytes as a checkpoint of a training run: traits and state, or an error.
#include "runtime/checkpoint.hpp"
#include "tests/fuzz/arrays.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nodec;
  const runtime::Result<runtime::Checkpoint> checkpoint =
      runtime::read_checkpoint("input", fuzz::as_bytes(data, size));
  if (!checkpoint) {
    fuzz::require_told(checkpoint.errors());
    return 0;
  }
  for (const runtime::Arrays::Item& item : checkpoint->state.items()) fuzz::require_sound(item.array);
  runtime::difference(checkpoint->traits, {{"the seed", "0"}, {"the training data", "0", true}});
  return 0;
}
