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

Result<Binding> bound(const std::string& path, bool double_precision, Declared x,
                      size_t largest_copy = size_t{1} << 30) {
  const Result<DataFile> data = read_data(path);
  if (!data) return data.errors();
  BindOptions options;
  options.largest_copy = largest_copy;
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
  const auto converted = [&](float value, Declared x) {
    const Large file("nodec_mapped_y.npy", 9 * width + 3, value);
    const Result<Binding> binding = bound(file.path, true, std::move(x), 0);
    return binding ? std::string() : binding.errors().front().text;
  };
  const Declared plain{name, {Extent(width)}};
  CHECK(message(NAN, false, plain) == "array 'nodec_mapped_y', sample 9, element [3]: the value is missing");
  CHECK(message(INFINITY, false, plain) == message(INFINITY, true, plain));
  Declared times = plain;
  times.monotone = true;
  CHECK(message(1, false, times) == message(1, true, times));
  CHECK(message(1, false, times).find("expected times in order") != std::string::npos);
  CHECK(converted(NAN, plain) == message(NAN, false, plain));
  CHECK(converted(INFINITY, plain) == message(INFINITY, false, plain));
  CHECK(converted(1, times) == message(1, false, times));
  Declared missing = plain;
  missing.missing = true;
  CHECK(message(NAN, false, missing) == "");
  CHECK(converted(NAN, missing) == "");
}

TEST_CASE("a mapped array of another element type is read as if it had been converted") {
  const Large file("nodec_mapped_z.npy", 5 * width + 7, 2.5f);
  const Result<Binding> binding = bound(file.path, true, {"nodec_mapped_z", {Extent(width)}}, 0);
  REQUIRE(binding);
  const Reals& z = binding->arrays[0].values;
  CHECK(!z.has_address());
  CHECK(z.size() == static_cast<size_t>(samples * width));
  CHECK(z[5 * width + 7] == 2.5);
  double part[3];
  z.read(5 * width + 6, 3, part);
  CHECK(part[0] == 0);
  CHECK(part[1] == 2.5);
  CHECK(part[2] == 0);
  CHECK(z.copied().has_address());
  CHECK(z.copied()[5 * width + 7] == 2.5);
  CHECK(z.stored().size() == static_cast<size_t>(4 * samples * width));
}

// Of every element type that files hold, as many bytes as are mapped.
TEST_CASE("reading rounds to the precision whatever lies in the file") {
  const double values[] = {0, 1, 2.75, 1e-30, 1e30, 16777217};
  Array doubles = Array::of({6}, std::span<const double>(values));
  const int8_t small[] = {-128, -1, 0, 1, 2, 127};
  Array bytes{{6}, Element::i8, {}};
  for (const int8_t v : small) bytes.bytes.push_back(static_cast<std::byte>(v));
  Array truths{{6}, Element::boolean, {}};
  for (const int v : {0, 1, 2, 255, 0, 1}) truths.bytes.push_back(static_cast<std::byte>(v));
  for (Array* array : {&doubles, &bytes, &truths})
    for (const bool twice : {false, true}) {
      const Array original = *array;
      Array mapped{original.shape, original.element, {}, original.bytes, std::make_shared<int>(0)};
      const Reals reals = Reals::of_mapped(mapped, twice);
      for (size_t i = 0; i < 6; ++i) {
        const double exact = original.real(static_cast<int64_t>(i));
        const double expected = twice ? exact : static_cast<double>(static_cast<float>(exact));
        CHECK(reals[i] == expected);
        CHECK(reals.copied()[i] == expected);
      }
    }
}

}  // namespace
}  // namespace nodec::runtime
