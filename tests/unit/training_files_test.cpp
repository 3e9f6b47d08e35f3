// Files of a training run: checkpoints, logs; IDX data.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cmath>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "runtime/binding.hpp"
#include "runtime/checkpoint.hpp"
#include "runtime/files.hpp"
#include "runtime/idx.hpp"
#include "runtime/log.hpp"

namespace nodec::runtime {
namespace {

class File {
 public:
  explicit File(const std::string& name) : path("nodec_" + std::to_string(::getpid()) + "_" + name) {}
  ~File() { std::remove(path.c_str()); }
  std::string text() const {
    std::stringstream all;
    all << std::ifstream(path).rdbuf();
    return all.str();
  }
  void write(const std::string& text) const { REQUIRE(write_bytes(path, std::as_bytes(std::span(text)))); }
  const std::string path;
};

std::vector<std::byte> bytes_of(const std::vector<int>& values) {
  std::vector<std::byte> bytes;
  for (const int v : values) bytes.push_back(static_cast<std::byte>(v));
  return bytes;
}

TEST_CASE("checkpoints keep every bit and every trait") {
  const File file("run.checkpoint");
  Checkpoint checkpoint;
  checkpoint.traits = {{"the seed", "1"}, {"the data", "00ff", true}};
  const double values[] = {0.1, -0.0, 5e-324, 1e308};
  checkpoint.state.add("x", Array::of({2, 2}, std::span<const double>(values)));
  REQUIRE(write_checkpoint(file.path, checkpoint));
  const Result<Checkpoint> read = read_checkpoint(file.path);
  REQUIRE(read);
  CHECK(difference(read->traits, checkpoint.traits) == "");
  REQUIRE(read->state.find("x"));
  CHECK(read->state.find("x")->bytes == checkpoint.state.find("x")->bytes);
  CHECK(read->state.find("traits") == nullptr);
}

TEST_CASE("a difference names what differs, with values that say something") {
  const std::vector<Trait> there = {{"the seed", "1"}, {"the data", "00ff", true}, {"a", "1"}};
  CHECK(difference(there, {{"the seed", "2"}, {"the data", "00fe", true}, {"b", "1"}}) ==
        "the seed (1 there, 2 here), the data, b (none there), a (none here)");
}

TEST_CASE("a file that is no checkpoint is an error") {
  const File file("no.checkpoint");
  file.write("{}");
  const Result<Checkpoint> read = read_checkpoint(file.path);
  REQUIRE_FALSE(read);
  CHECK(read.errors()[0].id == Problem::not_a_checkpoint);
  Checkpoint empty;
  REQUIRE(write_checkpoint(file.path, empty));
  CHECK_FALSE(read_checkpoint(file.path));
}

TEST_CASE("digests tell contents apart") {
  const auto text = [](std::string_view a, std::string_view b) {
    Digest digest;
    digest.add(a);
    digest.add(b);
    return digest.text();
  };
  CHECK(text("ab", "c") == text("ab", "c"));
  CHECK(text("ab", "c") != text("a", "bc"));
  CHECK(text("ab", "c") != text("ab", "d"));
  CHECK(text(std::string_view("a\0", 2), "") != text("a", ""));
}

TEST_CASE("a log starts with its header and goes on where a checkpoint was") {
  const File file("log.csv");
  const std::vector<std::string> columns = {"step", "loss", "validation"};
  {
    Result<Log> log = Log::open(file.path, columns);
    REQUIRE(log);
    log->row(1, {0.5, std::nullopt});
    log->row(2, {0.25, 1.0});
    log->row(3, {NAN, std::nullopt});
    REQUIRE(log->flush());
  }
  CHECK(file.text() == "step,loss,validation\n1,0.5,\n2,0.25,1\n3,nan,\n");
  file.write(file.text() + "4,0.1");  // killed in the middle of a row
  {
    Result<Log> log = Log::open(file.path, columns, 2);
    REQUIRE(log);
    log->row(3, {0.125, std::nullopt});
  }
  CHECK(file.text() == "step,loss,validation\n1,0.5,\n2,0.25,1\n3,0.125,\n");
  const Result<Log> other = Log::open(file.path, {"step", "loss"}, 2);
  REQUIRE_FALSE(other);
  CHECK(other.errors()[0].id == Problem::log_columns);
  REQUIRE(Log::open(file.path, {"step", "loss"}));
  CHECK(file.text() == "step,loss\n");
}

TEST_CASE("IDX: big-endian elements of every width") {
  const Result<Array> shorts = read_idx("f", bytes_of({0, 0, 0x0b, 1, 0, 0, 0, 2, 1, 2, 0xff, 0xfe}));
  REQUIRE(shorts);
  CHECK(shorts->shape == std::vector<int64_t>{2});
  CHECK(shorts->integer(0) == 258);
  CHECK(shorts->integer(1) == -2);
  const Result<Array> real = read_idx("f", bytes_of({0, 0, 0x0d, 0, 0x40, 0x20, 0, 0}));
  REQUIRE(real);
  CHECK(real->shape.empty());
  CHECK(real->real(0) == 2.5);
}

TEST_CASE("IDX: damaged files are errors") {
  const std::vector<std::vector<int>> bad = {
      {},
      {0, 0, 8},
      {0, 0, 7, 0, 1},
      {1, 0, 8, 0, 1},
      {0, 0, 8, 1, 0, 0},
      {0, 0, 8, 1, 0, 0, 0, 2, 1},
      {0, 0, 8, 1, 0, 0, 0, 1, 1, 2},
      {0, 0, 8, 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1},
      {0x1f, 0x8b, 0, 0},
      {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3}};
  for (const std::vector<int>& file : bad) CHECK_FALSE(read_idx("f", bytes_of(file)));
}

TEST_CASE("data from a file for each array") {
  const File image("image"), label("label,1");
  const auto put = [](const File& file, const std::vector<int>& values) {
    REQUIRE(write_bytes(file.path, bytes_of(values)));
  };
  put(image, {0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 2, 3, 4});
  put(label, {0, 0, 8, 1, 0, 0, 0, 1, 9});
  const Result<DataFile> data = read_data("image=" + image.path + ",label=" + label.path);
  REQUIRE(data);
  const Arrays& arrays = std::get<Arrays>(data->contents);
  CHECK(arrays.names() == std::vector<std::string>{"image", "label"});
  CHECK(arrays.find("image")->real(1) == 4);
  CHECK_FALSE(read_data("image=" + image.path + ",image=" + image.path));
  CHECK_FALSE(read_data("image=missing"));
}

}  // namespace
}  // namespace nodec::runtime
