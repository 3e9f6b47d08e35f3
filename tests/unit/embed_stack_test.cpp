#include <doctest/doctest.h>
#include <pthread.h>

#include <stdexcept>
#include <string>

#include "compiler/embed/deep_stack.hpp"
#include "nodec/nodec.hpp"

namespace {

std::string first_problem(const std::string& text) {
  const nodec::Program program = nodec::Program::from_text("deep.node", text);
  return program.ok() ? "" : program.diagnostics().front().id;
}

std::string repeated(const std::string& text, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

// What `work` does on a thread with a stack of `bytes`.
template <typename Work>
void on_small_stack(size_t bytes, Work work) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  REQUIRE(pthread_attr_setstacksize(&attributes, bytes) == 0);
  pthread_t thread;
  REQUIRE(pthread_create(
              &thread, &attributes,
              [](void* argument) -> void* {
                (*static_cast<Work*>(argument))();
                return nullptr;
              },
              &work) == 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

}  // namespace

TEST_CASE("a host's thread with a small stack reads programs nested as deep as any") {
  std::string chain, too_deep;
  for (int i = 0; i < 5000; ++i)
    too_deep += "const a" + std::to_string(i) + " = a" + std::to_string(i + 1) + "\n";
  for (int i = 0; i < 1300; ++i)
    chain += "const a" + std::to_string(i) + " = a" + std::to_string(i + 1) + "\n";
  chain += "const a1300 = 1\n";
  const std::string brackets = "const a = " + repeated("[", 900) + "1" + repeated("]", 900);
  const std::string minuses = "const a = " + repeated("-", 900) + "1";
  std::string problems[4];
  on_small_stack(512 << 10, [&] {
    problems[0] = first_problem(chain);
    problems[1] = first_problem(too_deep);
    problems[2] = first_problem(brackets);
    problems[3] = first_problem(minuses);
  });
  CHECK(problems[0] == "");
  CHECK(problems[1] == "nesting_too_deep");
  CHECK(problems[2] == "too_many_axes");
  CHECK(problems[3] == "");
}

TEST_CASE("an exception on the deep stack arrives at the caller") {
  CHECK(nodec::embed::on_deep_stack([] { return 3; }) == 3);
  CHECK_THROWS_AS(nodec::embed::on_deep_stack([]() -> int { throw std::runtime_error("x"); }),
                  std::runtime_error);
}
