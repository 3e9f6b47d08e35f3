// Solves inside loops: the loop against the same model with its steps written out, the scheduler and the
// solvers against the reference evaluator.
#include <random>

#include "compiler/derive/derive.hpp"
#include "tests/unit/lowered_batch.hpp"
#include "tests/unit/semantics_fixture.hpp"

namespace nodec {
namespace {

using namespace nodec::graph;
using semantics::test::Program;

const char* const declarations = R"(
field f {
  state z: real[2]
  input k: real
  param a: real = 0.7
  z' = [z[1] + 0.1 * t, -k * a * sin(z[0])]
}
)";

// `T` is a length, or a dimension that is known.
std::string model_of(const std::string& body, int64_t known = -1) {
  const std::string dim = known < 0 ? "dim T" : "dim T = " + std::to_string(known);
  return std::string(declarations) + "model m {\n  " + dim +
         "\n  data t: real[T + 1], y: real[T, 2], h0: real[2], k: real\n"
         "  param W: real[2, 2] ~ normal(0, 0.5)\n" +
         body + "}\n";
}

struct Differentiated {
  Program program;
  std::vector<Output> results, sums;  // of one sample; with the sums over the batch of what parameters take

  explicit Differentiated(const std::string& text) : program(text) {
    INFO(program.rendered);
    REQUIRE(program.module);
    CHECK(program.invalid() == "");
    Graph& g = program.module->graph;
    const semantics::Model& model = program.model();
    std::vector<Ref> wrt;
    std::vector<std::string> names;
    for (const auto& p : model.parameters) {
      wrt.push_back(g.parameter(p.path, p.type));
      names.push_back(p.path);
    }
    const size_t parameters = wrt.size();
    for (const auto& d : model.data) {
      wrt.push_back(g.data(d.name, d.type, false));
      names.push_back(d.name);
    }
    derive::Refusal refusal;
    const std::vector<Ref> own =
        derive::vjp(g, {model.loss}, {g.constant(1.0)}, wrt, &refusal, derive::Over::sample);
    REQUIRE_MESSAGE(!refusal, refusal.message);
    const std::vector<Ref> all = derive::vjp(g, {g.batch_sum(model.loss)}, {g.constant(1.0)}, wrt, &refusal);
    results = model.outputs;
    results.push_back({"loss", model.loss});
    sums = results;
    for (size_t i = 0; i < wrt.size(); ++i) results.push_back({"d " + names[i], own[i]});
    for (size_t i = 0; i < wrt.size(); ++i)
      sums.push_back({"d " + names[i], i < parameters ? all[i] : own[i]});
    CHECK(verify(g, results) == "");
    CHECK(verify(g, sums) == "");
  }
};

std::vector<Environment> samples_of(const std::vector<int64_t>& lengths) {
  std::mt19937 engine(11);
  std::uniform_real_distribution<double> uniform(-1, 1);
  std::vector<Environment> samples;
  for (const int64_t length : lengths) {
    const auto tensor = [&](const std::vector<int64_t>& shape, double grows = 0) {
      Tensor x{shape, {}};
      int64_t size = 1;
      for (const int64_t n : shape) size *= n;
      for (int64_t i = 0; i < size; ++i)
        x.values.push_back(grows > 0 ? 0.3 * uniform(engine) + grows * static_cast<double>(i + 1)
                                     : uniform(engine));
      return x;
    };
    Environment e;
    e.parameters = {{"f.a", Tensor::scalar(0.7)}, {"m.W", {{2, 2}, {0.5, -0.3, 0.2, 0.8}}}};
    e.lengths["T"] = length;
    e.data = {
        {"t", tensor({length + 1}, 0.7)}, {"y", tensor({length, 2})}, {"h0", tensor({2})}, {"k", tensor({})}};
    samples.push_back(e);
  }
  return samples;
}

const char* const fold_of_solves = R"(
  let h = fold h from h0 for i in 0..T {
    let g = solve f(z = h, k = k) from t[i] to t[i + 1] by METHOD
    return tanh(W @ g + y[i])
  }
  output h
  loss sum(h^2)
)";
const char* const stack_of_solves = R"(
  let x = [solve f(z = y[i], k = k * (i + 1)) from 0 to t[i] by METHOD for i in 0..T]
  output x
  loss sum(x^3)
)";
const char* const shooting = R"(
  let g = sum(sum(((solve f(z = y[i], k = k) from t[i] to t[i + 1] by METHOD) - W @ y[T - 1 - i])^2) for i in 0..T)
  output g
  loss g
)";
const char* const inner_loop = R"(
  let s = scan s from h0 for i in 0..T {
    let e = fold e from s for j in 0..T { return solve f(z = e + y[j], k = 0.3) from t[i] to t[j] by METHOD }
    return 0.5 * e + y[i]
  }
  output s
  loss sum(s * y)
)";
const char* const observed = R"(
  let o = [sum(abs(solve f(z = y[i] + h0, k = k) from 0 at t by METHOD)^2) for i in 0..T]
  output o
  output largest = max(v for v in o)
  loss sum(o) + mean((solve f(z = y[i] + h0, k = k) from t[i] at [t[i], t[i] + 0.4, t[i + 1] + 0.9] by METHOD)[1, 0] * k for i in 0..T)
)";

std::string by(std::string body, const std::string& method) {
  for (size_t at = body.find("METHOD"); at != std::string::npos; at = body.find("METHOD"))
    body.replace(at, 6, method);
  return body;
}

}  // namespace

TEST_CASE("a loop that solves is the same steps written out") {
  const std::vector<Environment> samples = samples_of({3});
  for (const char* body : {fold_of_solves, inner_loop}) {
    CAPTURE(body);
    const Differentiated loop(model_of(by(body, "rk4(steps = 2)")));
    const Differentiated written(model_of(by(body, "rk4(steps = 2)"), 3));
    REQUIRE(loop.results.size() == written.results.size());
    for (size_t r = 0; r < loop.results.size(); ++r) {
      CAPTURE(loop.results[r].name);
      const Tensor one = evaluate(loop.results[r].value, samples[0]),
                   other = evaluate(written.results[r].value, samples[0]);
      REQUIRE(one.values.size() == other.values.size());
      for (size_t i = 0; i < one.values.size(); ++i)
        CHECK(one.values[i] == doctest::Approx(other.values[i]).epsilon(1e-12));
    }
  }
}

TEST_CASE("stacked solves are those of each element") {
  const Environment sample = samples_of({3})[0];
  const Differentiated loop(model_of(by(stack_of_solves, "rk4(steps = 2)")));
  const Tensor all = evaluate(loop.results[0].value, sample);
  CHECK(all.shape == std::vector<int64_t>{3, 2});
  for (int i = 0; i < 3; ++i) {
    const std::string number = std::to_string(i);
    const Differentiated one(model_of("  output x = solve f(z = y[" + number + "], k = k * (" + number +
                                          " + 1)) from 0 to t[" + number +
                                          "] by rk4(steps = 2)\n  loss sum(x)\n",
                                      3));
    const Tensor x = evaluate(one.results[0].value, sample);
    for (size_t e = 0; e < 2; ++e)
      CHECK(all.values[static_cast<size_t>(i) * 2 + e] == doctest::Approx(x.values[e]).epsilon(1e-13));
  }
}

TEST_CASE("machine order: states and every gradient are the reference's, over lengths that differ") {
  for (const char* body : {fold_of_solves, stack_of_solves, shooting, inner_loop}) {
    CAPTURE(body);
    const Differentiated loop(model_of(by(body, "rk4(steps = 2)")));
    for (const std::vector<int64_t>& lengths :
         {std::vector<int64_t>{3, 3, 3}, {4, 1, 3, 2, 5, 1}, {1}, {0, 2, 0, 1}, {0, 0}}) {
      CAPTURE(lengths.size());
      test::check_against_reference(loop.sums, samples_of(lengths), 1e-11);
    }
  }
}

TEST_CASE("observations inside a solve inside a loop") {
  const Differentiated loop(model_of(by(observed, "rk4(steps = 3)")));
  test::check_against_reference(loop.sums, samples_of({2, 3, 1}), 1e-11);
}

TEST_CASE("adaptive solves in loops: the reference to the tolerance, by checkpoint and by backsolve") {
  for (const char* adjoint : {"", " adjoint backsolve(rtol = 1e-9, atol = 1e-9)"}) {
    CAPTURE(adjoint);
    const std::string method = std::string("dopri5(rtol = 1e-9, atol = 1e-9)") + adjoint;
    const Differentiated loop(model_of(by(fold_of_solves, method)));
    test::check_against_reference(loop.sums, samples_of({4, 1, 3, 0, 5}), 1e-6);
  }
}

TEST_CASE("second derivatives through a loop that solves") {
  const Differentiated loop(model_of(by(fold_of_solves, "rk4(steps = 2)")));
  Graph& g = loop.program.module->graph;
  const semantics::Model& model = loop.program.model();
  const Ref h0 = g.data("h0", model.data[2].type, false);
  derive::Refusal refusal;
  const Ref first = derive::gradient(g, model.loss, h0, &refusal);
  REQUIRE_MESSAGE(!refusal, refusal.message);
  const Ref second = derive::jacobian(g, first, h0, &refusal);
  REQUIRE_MESSAGE(!refusal, refusal.message);
  const std::vector<Output> results{{"first", first}, {"second", second}};
  CHECK(verify(g, results) == "");
  test::check_against_reference(results, samples_of({3, 1, 2}), 1e-9);
  // Against differences of the first.
  Environment sample = samples_of({3})[0];
  const Tensor found = evaluate(second, sample);
  for (size_t j = 0; j < 2; ++j) {
    const double h = 1e-5, kept = sample.data["h0"].values[j];
    const auto at = [&](double x) {
      sample.data["h0"].values[j] = x;
      return evaluate(first, sample);
    };
    const Tensor ahead = at(kept + h), behind = at(kept - h);
    sample.data["h0"].values[j] = kept;
    for (size_t i = 0; i < 2; ++i)
      CHECK(found.values[i * 2 + j] ==
            doctest::Approx((ahead.values[i] - behind.values[i]) / (2 * h)).epsilon(1e-6));
  }
}

}  // namespace nodec
