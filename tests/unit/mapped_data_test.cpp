// Data that stay in their file: large arrays of the precision of compiled code are not copied.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cmath>

#include <cstdio>
#include <cstring>

#include "runtime/binding.hpp"
#include "runtime/files.hpp"
#include "runtime/npy.hpp"

namespace nodec::runtime {
namespace {

constexpr int64_t samples = 1 << 18, width = 72;  // 72 MiB of f32

// A .npy file of zeros but for one element.
class Large {
 public:
  Large(const std::string& name, int64_t element, float value) : path(name) {
    Array nothing{{samples, width}, Element::f32, {}};
    std::vector<std::byte> header = write_npy(nothing);
    REQUIRE(write_bytes(path, header));
    std::FILE* file = std::fopen(path.c_str(), "r+b");
    REQUIRE(file);
    const long begin = static_cast<long>(header.size());
    std::fseek(file, begin + 4 * element, SEEK_SET);
    std::fwrite(&value, sizeof value, 1, file);
    std::fclose(file);
    REQUIRE(::truncate(path.c_str(), begin + 4 * samples * width) == 0);
  }
  ~Large() { std::remove(path.c_str()); }
  const std::string path;
};

Result<Binding> bound(const std::string& path, bool double_precision, Declared x) {
  const Result<DataFile> data = read_data(path);
  if (!data) return data.errors();
  BindOptions options;
  options.double_precision = double_precision;
  return bind(*data, {std::move(x)}, options);
}

TEST_CASE("an array of the precision stays mapped, another is converted: the same values") {
  const Large file("nodec_mapped_x.npy", 5 * width + 7, 2.5f);
  const std::string name = "nodec_mapped_x";
  for (const bool twice : {false, true}) {
    const Result<Binding> binding = bound(file.path, twice, {name, {Extent(width)}});
    REQUIRE(binding);
    CHECK(binding->samples == samples);
    const BoundArray& x = binding->arrays[0];
    CHECK(x.stride == width);
    CHECK(x.values.size() == static_cast<size_t>(samples * width));
    CHECK(x.values[5 * width + 7] == 2.5);
    CHECK(x.values[5 * width + 8] == 0);
    float first;
    if (!twice) {
      std::memcpy(&first, static_cast<const std::byte*>(x.values.data()) + 4 * (5 * width + 7), 4);
      CHECK(first == 2.5f);
    }
  }
}

TEST_CASE("mapped values are checked: the same messages as of copied ones") {
  const std::string name = "nodec_mapped_y";
  const auto message = [&](float value, bool twice, Declared x) {
    const Large file("nodec_mapped_y.npy", 9 * width + 3, value);
    const Result<Binding> binding = bound(file.path, twice, std::move(x));
    return binding ? std::string() : binding.errors().front().text;
  };
  const Declared plain{name, {Extent(width)}};
  CHECK(message(NAN, false, plain) == "array 'nodec_mapped_y', sample 9, element [3]: the value is missing");
  CHECK(message(INFINITY, false, plain) == message(INFINITY, true, plain));
  Declared times = plain;
  times.monotone = true;
  CHECK(message(1, false, times) == message(1, true, times));
  CHECK(message(1, false, times).find("expected times in order") != std::string::npos);
  Declared missing = plain;
  missing.missing = true;
  CHECK(message(NAN, false, missing) == "");
}

}  // namespace
}  // namespace nodec::runtime
