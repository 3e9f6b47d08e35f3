// Rows of large products on several threads: each row once, whoever comes, and the bits of one thread.
#include "runtime/team.hpp"

#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <vector>

#include "compiler/embed/include/nodec/nodec.hpp"
#include "tests/unit/random_array.hpp"

namespace nodec {
namespace {

using test::random_array;

struct Rows {
  std::vector<std::atomic<int>> times;
  int64_t grain;
  std::atomic<int> crooked{0};  // ranges that do not begin at a multiple of the grain
  Rows(int64_t rows, int64_t g) : times(static_cast<size_t>(rows)), grain(g) {}
};

void count(const void* operands, int64_t first, int64_t end) {
  Rows& rows = *static_cast<Rows*>(const_cast<void*>(operands));
  if (first % rows.grain != 0) ++rows.crooked;
  for (int64_t r = first; r < end; ++r) ++rows.times[static_cast<size_t>(r)];
}

void check_jobs(runtime::Team& team, int jobs) {
  for (int job = 0; job < jobs; ++job) {
    Rows rows(job % 5 == 0 ? job % 3 : 1 + job % 300, 1 + job % 17);
    team.run(count, &rows, static_cast<int64_t>(rows.times.size()), rows.grain);
    bool once = true;
    for (const std::atomic<int>& times : rows.times) once &= times == 1;
    CHECK(once);
    CHECK(rows.crooked == 0);
  }
}

TEST_CASE("each row is done once, with as many helpers as come") {
  for (const int helpers : {0, 1, 3, 40}) {
    for (const int come : {0, 1, 3, 5}) {
      CAPTURE(helpers);
      CAPTURE(come);
      runtime::Team team;
      for (int again = 0; again < 2; ++again) {
        team.open(helpers);
        std::vector<std::thread> threads;
        for (int helper = 0; helper < come; ++helper)
          threads.emplace_back([&team, helper] { team.help(helper); });
        check_jobs(team, 300);
        team.close();
        for (std::thread& thread : threads) thread.join();
      }
    }
  }
}

TEST_CASE("a helper that comes late is sent away") {
  runtime::Team team;
  team.open(1);
  check_jobs(team, 3);
  team.close();
  team.help(0);
  team.open(1);
  check_jobs(team, 3);
  team.close();
}

// Widths that leave rests of rows and columns in every kernel.
const char* const wide_model = R"(
use nn
field f {
  state z: real[7]
  layer net = mlp([7, 523, 389, 7], tanh)
  z' = net(z)
}
model m {
  data x: real[7]
  let z = solve f(z = x) from 0 to 1 by tsit5(rtol = 1e-4, atol = 1e-4)
  output z
  loss mean(z^2)
}
)";

TEST_CASE("few samples of a large field have the same bits at any number of threads") {
  for (const Precision precision : {Precision::f32, Precision::f64}) {
    for (const int64_t batch : {1, 3, 9, 40}) {
      CAPTURE(batch);
      const Arrays data = {{"x", random_array({batch, 7}, 5)}};
      Arrays states, gradients;
      for (const int threads : {1, 2, 3, 7}) {
        CAPTURE(threads);
        Options options;
        options.precision = precision;
        options.threads = threads;
        const Program program = Program::from_text("m.node", wide_model, options);
        REQUIRE(program.ok());
        const Result<Model> model = program.model();
        REQUIRE(model);
        const Result<Dataset> bound = model->bind(data);
        REQUIRE(bound);
        const Arrays weights = *model->initial_weights();
        const Result<Evaluation> forward = model->evaluate(*bound, weights);
        const Result<Gradient> gradient = model->gradient(*bound, weights);
        REQUIRE(forward);
        REQUIRE(gradient);
        if (threads == 1) {
          states = forward->outputs;
          gradients = gradient->parameters;
        }
        for (const auto& [name, array] : forward->outputs) CHECK(array.values == states.at(name).values);
        for (const auto& [name, array] : gradient->parameters)
          CHECK(array.values == gradients.at(name).values);
      }
    }
  }
}

}  // namespace
}  // namespace nodec
