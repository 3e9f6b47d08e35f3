// What the peers in C++ share: systems, arguments, timing.
// usage: PROGRAM SYSTEM METHOD TOLERANCE END INPUT OUTPUT CHECKED SECONDS COUNT…
#pragma once

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>
#include <vector>

inline double processor_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

struct Lorenz {
  static constexpr int size = 3;
  void operator()(const double* u, double* du) const {
    du[0] = 10 * (u[1] - u[0]);
    du[1] = u[0] * (28 - u[2]) - u[1];
    du[2] = u[0] * u[1] - 8.0 / 3 * u[2];
  }
};

struct VanDerPol {
  static constexpr int size = 2;
  void operator()(const double* u, double* du) const {
    du[0] = u[1];
    du[1] = 2 * (1 - u[0] * u[0]) * u[1] - u[0];
  }
};

// `solve(u, tolerance, end)` integrates one trajectory in place.
template <class Solve>
int measure(int size, char** argv, int argc, Solve solve) {
  const double tolerance = std::atof(argv[3]), end = std::atof(argv[4]), seconds = std::atof(argv[8]);
  std::ifstream in(argv[5], std::ios::binary);
  std::vector<double> u0;
  for (double x; in.read(reinterpret_cast<char*>(&x), sizeof x);) u0.push_back(x);
  const auto run = [&](long count) {
    std::vector<double> u(u0.begin(), u0.begin() + count * size);
    for (long i = 0; i < count; ++i) solve(u.data() + i * size, tolerance, end);
    return u;
  };
  const std::vector<double> checked = run(std::atol(argv[7]));
  std::ofstream(argv[6], std::ios::binary)
      .write(reinterpret_cast<const char*>(checked.data()),
             static_cast<long>(checked.size() * sizeof(double)));
  std::printf("{");
  for (int a = 9; a < argc; ++a) {
    const long count = std::atol(argv[a]);
    double best = 1e300, spent = 0;
    for (int n = 0; n < 1 || spent < seconds; ++n) {
      const double start = processor_seconds();
      run(count);
      const double taken = processor_seconds() - start;
      best = taken < best ? taken : best;
      spent += taken;
    }
    std::printf("%s\"%ld\": %.9g", a > 9 ? ", " : "", count, 1e3 * best);
  }
  std::printf("}\n");
  return 0;
}
