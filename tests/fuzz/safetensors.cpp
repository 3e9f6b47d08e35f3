// Any bytes as a .safetensors file: arrays that a file of them gives back and that data are bound to, or an
// error.
#include <memory>

#include "runtime/formats.hpp"
#include "tests/fuzz/arrays.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nodec;
  const std::span<const std::byte> bytes = fuzz::as_bytes(data, size);
  const runtime::Result<runtime::Arrays> arrays = runtime::read_safetensors("input.safetensors", bytes);
  const auto keep = std::make_shared<int>(0);
  const runtime::Result<runtime::Arrays> mapped = runtime::read_safetensors("input.safetensors", bytes, keep);
  fuzz::require(bool(arrays) == bool(mapped), "a mapped file is read as any other");
  if (!arrays) {
    fuzz::require_told(arrays.errors());
    return 0;
  }
  for (const runtime::Arrays::Item& item : arrays->items()) fuzz::require_sound(item.array);
  fuzz::require(fuzz::same(*arrays, *mapped), "a mapped file has the same values");
  const std::vector<std::byte> written = runtime::write_safetensors(*arrays);
  const runtime::Result<runtime::Arrays> again = runtime::read_safetensors("a.safetensors", written);
  fuzz::require(again && fuzz::same(*arrays, *again), "what is written is read back");
  fuzz::bind_all({"input.safetensors", *arrays});
  fuzz::bind_all({"input.safetensors", *mapped});
  return 0;
}
