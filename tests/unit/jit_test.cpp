// Machine code: objects that outlive the module, code that outlives the object, many threads, errors as
// values.
#include <doctest/doctest.h>

#include <thread>

#include "compiler/schedule/builder.hpp"
#include "tests/unit/compiled_batch.hpp"

namespace nodec {
namespace {

using schedule::Builder;
using schedule::Storage;

// y = factor·x
schedule::Program scaling(double factor) {
  schedule::Program program;
  program.lanes = 8;
  program.double_precision = true;
  program.functions.resize(1);
  program.functions[0].name = "pool";
  program.pool = 0;
  Builder b(program, 0);
  const auto data = b.buffer({.name = "x", .lanes = true, .storage = Storage::data, .size = 1});
  const auto output = b.buffer({.name = "y", .lanes = true, .storage = Storage::output, .size = 1});
  b.store(output, b.index(0), b.mul(b.load(data, b.index(0)), b.real(factor)));
  return program;
}

bool scales(const jit::Code& code, double factor) {
  schedule::Batch batch;
  batch.samples = 11;
  batch.data = {std::vector<double>(11, 3.0)};
  const test::CompiledRun run = test::run_compiled(scaling(factor), batch, code);
  for (const double y : run.result.outputs[0]) {
    if (y != 3 * factor) return false;
  }
  return run.guards_intact;
}

TEST_CASE("an object's bytes alone are enough to load it, more than once") {
  jit::Object kept;
  {
    auto object = jit::compile(codegen::emit(scaling(5), codegen::host_target()));
    REQUIRE_MESSAGE(object, object.error);
    kept.files = object->files;
    kept.target = object->target;
    CHECK(object->code_bytes > 0);
    CHECK(object->timings.generate > 0);
  }
  auto first = jit::load(kept), second = jit::load(kept);
  REQUIRE(first);
  REQUIRE(second);
  CHECK((first->pool != second->pool));
  CHECK(scales(*first, 5));
  first = {};
  CHECK(scales(*second, 5));
}

TEST_CASE("copies of code keep its memory") {
  jit::Code copy;
  {
    auto code = jit::load(codegen::emit(scaling(7), codegen::host_target()));
    REQUIRE(code);
    copy = *code;
  }
  CHECK(scales(copy, 7));
}

TEST_CASE("threads compile and run at once") {
  std::vector<std::thread> threads;
  std::vector<int> right(4);
  for (int n = 0; n < 4; ++n) {
    threads.emplace_back([&right, n] {
      for (int round = 0; round < 5; ++round) {
        auto code = jit::load(codegen::emit(scaling(n + 2), codegen::host_target()));
        right[n] += code && scales(*code, n + 2);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const int count : right) CHECK(count == 5);
}

TEST_CASE("the same program gives the same object") {
  const auto bytes = [] { return jit::compile(codegen::emit(scaling(2), codegen::host_target()))->files; };
  CHECK(bytes() == bytes());
}

TEST_CASE("what cannot be loaded or generated says why") {
  jit::Object damaged;
  damaged.target = codegen::host_target();
  damaged.files.emplace_back(100, 'x');
  const auto loaded = jit::load(damaged);
  CHECK(!loaded);
  CHECK(loaded.error != "");
  codegen::Target nowhere = codegen::host_target();
  nowhere.triple = "pdp11-unknown-none";
  const auto compiled = jit::compile(codegen::emit(scaling(2), nowhere));
  CHECK(!compiled);
  CHECK(compiled.error != "");
}

TEST_CASE("a truncated object is refused") {
  auto object = jit::compile(codegen::emit(scaling(2), codegen::host_target()));
  REQUIRE(object);
  for (const size_t size :
       {object->files[0].size() / 2, object->files[0].size() - 1, size_t{70}, size_t{0}}) {
    jit::Object part = *object;
    part.files[0].resize(size);
    CHECK(!jit::load(part));
  }
}

TEST_CASE("assembly shows the four functions") {
  const auto text = jit::assembly(codegen::emit(scaling(2), codegen::host_target()));
  REQUIRE(text.value);
  for (const char* name : {"sizes:", "prologue:", "pool:", "epilogue:"}) {
    CHECK(text.value->find(name) != std::string::npos);
  }
}

}  // namespace
}  // namespace nodec
