// Any bytes as a .safetensors file: arrays that a file of them gives back and that data are bound to, or an
// error.
#include "runtime/formats.hpp"
#include "tests/fuzz/arrays.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nodec;
  const std::span<const std::byte> bytes = fuzz::as_bytes(data, size);
  const auto read = fuzz::read_both_ways([&](std::shared_ptr<const void> keep) {
    return runtime::read_safetensors("input.safetensors", bytes, keep);
  });
  if (!read) return 0;
  const runtime::Arrays &arrays = read->first, &mapped = read->second;
  const std::vector<std::byte> written = runtime::write_safetensors(arrays);
  const runtime::Result<runtime::Arrays> again = runtime::read_safetensors("a.safetensors", written);
  fuzz::require(again && fuzz::same(arrays, *again), "what is written is read back");
  fuzz::bind_all({"input.safetensors", arrays});
  fuzz::bind_all({"input.safetensors", mapped});
  return 0;
}
