#include <doctest/doctest.h>

#include <cmath>

#include "compiler/graph/tableau.hpp"

using nodec::graph::normalize;
using nodec::graph::Tableau;

namespace {

Tableau rk4() {
  Tableau t;
  t.name = "rk4";
  t.order = 4;
  t.c = {0, 0.5, 0.5, 1};
  t.a = {{}, {0.5}, {0, 0.5}, {0, 0, 1}};
  t.b = {1. / 6, 1. / 3, 1. / 3, 1. / 6};
  return t;
}

Tableau bosh3() {
  Tableau t;
  t.name = "bosh3";
  t.order = 3;
  t.embedded_order = 2;
  t.c = {0, 0.5, 0.75, 1};
  t.a = {{}, {0.5}, {0, 0.75}, {2. / 9, 1. / 3, 4. / 9}};
  t.b = {2. / 9, 1. / 3, 4. / 9, 0};
  t.error = {2. / 9 - 7. / 24, 1. / 3 - 1. / 4, 4. / 9 - 1. / 3, -1. / 8};
  return t;
}

double at(const std::vector<double>& powers, double theta) {
  double sum = 0;
  for (size_t d = powers.size(); d-- > 0;) sum = (sum + powers[d]) * theta;
  return sum;
}

}  // namespace

TEST_CASE("a method whose last stage is not the proposal gets one that is") {
  Tableau t = rk4();
  REQUIRE(normalize(t) == "");
  CHECK(t.fsal_added);
  CHECK(t.stages() == 5);
  CHECK(t.main_stages == 5);
  CHECK(t.a[4] == rk4().b);
  CHECK(t.c[4] == 1);
  CHECK(t.b[4] == 0);
  Tableau b = bosh3();
  REQUIRE(normalize(b) == "");
  CHECK(!b.fsal_added);
  CHECK(b.stages() == 4);
}

TEST_CASE("the added stage stands before those that serve dense output alone") {
  Tableau t = rk4();
  t.c.push_back(0.5);
  t.a.push_back({0.125, 0.125, 0.125, 0.125});
  t.main_stages = 4;
  REQUIRE(normalize(t) == "");
  CHECK(t.main_stages == 5);
  CHECK(t.c == std::vector<double>{0, 0.5, 0.5, 1, 1, 0.5});
  CHECK(t.a[5] == std::vector<double>{0.125, 0.125, 0.125, 0.125, 0});
}

TEST_CASE("the default interpolant is the cubic through both ends and their slopes") {
  Tableau t = bosh3();
  REQUIRE(normalize(t) == "");
  // Of y' = 3t², whose solution is a cubic: k_i = 3 c_i² for a step from 0 to 1.
  for (double theta : {0.0, 0.25, 0.5, 0.9, 1.0}) {
    double y = 0;
    for (int i = 0; i < t.stages(); ++i) y += at(t.interpolant[i], theta) * 3 * t.c[i] * t.c[i];
    CHECK(y == doctest::Approx(theta * theta * theta).epsilon(1e-14));
  }
}

TEST_CASE("a wrong coefficient is told by the condition that it breaks") {
  Tableau t = rk4();
  t.b[1] = 0.34;
  CHECK(normalize(t).find("the order conditions of b fail at order 1") == 0);
  t = rk4();
  t.a[2] = {0.25, 0.25};
  CHECK(normalize(t).find("order conditions of b fail at order 3") != std::string::npos);
  t = rk4();
  t.order = 5;
  CHECK(normalize(t).find("fail at order 5") != std::string::npos);
  t = rk4();
  t.c[1] = 0.4;
  CHECK(normalize(t) == "row 1 of a adds up to 0.5, not to c = 0.4");
  t = bosh3();
  t.embedded_order = 3;
  CHECK(normalize(t).find("the order conditions of the embedded weights fail at order 3") == 0);
  t = bosh3();
  t.error[0] += 1e-8;
  CHECK(normalize(t).find("embedded weights fail at order 1") != std::string::npos);
}

TEST_CASE("a tableau of wrong sizes is refused") {
  Tableau t = rk4();
  t.a[1] = {0.25, 0.25};
  CHECK(normalize(t) == "row 1 of a has 2 entries; an explicit method has 1");
  t = rk4();
  t.a.pop_back();
  CHECK(normalize(t) == "c has 4 entries, a has 3 rows");
  t = rk4();
  t.b.pop_back();
  CHECK(normalize(t) == "b has 3 entries for 4 stages");
  t = rk4();
  t.embedded_order = 3;
  CHECK(normalize(t) == "an embedded order is given without embedded weights");
  CHECK(normalize(t = Tableau{}) == "there are no stages");
  t = rk4();
  t.b[0] = std::nan("");
  CHECK(normalize(t) == "a coefficient is not finite");
}

TEST_CASE("an interpolant that misses the end or drifts is refused") {
  Tableau t = bosh3();
  REQUIRE(normalize(t) == "");
  Tableau wrong = t;
  wrong.interpolant[1][2] += 1e-6;
  CHECK(normalize(wrong).find("row 1 of the interpolant") == 0);
  wrong = t;
  wrong.interpolant[1][1] += 1e-6;
  wrong.interpolant[1][2] -= 1e-6;
  CHECK(normalize(wrong).find("coefficients of power 2 add up to") != std::string::npos);
  CHECK(normalize(t) == "");  // what is complete stays as it is
  CHECK(t.stages() == 4);
}
