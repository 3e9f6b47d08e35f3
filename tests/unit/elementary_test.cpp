// The elementary functions against references of more digits: errors in units of the last place, special
// values.
//
// NODEC_EXHAUSTIVE=1 tries 2²⁵ single-precision and 2²³ double-precision numbers a function (minutes)
// and prints what it measured.
#include <doctest/doctest.h>

#include <quadmath.h>

#include <cstdlib>
#include <random>
#include <string>
#include <tuple>
#include <utility>

#include "compiler/graph/elementary.hpp"
#include "tests/unit/recorded_primitives.hpp"

using namespace nodec::graph;
using nodec::graph::testing::Recorder;

namespace {

__extension__ typedef __float128 Quad;
// What a reference is computed in: enough more digits than the result has.
template <class Real>
using Wide = std::conditional_t<sizeof(Real) == 8, Quad, double>;
using Body1 = PrimitiveValue (*)(Primitives&, PrimitiveValue);
using Body2 = PrimitiveValue (*)(Primitives&, PrimitiveValue, PrimitiveValue);

template <class Real>
struct Compiled {
  Recorder<Real> recorder;
  int arity;
  PrimitiveValue result;

  explicit Compiled(Body1 body) : arity(1), result(body(recorder, recorder.argument())) {}
  explicit Compiled(Body2 body) : arity(2) {
    const PrimitiveValue x = recorder.argument(), y = recorder.argument();
    result = body(recorder, x, y);
  }
  void run(const std::vector<Real>& x, const std::vector<Real>& y, std::vector<Real>& out) {
    const Real* arguments[] = {x.data(), y.data()};
    out.resize(x.size());
    recorder.run(arguments, result, out.data());
  }
  Real operator()(Real x, Real y = 0) {
    std::vector<Real> out, xs(Recorder<Real>::lanes, x), ys(Recorder<Real>::lanes, y);
    run(xs, ys, out);
    return out[0];
  }
};

// |got − wanted| in units of wanted's last place; 0 when both are NaN or the same infinity; a wrong sign of
// zero, infinity or NaN counts as very wrong.
template <class Real>
double error_in_ulp(Real got, Wide<Real> wanted) {
  using Limits = std::numeric_limits<Real>;
  constexpr double very = 1e30;
  const auto rounded = static_cast<Real>(wanted);
  if (std::isnan(got) || std::isnan(rounded)) return std::isnan(got) && std::isnan(rounded) ? 0 : very;
  if (got == 0 && rounded == 0) return std::signbit(got) == std::signbit(rounded) ? 0 : very;
  const Wide<Real> limit = Wide<Real>(std::ldexp(Real(1), Limits::max_exponent - 1)) * 2;
  if (wanted - wanted != 0) return got == rounded ? 0 : very;
  // An infinity stands for the number after the largest.
  const Wide<Real> shown = std::isinf(got) ? (got > 0 ? limit : -limit) : Wide<Real>(got);
  const Real magnitude = std::isinf(rounded) ? Limits::max() : std::max(std::fabs(rounded), Limits::min());
  const Wide<Real> unit = std::ldexp(Real(1), std::ilogb(magnitude) + 1 - Limits::digits);
  const Wide<Real> difference = std::isinf(got) && std::isinf(rounded) ? 0 : shown - wanted;
  return static_cast<double>((difference < 0 ? -difference : difference) / unit);
}

bool exhaustive() { return std::getenv("NODEC_EXHAUSTIVE") != nullptr; }

template <class Real>
std::vector<Real> special_values() {
  using Limits = std::numeric_limits<Real>;
  std::vector<Real> list = {0,
                            Limits::denorm_min(),
                            3 * Limits::denorm_min(),
                            Limits::min() / 2,
                            Limits::min(),
                            std::nextafter(Limits::min(), Real(0)),
                            Limits::epsilon(),
                            Limits::epsilon() / 2,
                            Real(0.25),
                            Real(0.5),
                            std::nextafter(Real(0.5), Real(1)),
                            std::nextafter(Real(1), Real(0)),
                            1,
                            std::nextafter(Real(1), Real(2)),
                            Real(1.5),
                            2,
                            3,
                            10,
                            100,
                            Limits::max(),
                            Limits::infinity(),
                            Limits::quiet_NaN()};
  const size_t n = list.size();
  for (size_t i = 0; i < n; ++i) list.push_back(-list[i]);
  return list;
}

// Numbers of every exponent and sign, dense in [low, high], and the special ones.
template <class Real>
std::vector<Real> arguments(double low, double high, int count, unsigned seed) {
  std::mt19937_64 random(seed);
  std::vector<Real> list = special_values<Real>();
  using Bits = typename Recorder<Real>::Integer;
  for (int i = 0; i < count; ++i) list.push_back(std::bit_cast<Real>(static_cast<Bits>(random())));
  std::uniform_real_distribution<double> within(low, high);
  for (int i = 0; i < count; ++i) list.push_back(static_cast<Real>(within(random)));
  while (list.size() % Recorder<Real>::lanes != 0) list.push_back(1);
  return list;
}

template <class Real>
struct Worst {
  double error = 0;
  Real x = 0, y = 0, got = 0;
  void see(Real g, Wide<Real> wanted, Real at_x, Real at_y) {
    const double e = error_in_ulp(g, wanted);
    if (e > error) *this = {e, at_x, at_y, g};
  }
};

struct Case1 {
  const char* name;
  Body1 body;
  double (*twice)(double);  // reference for single precision, where a double is enough
  Quad (*quad)(Quad);
  double low, high;  // where to look closely
  double single_bound, wide_bound;
};

template <class Real, class Reference>
Worst<Real> worst_of(Compiled<Real>& compiled, const std::vector<Real>& all, Reference reference) {
  Worst<Real> worst;
  constexpr size_t lanes = Recorder<Real>::lanes;
  std::vector<Real> x(lanes), y(lanes), out;
  for (size_t first = 0; first < all.size(); first += lanes) {
    std::copy_n(all.begin() + static_cast<std::ptrdiff_t>(first), lanes, x.begin());
    compiled.run(x, y, out);
    for (size_t l = 0; l < lanes; ++l) worst.see(out[l], reference(x[l]), x[l], 0);
  }
  return worst;
}

Quad sigmoid_quad(Quad x) { return 1 / (1 + expq(-x)); }
Quad softplus_quad(Quad x) { return x > 50 ? x + expq(-x) : log1pq(expq(x)); }
Quad elu_quad(Quad x) { return x > 0 ? x : expm1q(x); }
double sigmoid_double(double x) { return x < -700 ? std::exp(x) : 1 / (1 + std::exp(-x)); }
double softplus_double(double x) { return x > 50 ? x : std::log1p(std::exp(x)); }
double elu_double(double x) { return x > 0 ? x : std::expm1(x); }

const Case1 cases[] = {
    {"exp", exp_body, std::exp, expq, -105, 90, 1.1, 1.1},
    {"expm1", expm1_body, std::expm1, expm1q, -2, 2, 2, 2},
    {"log", log_body, std::log, logq, 0.4, 2.5, 1.1, 1.1},
    {"log1p", log1p_body, std::log1p, log1pq, -1, 2, 2, 2},
    {"sin", sin_body, std::sin, sinq, -100, 100, 2, 2},
    {"cos", cos_body, std::cos, cosq, -100, 100, 2, 2},
    {"tan", tan_body, std::tan, tanq, -100, 100, 4, 4},
    {"asin", asin_body, std::asin, asinq, -1, 1, 3, 3},
    {"acos", acos_body, std::acos, acosq, -1, 1, 3, 3},
    {"atan", atan_body, std::atan, atanq, -5, 5, 3, 3},
    {"sinh", sinh_body, std::sinh, sinhq, -3, 3, 4, 4},
    {"cosh", cosh_body, std::cosh, coshq, -3, 3, 3, 3},
    {"tanh", tanh_body, std::tanh, tanhq, -10, 10, 5, 4},
    {"sigmoid", sigmoid_body, sigmoid_double, sigmoid_quad, -20, 20, 3, 3},
    {"softplus", softplus_body, softplus_double, softplus_quad, -20, 20, 4, 4},
    {"elu", elu_body, elu_double, elu_quad, -5, 1, 2, 2},
    {"erf", erf_body, std::erf, erfq, -6, 6, 4, 4},
};

}  // namespace

TEST_CASE("single precision stays within the stated units of the last place") {
  for (const Case1& c : cases) {
    CAPTURE(c.name);
    Compiled<float> compiled(c.body);
    const auto reference = [&](float x) { return c.twice(x); };
    const int count = exhaustive() ? 1 << 24 : 1 << 17;
    const Worst<float> worst =
        worst_of<float>(compiled, arguments<float>(c.low, c.high, count, 1), reference);
    CAPTURE(worst.x);
    CAPTURE(worst.got);
    CHECK(worst.error <= c.single_bound);
    if (!exhaustive()) continue;
    MESSAGE(std::string(c.name) << " f32: " << worst.error << " ulp at " << worst.x << ", "
                                << compiled.recorder.operations() - compiled.recorder.rare_operations()
                                << " operations, " << compiled.recorder.rare_operations() << " rare");
  }
}

TEST_CASE("double precision stays within the stated units of the last place") {
  for (const Case1& c : cases) {
    CAPTURE(c.name);
    Compiled<double> compiled(c.body);
    const int count = exhaustive() ? 1 << 22 : 1 << 12;
    const Worst<double> worst = worst_of<double>(compiled, arguments<double>(c.low, c.high, count, 2),
                                                 [&](double x) { return c.quad(x); });
    CAPTURE(worst.x);
    CAPTURE(worst.got);
    CHECK(worst.error <= c.wide_bound);
    if (!exhaustive()) continue;
    MESSAGE(std::string(c.name) << " f64: " << worst.error << " ulp at " << worst.x << ", "
                                << compiled.recorder.operations() - compiled.recorder.rare_operations()
                                << " operations, " << compiled.recorder.rare_operations() << " rare");
  }
}

namespace {

// Worst error of a function of two arguments over pairs of special values and of random numbers.
template <class Real, class Reference>
Worst<Real> worst_of_two(Compiled<Real>& compiled, std::vector<std::pair<Real, Real>> pairs,
                         Reference reference) {
  constexpr size_t lanes = Recorder<Real>::lanes;
  const std::vector<Real> special = special_values<Real>();
  for (const Real a : special)
    for (const Real b : special) pairs.emplace_back(a, b);
  while (pairs.size() % lanes != 0) pairs.emplace_back(Real(1), Real(1));
  Worst<Real> worst;
  std::vector<Real> x(lanes), y(lanes), out;
  for (size_t first = 0; first < pairs.size(); first += lanes) {
    for (size_t l = 0; l < lanes; ++l) std::tie(x[l], y[l]) = pairs[first + l];
    compiled.run(x, y, out);
    for (size_t l = 0; l < lanes; ++l) worst.see(out[l], reference(x[l], y[l]), x[l], y[l]);
  }
  return worst;
}

template <class Real>
std::vector<std::pair<Real, Real>> random_pairs(int count) {
  using Bits = typename Recorder<Real>::Integer;
  std::mt19937_64 random(3);
  std::uniform_real_distribution<double> unit(-1, 1);
  std::vector<std::pair<Real, Real>> pairs;
  for (int i = 0; i < count; ++i) {
    pairs.emplace_back(std::bit_cast<Real>(static_cast<Bits>(random())),
                       std::bit_cast<Real>(static_cast<Bits>(random())));
    pairs.emplace_back(static_cast<Real>(std::exp(3 * unit(random))), static_cast<Real>(30 * unit(random)));
    // Powers near overflow and underflow, and of bases near 1.
    const double base = std::exp(std::ldexp(unit(random), static_cast<int>(random() % 12) - 8));
    const double limit = sizeof(Real) == 8 ? 745 : 103;
    pairs.emplace_back(static_cast<Real>(base), static_cast<Real>(limit * unit(random) / std::log(base)));
    pairs.emplace_back(static_cast<Real>(unit(random)), static_cast<Real>(unit(random)));
    pairs.emplace_back(static_cast<Real>(-4 * unit(random)),
                       static_cast<Real>(std::floor(20 * unit(random))));
  }
  return pairs;
}

template <class Real>
void report(const char* name, const Compiled<Real>& compiled, const Worst<Real>& worst, double bound) {
  CAPTURE(worst.x);
  CAPTURE(worst.y);
  CAPTURE(worst.got);
  CHECK(worst.error <= bound);
  if (!exhaustive()) return;
  MESSAGE(std::string(name) << (sizeof(Real) == 8 ? " f64: " : " f32: ") << worst.error << " ulp at "
                            << worst.x << ", " << worst.y << ", " << compiled.recorder.operations()
                            << " operations");
}

}  // namespace

TEST_CASE("powers and angles of two arguments stay within their bounds") {
  const int count = exhaustive() ? 1 << 20 : 1 << 12;
  Compiled<float> pow_single(pow_body), atan2_single(atan2_body);
  Compiled<double> pow_wide(pow_body), atan2_wide(atan2_body);
  report("pow", pow_single,
         worst_of_two<float>(pow_single, random_pairs<float>(8 * count),
                             [](double x, double y) { return std::pow(x, y); }),
         1.3);
  report(
      "pow", pow_wide,
      worst_of_two<double>(pow_wide, random_pairs<double>(count), [](Quad x, Quad y) { return powq(x, y); }),
      1.2);
  report("atan2", atan2_single,
         worst_of_two<float>(atan2_single, random_pairs<float>(8 * count),
                             [](double y, double x) { return std::atan2(y, x); }),
         3);
  report("atan2", atan2_wide,
         worst_of_two<double>(atan2_wide, random_pairs<double>(count),
                              [](Quad y, Quad x) { return atan2q(y, x); }),
         2);
}

TEST_CASE("lgamma of positive numbers stays within its bound, of negative ones of its reflection's terms") {
  Compiled<float> single(lgamma_body);
  Compiled<double> wide(lgamma_body);
  std::vector<float> x32 = arguments<float>(0, 12, 1 << 17, 4);
  std::vector<double> x64 = arguments<double>(0, 12, 1 << 13, 4);
  for (auto& x : x32) x = std::fabs(x);
  for (auto& x : x64) x = std::fabs(x);
  report("lgamma", single, worst_of<float>(single, x32, [](float x) { return std::lgamma(double(x)); }), 4);
  report("lgamma", wide, worst_of<double>(wide, x64, [](double x) { return lgammaq(x); }), 4);
  for (double x = -20.3; x < 0; x += 0.0137) {
    const double scale =
        std::fabs(std::lgamma(-x)) + std::fabs(std::log(std::fabs(x * std::sin(M_PI * x)))) + 1;
    CHECK(std::fabs(wide(x) - static_cast<double>(lgammaq(x))) <= 1e-15 * scale);
  }
  CHECK(std::isinf(wide(-3)));
  CHECK(std::isinf(single(-2)));
}

TEST_CASE("digamma agrees with the difference quotient's limit and known values") {
  Compiled<double> wide(digamma_body);
  Compiled<float> single(digamma_body);
  // ψ(1) = −γ, ψ(½) = −γ − 2 ln 2, ψ(10) = −γ + Σ 1/k, ψ(−½) = ψ(½) + 2
  const double gamma = 0.57721566490153286061;
  double tenth = -gamma;
  for (int k = 1; k < 10; ++k) tenth += 1.0 / k;
  CHECK(std::fabs(wide(1) + gamma) <= 2e-15);
  CHECK(std::fabs(wide(0.5) + gamma + 2 * M_LN2) <= 3e-15);
  CHECK(std::fabs(wide(10) - tenth) <= 3e-15);
  CHECK(std::fabs(wide(-0.5) - (2 - gamma - 2 * M_LN2)) <= 4e-15);
  CHECK(std::isnan(wide(-1)));
  CHECK(std::isnan(wide(0)));
  for (double x = 0.01; x < 40; x *= 1.07) {
    // ψ is the derivative of log Γ: by central differences in quadruple precision.
    const Quad h = Quad(1e-10), wanted = (lgammaq(x + h) - lgammaq(x - h)) / (2 * h);
    const double size = std::fmax(1, std::fabs(static_cast<double>(wanted)));
    CHECK(std::fabs(wide(x) - static_cast<double>(wanted)) <= 8 * 0x1p-52 * size);
    const double shifted = static_cast<double>(
        (lgammaq(Quad(static_cast<float>(x)) + h) - lgammaq(Quad(static_cast<float>(x)) - h)) / (2 * h));
    CHECK(std::fabs(single(static_cast<float>(x)) - shifted) <= 8 * 0x1p-23 * size);
  }
}

TEST_CASE("trigamma agrees with known values and with the sum that defines it") {
  Compiled<double> wide(trigamma_body);
  Compiled<float> single(trigamma_body);
  // Σ 1/(x + k)² over the first terms, and Euler and Maclaurin's formula for the rest, in quadruple
  // precision.
  const auto reference = [](Quad x) {
    Quad sum = 0;
    for (int k = 0; k < 400; ++k) sum += 1 / ((x + k) * (x + k));
    const Quad z = x + 400, square = 1 / (z * z);
    return sum + (1 + (Quad(1) / 2 + (Quad(1) / 6 - (Quad(1) / 30 - square / 42) * square) / z) / z) / z;
  };
  const auto check = [](double value, Quad wanted, double bound) {
    CHECK(std::fabs(value - static_cast<double>(wanted)) <= bound * std::fabs(static_cast<double>(wanted)));
  };
  check(static_cast<double>(reference(1)), Quad(M_PI) * Quad(M_PI) / 6, 1e-15);
  const int count = exhaustive() ? 1 << 16 : 1 << 10;
  std::vector<float> x32 = arguments<float>(0, 12, count, 5);
  std::vector<double> x64 = arguments<double>(0, 12, count, 5);
  for (auto& x : x32) x = std::fabs(x);
  for (auto& x : x64) x = std::fabs(x);
  report("trigamma", single,
         worst_of<float>(single, x32, [&](double x) { return static_cast<double>(reference(x)); }), 5);
  report("trigamma", wide, worst_of<double>(wide, x64, reference), 5);
  for (double x = -7.37; x < 0; x += 0.05) {
    CAPTURE(x);
    const Quad half_turn = 4 * atanq(1), sine = sinq(half_turn * Quad(x));
    check(wide(x), half_turn * half_turn / (sine * sine) - reference(1 - Quad(x)), 20 * 0x1p-53);
  }
  CHECK(std::isinf(wide(0)));
  CHECK(std::isinf(wide(-3)));
  CHECK(wide(HUGE_VAL) == 0);
  CHECK(wide(1e-160) == HUGE_VAL);
}

TEST_CASE("huge angles are reduced exactly") {
  Compiled<double> sine(sin_body), cosine(cos_body), tangent(tan_body);
  // The double nearest to a multiple of π/2: the remainder is 4.7e−19 (Kahan).
  const double nearest = 6381956970095103.0 * 0x1p797;
  for (const double x : {nearest, -nearest, 1e22, 0x1p1023, 1.7e308, 0x1p30, std::nextafter(0x1p30, 2e9)}) {
    CAPTURE(x);
    CHECK(error_in_ulp(sine(x), sinq(x)) <= 2);
    CHECK(error_in_ulp(cosine(x), cosq(x)) <= 2);
    CHECK(error_in_ulp(tangent(x), tanq(x)) <= 4);
  }
  Compiled<float> single(sin_body);
  for (const float x : {16367173.0f * 0x1p72f, 3.4e38f, 0x1p18f, 2.6e5f, 1e6f}) {
    CAPTURE(x);
    CHECK(error_in_ulp<float>(single(x), std::sin(double(x))) <= 2);
  }
}

TEST_CASE("tanh and sigmoid never leave their ranges") {
  Compiled<float> hyperbolic(tanh_body), logistic(sigmoid_body);
  for (float x = 7; x < 12; x += 0x1p-10f) {
    CHECK(hyperbolic(x) <= 1);
    CHECK(hyperbolic(-x) >= -1);
    CHECK(logistic(x) <= 1);
    CHECK(logistic(-x) > 0);
  }
}
