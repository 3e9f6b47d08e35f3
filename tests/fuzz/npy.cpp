// Any bytes as a .npy file: an array that a file of it gives back, or an error.
#include <memory>

#include "runtime/npy.hpp"
#include "tests/fuzz/arrays.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nodec;
  const std::span<const std::byte> bytes = fuzz::as_bytes(data, size);
  const runtime::Result<runtime::Array> array = runtime::read_npy("input.npy", "input", bytes);
  const auto keep = std::make_shared<int>(0);
  const runtime::Result<runtime::Array> mapped = runtime::read_npy("input.npy", "input", bytes, keep);
  fuzz::require(bool(array) == bool(mapped), "a mapped file is read as any other");
  if (!array) {
    fuzz::require_told(array.errors());
    return 0;
  }
  fuzz::require_sound(*array);
  fuzz::require(fuzz::same(*array, *mapped), "a mapped file has the same values");
  const runtime::Result<runtime::Array> again = runtime::read_npy("a.npy", "a", runtime::write_npy(*array));
  fuzz::require(again && fuzz::same(*array, *again), "what is written is read back");
  return 0;
}
