// Any bytes as a .npz file: arrays that a file of them gives back and that data are bound to, or an error.
#include "runtime/formats.hpp"
#include "tests/fuzz/arrays.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nodec;
  const std::span<const std::byte> bytes = fuzz::as_bytes(data, size);
  const auto read = fuzz::read_both_ways(
      [&](std::shared_ptr<const void> keep) { return runtime::read_npz("input.npz", bytes, keep); });
  if (!read) return 0;
  const runtime::Arrays &arrays = read->first, &mapped = read->second;
  for (const bool deflate : {false, true}) {
    const runtime::Result<std::vector<std::byte>> written = runtime::write_npz("a.npz", arrays, deflate);
    fuzz::require(bool(written), "what was read can be written");
    const runtime::Result<runtime::Arrays> again = runtime::read_npz("a.npz", *written);
    fuzz::require(again && fuzz::same(arrays, *again), "what is written is read back");
  }
  fuzz::bind_all({"input.npz", arrays});
  fuzz::bind_all({"input.npz", mapped});
  return 0;
}
