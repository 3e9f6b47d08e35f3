// Random streams: known answers, accuracy, independence of the order of calls.
#include <doctest/doctest.h>

#include <cmath>

#include "runtime/random.hpp"

namespace nodec::runtime {
namespace {

TEST_CASE("philox: the published known answers") {
  CHECK(philox({0, 0, 0, 0}, {0, 0}) == PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
        PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("normal quantile: known values") {
  const std::pair<double, double> known[] = {{1e-300, -37.0470962993612}, {1e-20, -9.262340089798408},
                                             {1e-5, -4.264890793922825},  {0.01, -2.3263478740408408},
                                             {0.3, -0.5244005127080407},  {0.5, 0},
                                             {0.9, 1.2815515655446004},   {0.999, 3.090232306167813}};
  for (const auto& [p, x] : known) CHECK(std::fabs(normal_quantile(p) - x) <= 2e-15 * std::fabs(x));
}

TEST_CASE("normal quantile inverts the distribution function") {
  for (double x = -8; x <= 0; x += 0.01) {
    const double p = 0.5 * std::erfc(-x / std::sqrt(2));
    // A relative error of p moves x by p/φ(x) times as much.
    const double density = std::exp(-x * x / 2) / std::sqrt(2 * M_PI);
    CHECK(std::fabs(normal_quantile(p) - x) <= 2e-15 * std::fabs(x) + 4e-16 * p / density);
  }
}

TEST_CASE("streams differ by seed, stream, step, sample and element, and by nothing else") {
  const RandomStream random(1, 2, 3);
  const uint64_t bits = random.bits(4, 5);
  CHECK(RandomStream(1, 2, 3).bits(4, 5) == bits);
  CHECK(RandomStream(9, 2, 3).bits(4, 5) != bits);
  CHECK(RandomStream(1, 9, 3).bits(4, 5) != bits);
  CHECK(RandomStream(1, 2, 9).bits(4, 5) != bits);
  CHECK(random.bits(9, 5) != bits);
  CHECK(random.bits(4, 4) != bits);
  CHECK(random.bits(4, 6) != bits);
}

TEST_CASE("known values: the same bits on every machine") {
  const RandomStream random(0, 0, 0);
  CHECK(random.bits(0, 0) == 0xee37077268f641d6);
  CHECK(random.uniform(1, 2) == 0x1.82eb884949398p-4);
  CHECK(random.normal(3, 4) == 0x1.11f4024214dedp-3);
}

TEST_CASE("moments") {
  const RandomStream random(5, 6, 7);
  const int n = 200000;
  double mean = 0, square = 0, cube = 0, fourth = 0, uniform = 0, product = 0;
  for (int i = 0; i < n; ++i) {
    const double x = random.normal(static_cast<uint64_t>(i), 0),
                 u = random.uniform(0, static_cast<uint64_t>(i));
    CHECK((u >= 0 && u < 1));
    mean += x / n, square += x * x / n, cube += x * x * x / n, fourth += x * x * x * x / n, uniform += u / n;
    product += x * random.normal(static_cast<uint64_t>(i), 1) / n;
  }
  CHECK(std::fabs(mean) < 0.01);
  CHECK(std::fabs(square - 1) < 0.015);
  CHECK(std::fabs(cube) < 0.04);
  CHECK(std::fabs(fourth - 3) < 0.12);
  CHECK(std::fabs(uniform - 0.5) < 0.003);
  CHECK(std::fabs(product) < 0.01);
}

}  // namespace
}  // namespace nodec::runtime
