// Files of arrays: what numpy wrote is read, what we write is read back, and damaged files give errors.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "runtime/bytes.hpp"
#include "runtime/files.hpp"
#include "runtime/formats.hpp"
#include "runtime/half.hpp"
#include "runtime/npy.hpp"
#include "runtime/zip.hpp"
#include "tests/unit/data_fixtures.hpp"

namespace nodec::runtime {
namespace {

using Bytes = std::vector<std::byte>;
using Shape = std::vector<int64_t>;

std::vector<double> reals(const Array& array) {
  std::vector<double> values;
  for (int64_t i = 0; i < array.size(); ++i) values.push_back(array.real(i));
  return values;
}

// The first error's message, or "" when there is none.
template <class T>
std::string failure(const Result<T>& result) {
  return result ? "" : result.errors()[0].message();
}

Bytes safetensors(const std::string& header, size_t data) {
  Bytes bytes;
  append_little(bytes, header.size(), 8);
  for (const char c : header) bytes.push_back(static_cast<std::byte>(c));
  bytes.resize(bytes.size() + data);
  return bytes;
}

Bytes npy(const std::string& header, size_t data) {
  Bytes bytes = test::from_hex("934e554d50590100");
  append_little(bytes, header.size(), 2);
  for (const char c : header) bytes.push_back(static_cast<std::byte>(c));
  bytes.resize(bytes.size() + data);
  return bytes;
}

Arrays sample_arrays() {
  Arrays arrays;
  const double a[] = {1, -2.5, 1e300, 0.1, 5, 6};
  const float w[] = {1.5f, -0.f};
  const int64_t n[] = {-7, int64_t{1} << 60};
  arrays.add("a", Array::of({2, 3}, std::span<const double>(a)));
  arrays.add("flow.net.θ", Array::of({2}, std::span<const float>(w)));
  arrays.add("n", Array::of({2, 1}, std::span<const int64_t>(n)));
  arrays.add("empty", Array{{0, 4}, Element::f64, {}});
  arrays.add("scalar", Array::of({}, std::span<const double>(a, 1)));
  arrays.add("flag", Array{{3}, Element::boolean, {std::byte{1}, std::byte{0}, std::byte{1}}});
  return arrays;
}

void check_equal(const Arrays& found, const Arrays& expected) {
  REQUIRE(found.size() == expected.size());
  for (const auto& [name, array] : expected.items()) {
    const Array* other = found.find(name);
    REQUIRE_MESSAGE(other, name);
    CHECK(other->shape == array.shape);
    CHECK(other->element == array.element);
    CHECK(other->bytes == array.bytes);
  }
}

// A scratch folder that goes away with the test.
struct Folder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("nodec-data-" + std::to_string(::getpid()));
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string file(const std::string& name) const { return (path / name).string(); }
};

TEST_CASE("npz: stored entries written by numpy") {
  const Result<Arrays> arrays = read_npz("s.npz", test::from_hex(test::stored_npz));
  REQUIRE_MESSAGE(arrays, failure(arrays));
  REQUIRE(arrays->size() == 2);
  CHECK(arrays->find("a")->shape == Shape{2, 2});
  CHECK(reals(*arrays->find("a")) == std::vector<double>{1.5, -2, 3, 4e300});
  CHECK(arrays->find("i")->element == Element::i32);
  CHECK(reals(*arrays->find("i")) == std::vector<double>{0, 1, 2});
}

TEST_CASE("npz: deflated entries, Fortran order and names beyond ASCII") {
  const Result<Arrays> arrays = read_npz("d.npz", test::from_hex(test::deflated_npz));
  REQUIRE_MESSAGE(arrays, failure(arrays));
  CHECK(arrays->find("f")->shape == Shape{2, 3});
  CHECK(reals(*arrays->find("f")) == std::vector<double>{0, 1, 2, 3, 4, 5});
  REQUIRE(arrays->find("θ.W"));
  CHECK(arrays->find("θ.W")->shape.empty());
  CHECK(arrays->find("θ.W")->real(0) == 2.5);
}

TEST_CASE("npy: halves, big-endian integers, booleans") {
  const Result<Array> half = read_npy("h.npy", "h", test::from_hex(test::half_npy));
  REQUIRE(half);
  CHECK(half->element == Element::f32);
  CHECK(half->real(1) == 0.5);
  CHECK(half->real(3) == 65504);
  CHECK(half->real(4) == 0x1p-24);
  CHECK(std::isinf(half->real(5)));
  const Result<Array> big = read_npy("b.npy", "b", test::from_hex(test::big_endian_npy));
  REQUIRE(big);
  CHECK(reals(*big) == std::vector<double>{1, 258});
  const Result<Array> flags = read_npy("f.npy", "f", test::from_hex(test::bool_npy));
  REQUIRE(flags);
  CHECK(reals(*flags) == std::vector<double>{1, 0});
}

TEST_CASE("npy: written as numpy writes it, byte for byte") {
  const std::byte flags[] = {std::byte{1}, std::byte{0}};
  CHECK(write_npy(Array{{2}, Element::boolean, {flags, flags + 2}}) == test::from_hex(test::bool_npy));
}

TEST_CASE("halves: every value of both kinds") {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const uint16_t half = static_cast<uint16_t>(bits);
    const float value = half_to_float(half);
    const int exponent = half >> 10 & 31, fraction = half & 1023;
    const double sign = half & 0x8000 ? -1 : 1;
    if (exponent == 31) {
      CHECK(fraction ? std::isnan(value) : value == sign * INFINITY);
    } else {
      CHECK(value ==
            sign * (exponent ? std::ldexp(1024 + fraction, exponent - 25) : std::ldexp(fraction, -24)));
    }
  }
  CHECK(bfloat_to_float(0x3fc0) == 1.5f);
}

TEST_CASE("round trips of every format") {
  const Folder folder;
  const Arrays arrays = sample_arrays();
  for (const char* name : {"a.npz", "a.safetensors"}) {
    REQUIRE(write_arrays(folder.file(name), arrays));
    const Result<Arrays> back = read_arrays(folder.file(name));
    REQUIRE_MESSAGE(back, failure(back));
    check_equal(*back, arrays);
  }
  const Result<Bytes> deflated = write_npz("a.npz", arrays, true);
  REQUIRE(deflated);
  const Result<Arrays> back = read_npz("a.npz", *deflated);
  REQUIRE_MESSAGE(back, failure(back));
  check_equal(*back, arrays);
}

TEST_CASE("the same arrays give the same bytes") {
  CHECK(*write_npz("a", sample_arrays()) == *write_npz("a", sample_arrays()));
  CHECK(write_safetensors(sample_arrays()) == write_safetensors(sample_arrays()));
}

TEST_CASE("writing replaces a file whole and leaves nothing beside it") {
  const Folder folder;
  const std::string path = folder.file("w.npz");
  std::ofstream(path) << "old";
  REQUIRE(write_arrays(path, sample_arrays()));
  CHECK(read_arrays(path));
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path), {}) == 1);
  const Result<Done> nowhere = write_arrays(folder.file("none/w.npz"), sample_arrays());
  CHECK(failure(nowhere) == folder.file("none/w.npz") + ": cannot write: No such file or directory");
}

TEST_CASE("writing through a link keeps the link") {
  const Folder folder;
  std::ofstream(folder.file("real.npz")) << "old";
  std::filesystem::create_symlink(folder.file("real.npz"), folder.file("link.npz"));
  REQUIRE(write_arrays(folder.file("link.npz"), sample_arrays()));
  CHECK(std::filesystem::is_symlink(folder.file("link.npz")));
  CHECK(read_arrays(folder.file("real.npz")));
}

TEST_CASE("files that cannot be read") {
  const Folder folder;
  CHECK(failure(read_arrays(folder.file("no.npz"))) ==
        folder.file("no.npz") + ": cannot open: No such file or directory");
  CHECK(failure(read_arrays(folder.file("no.txt"))) ==
        folder.file("no.txt") + ": unknown format '.txt': expected .npz, .safetensors or .csv");
  std::filesystem::create_directory(folder.path / "dir.npz");
  CHECK(failure(read_arrays(folder.file("dir.npz"))) ==
        folder.file("dir.npz") + ": cannot read: it is a folder");
  std::ofstream(folder.file("empty.npz"));
  CHECK(failure(read_arrays(folder.file("empty.npz"))).find("it has no directory") != std::string::npos);
}

TEST_CASE("npy: headers that lie") {
  const auto read = [](const std::string& header, size_t data) {
    return failure(read_npy("x.npy", "x", npy(header, data)));
  };
  CHECK(read("{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }", 16).empty());
  CHECK(read("{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }", 15) ==
        "x.npy: array 'x': the file ends too early: expected 16 bytes, found 15");
  CHECK(read("{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }", 17)
            .find("expected 16 bytes for its shape") != std::string::npos);
  CHECK(read("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 1000000000000), }", 8)
            .find("more than 2147483648 elements") != std::string::npos);
  CHECK(read("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }", 8)
            .find("its shape [-1] has a negative extent") != std::string::npos);
  CHECK(read("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", 8) ==
        "x.npy: array 'x': element type '|O' is not supported");
  CHECK(read("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,), }", 8) ==
        "x.npy: array 'x': element type 'record' is not supported");
  for (const char* header :
       {"", "{", "{'descr'", "{'descr': '<f8', 'descr': '<f8'}", "{'shape': (1,}",
        "{'shape': (99999999999999999999,)}", "{'descr': '<f8', 'fortran_order': Maybe, 'shape': (1,), }"}) {
    CHECK(read(header, 8) == "x.npy: array 'x': its header is damaged");
  }
  CHECK(failure(read_npy("x.npy", "x", npy(std::string(10, ' '), 0))).find("damaged") != std::string::npos);
  CHECK(failure(read_npy("x.npy", "x", Bytes(5))).find("not a .npy array") != std::string::npos);
}

TEST_CASE("zip: a damaged byte of the data fails the checksum") {
  Bytes bytes = test::from_hex(test::stored_npz);
  const std::byte eight_thirds = bytes[200];
  bytes[200] = eight_thirds ^ std::byte{1};
  CHECK(failure(read_npz("s.npz", bytes)).find("checksum") != std::string::npos);
}

TEST_CASE("zip: entries may not overlap") {
  // Two directory records that name one entry.
  const ZipEntry entry{"a.npy", write_npy(Array{{0}, Element::f64, {}})};
  const ZipEntry both[] = {entry, {"b.npy", entry.bytes}};
  Bytes bytes = *write_zip("a", both, false);
  const size_t end = bytes.size() - 22;
  const size_t directory = little(bytes, end + 16, 4);
  const size_t record = 46 + entry.name.size();
  for (size_t i = 0; i < 4; ++i) bytes[directory + record + 42 + i] = bytes[directory + 42 + i];
  CHECK(failure(read_npz("a.npz", bytes)) == "a.npz: not a valid .zip file: its entries overlap");
}

TEST_CASE("zip: an entry that inflates to more or less than it says") {
  const ZipEntry entry{"a.npy", Bytes(3000)};
  const Bytes good = *write_zip("a", std::span(&entry, 1), true);
  const size_t directory = little(good, good.size() - 22 + 16, 4);
  for (const uint64_t size : {uint64_t{2999}, uint64_t{3001}, uint64_t{0xfffffff0}}) {
    Bytes bytes = good;
    for (size_t i = 0; i < 4; ++i) bytes[directory + 24 + i] = static_cast<std::byte>(size >> (8 * i) & 255);
    CHECK(failure(read_npz("a.npz", bytes)).find("does not decompress to its size") != std::string::npos);
  }
}

TEST_CASE("zip: a method that we do not have") {
  const ZipEntry entry{"a.npy", Bytes(10)};
  Bytes bytes = *write_zip("a", std::span(&entry, 1), false);
  const size_t directory = little(bytes, bytes.size() - 22 + 16, 4);
  bytes[directory + 10] = std::byte{14};
  CHECK(failure(read_npz("a.npz", bytes)) ==
        "a.npz: array 'a.npy': compression method 14 is not supported: expected stored or deflated");
}

TEST_CASE("npz: a name may not occur twice") {
  const Bytes array = write_npy(Array{{0}, Element::f64, {}});
  const ZipEntry entries[] = {{"a.npy", array}, {"a.npy", array}};
  CHECK(failure(read_npz("a.npz", *write_zip("a", entries, false))) == "a.npz: array 'a' occurs twice");
}

TEST_CASE("safetensors: half types are widened") {
  Bytes bytes = safetensors(
      R"({"__metadata__":{"format":"pt"},"h":{"dtype":"F16","shape":[1],"data_offsets":[0,2]},"b":{"dtype":"BF16","shape":[1],"data_offsets":[2,4]}})",
      0);
  append_little(bytes, 0x3e00, 2);
  append_little(bytes, 0x3fc0, 2);
  const Result<Arrays> arrays = read_safetensors("w.safetensors", bytes);
  REQUIRE_MESSAGE(arrays, failure(arrays));
  CHECK(arrays->find("h")->real(0) == 1.5);
  CHECK(arrays->find("b")->real(0) == 1.5);
}

TEST_CASE("safetensors: headers that lie") {
  const auto read = [](const std::string& header, size_t data) {
    return failure(read_safetensors("w.safetensors", safetensors(header, data)));
  };
  const auto says = [&](const std::string& header, size_t data, const char* text) {
    CHECK_MESSAGE(read(header, data).find(text) != std::string::npos, read(header, data));
  };
  CHECK(read(R"({"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}})", 8).empty());
  says(R"({"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}})", 7,
       "the file ends too early: expected 8 bytes, found 7");
  says(R"({"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}})", 9, "overlap or leave a gap");
  says(
      R"({"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},"b":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}})",
      8, "overlap or leave a gap");
  says(
      R"({"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},"a":{"dtype":"F64","shape":[1],"data_offsets":[8,16]}})",
      16, "array 'a' occurs twice");
  says(R"({"a":{"dtype":"F64","shape":[2],"data_offsets":[0,8]}})", 8,
       "expected 16 bytes for its shape, found 8");
  says(R"({"a":{"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,8]}})", 8,
       "more than 2147483648 elements");
  says(R"({"a":{"dtype":"F64","shape":[-1],"data_offsets":[0,8]}})", 8, "its shape is not a list of extents");
  says(R"({"a":{"dtype":"F64","shape":[1],"data_offsets":[8,0]}})", 8, "it ends before it begins");
  says(R"({"a":{"dtype":"F64","shape":[1],"data_offsets":[0]}})", 8, "not two numbers");
  says(R"({"a":{"dtype":"C64","shape":[1],"data_offsets":[0,8]}})", 8, "element type 'C64' is not supported");
  says(R"({"a":[]})", 0, "needs dtype, shape and data_offsets");
  says(R"({"a":{"dtype":1,"shape":[1],"data_offsets":[0,8]}})", 8, "needs dtype, shape and data_offsets");
  says(R"({"a":{"dtype":"F64","shape":[[1]],"data_offsets":[0,8]}})", 8, "not a list of extents");
  says(R"({"a":{"dtype":"F64","shape":1,"data_offsets":[0,8]}})", 8, "not a list of extents");
  CHECK(
      read(R"({"a":{"dtype":"F64","more":[[{"shape":[2]}]],"shape":[1],"data_offsets":[0,8]}})", 8).empty());
  says("[1]", 0, "not a JSON object");
  says(R"([{"dtype":"F64"}])", 0, "not a JSON object");
  says("{", 0, "not a JSON object");
  says(std::string(100000, '['), 0, "not a JSON object");
  says("{\"\xff\":1}", 0, "not a JSON object");
  Bytes huge = safetensors("{}", 0);
  huge[7] = std::byte{0x7f};
  CHECK(failure(read_safetensors("w.safetensors", huge)).find("too long") != std::string::npos);
}

// Every way to cut a file, and every bit that may flip in it, gives arrays or an error.
template <class Read>
void torture(const Bytes& good, Read&& read) {
  REQUIRE(read("f", good));
  for (size_t size = 0; size < good.size(); ++size) CHECK_FALSE(read("f", std::span(good).first(size)));
  for (size_t i = 0; i < good.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      Bytes bad = good;
      bad[i] ^= static_cast<std::byte>(1 << bit);
      const Result<Arrays> result = read("f", bad);
      if (!result) CHECK_FALSE(result.errors().empty());
    }
  }
}

TEST_CASE("hostile files") {
  torture(test::from_hex(test::deflated_npz),
          [](const std::string& file, std::span<const std::byte> bytes) { return read_npz(file, bytes); });
  torture(test::from_hex(test::stored_npz),
          [](const std::string& file, std::span<const std::byte> bytes) { return read_npz(file, bytes); });
  torture(write_safetensors(sample_arrays()), [](const std::string& file, std::span<const std::byte> bytes) {
    return read_safetensors(file, bytes);
  });
}

}  // namespace
}  // namespace nodec::runtime
