// Whole programs: what elaboration makes of them obeys the graph's invariants.
#include <doctest/doctest.h>

#include "tests/unit/semantics_fixture.hpp"

using namespace nodec;
using semantics::test::Program;

namespace {

void check(const std::string& text) {
  Program program(text);
  INFO(program.rendered);
  REQUIRE(program.module);
  CHECK(program.invalid() == "");
}

}  // namespace

TEST_CASE("a Hamiltonian network") {
  check(R"(
use nn
field hnn {
  state q: real, p: real
  layer net = mlp([2, 20, 20, 1], tanh)
  let H = net([q, p])[0]
  q' =  grad(H, p)
  p' = -grad(H, q)
}
model fit {
  dim T
  data t: real[T], y: real[T, 2]
  let (q, p) = solve hnn(q = y[0, 0], p = y[0, 1]) at t
  loss mean((q - y[:, 0])^2 + (p - y[:, 1])^2)
}
model regress {
  data q: real, p: real, dq: real, dp: real
  let (fq, fp) = hnn(q = q, p = p)
  loss (fq - dq)^2 + (fp - dp)^2
})");
}

TEST_CASE("a regularized flow, its density and its sampler") {
  check(R"(
use nn
use prob
dim D = 2
field flow {
  state z: real[D], kinetic: real = 0, frobenius: real = 0
  layer net = mlp([D + 1, 16, 16, D], tanh)
  z' = net(concat(z, t))
  kinetic'   = dot(z', z')
  frobenius' = sum(jacobian(z', z)^2)
}
model density {
  data x: real[D]
  let (z0, K, J, ld) = solve flow(z = x) from 1 to 0 with logdet by dopri5(rtol = 1e-5, atol = 1e-5)
  let logp = normal_logpdf(z0, 0, 1) + ld
  output logp
  metric nats = logp
  loss -logp - 0.01 * (K + J)
}
model sampler {
  sample ε: real[D] ~ normal(0, 1)
  let (x, _, _) = solve flow(z = ε) from 0 to 1
  output x
})");
}

TEST_CASE("a path of data drives a field") {
  check(R"(
use nn
dim K
field cde {
  state z: real[8]
  input τ: real[K], X: real[K, 3]
  layer F = mlp([8, 16, 24], tanh)
  z' = reshape(F(z), 8, 3) @ jacobian(interp(t, τ, X), t)
}
model classify {
  data τ: real[K], X: real[K, 3], label: int in 0..10
  layer init = dense(3, 8)
  layer head = dense(8, 10)
  let y = head(solve cde(z = init(X[0]), τ = τ, X = X) from τ[0] to τ[-1])
  loss logsumexp(y) - y[label]
})");
}

TEST_CASE("layers over the rows of an encoded path") {
  check(R"(
use nn
dim L = 4
field dynamics { state z: real[L]; layer net = mlp([L, 20, L], elu); z' = net(z) }
layer dec = mlp([L, 20, 2], relu)
model fit {
  dim T
  data t: real[T], x: real[T, 2]
  sample ε: real[L] ~ normal(0, 1)
  param m: real[L] = 0, s: real[L] = -1
  let z = solve dynamics(z = if training then m + exp(s) * ε else m) at t
  let xhat = [dec(zi) for zi in z]
  let β = min(1, 0.01 + step / 10000)
  loss sum((x - xhat)^2) + β * 0.5 * sum(m^2 + exp(2 * s) - 1 - 2 * s)
  metric rmse = sqrt(average(mean((x - xhat)^2)))
  output xhat
})");
}
