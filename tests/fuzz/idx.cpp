// Any bytes as an IDX file, plain or compressed: an array, or an error.
#include "runtime/idx.hpp"
#include "tests/fuzz/arrays.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nodec;
  const std::span<const std::byte> bytes = fuzz::as_bytes(data, size);
  const runtime::Result<runtime::Array> array = runtime::read_idx("input", bytes);
  if (!array) {
    fuzz::require_told(array.errors());
    return 0;
  }
  fuzz::require_sound(*array);
  fuzz::require(runtime::looks_like_idx(bytes), "what can be read looks like it");
  return 0;
}
