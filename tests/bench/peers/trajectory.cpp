// One trajectory of z' = mlp(z) by a dopri5 written for it, sizes known when compiled.
// usage: PROGRAM INPUT TOLERANCE; INPUT: z0, then weights and bias of each layer, f64
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <vector>

constexpr int sizes[] = {SIZES};
constexpr int layers = sizeof(sizes) / sizeof(sizes[0]) - 1, elements = sizes[0];
using State = std::array<double, elements>;

// Weights by columns, so that a layer's outputs are vectors.
struct Network {
  std::vector<double> columns[layers], bias[layers];

  template <int layer>
  void apply(const double* x, double* out) const {
    constexpr int rows = sizes[layer + 1], inputs = sizes[layer];
    alignas(64) double y[rows];
    for (int r = 0; r < rows; ++r) y[r] = bias[layer][r];
    for (int k = 0; k < inputs; ++k)
      for (int r = 0; r < rows; ++r) y[r] += columns[layer][k * rows + r] * x[k];
    if constexpr (layer + 1 < layers) {
      for (int r = 0; r < rows; ++r) y[r] = std::tanh(y[r]);
      apply<layer + 1>(y, out);
    } else {
      for (int r = 0; r < rows; ++r) out[r] = y[r];
    }
  }
  State operator()(const State& z) const {
    State out;
    apply<0>(z.data(), out.data());
    return out;
  }
};

// Dormand and Prince 1980.
constexpr double a[7][6] = {{},
                            {1.0 / 5},
                            {3.0 / 40, 9.0 / 40},
                            {44.0 / 45, -56.0 / 15, 32.0 / 9},
                            {19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729},
                            {9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656},
                            {35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84}};
constexpr double estimate[7] = {71.0 / 57600,      0,          -71.0 / 16695, 71.0 / 1920,
                                -17253.0 / 339200, 22.0 / 525, -1.0 / 40};

State solve(const Network& field, State z, double tolerance) {
  State k[7];
  k[0] = field(z);
  double scale = 0, speed = 0;
  for (int e = 0; e < elements; ++e) {
    const double unit = tolerance + tolerance * std::abs(z[e]);
    scale += z[e] * z[e] / (unit * unit);
    speed += k[0][e] * k[0][e] / (unit * unit);
  }
  double t = 0, h = std::min(1.0, 0.01 * std::sqrt(scale / std::max(speed, 1e-30)));
  h = std::max(h,
               std::min(1.0, std::pow(tolerance, 0.2) / std::max(1e-6, std::sqrt(speed) * tolerance)) * 0.1);
  while (t < 1) {
    h = std::min(h, 1 - t);
    State next{};
    for (int s = 1; s < 7; ++s) {
      for (int e = 0; e < elements; ++e) {
        double sum = 0;
        for (int i = 0; i < s; ++i) sum += a[s][i] * k[i][e];
        next[e] = z[e] + h * sum;
      }
      k[s] = field(next);
    }
    double error = 0;
    for (int e = 0; e < elements; ++e) {
      double sum = 0;
      for (int s = 0; s < 7; ++s) sum += estimate[s] * k[s][e];
      const double unit = tolerance + tolerance * std::max(std::abs(z[e]), std::abs(next[e]));
      error += h * sum / unit * (h * sum / unit);
    }
    error = std::sqrt(error / elements);
    if (error <= 1) {
      t += h;
      z = next;
      k[0] = k[6];
    }
    h *= std::clamp(0.9 * std::pow(std::max(error, 1e-10), -0.2), 0.2, 10.0);
  }
  return z;
}

double processor_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

int main(int, char** argv) {
  std::ifstream in(argv[1], std::ios::binary);
  const auto read = [&](double* to, int count) {
    in.read(reinterpret_cast<char*>(to), static_cast<long>(count * sizeof(double)));
  };
  State z0;
  read(z0.data(), elements);
  Network network;
  for (int layer = 0; layer < layers; ++layer) {
    const int rows = sizes[layer + 1], inputs = sizes[layer];
    std::vector<double> matrix(rows * inputs);
    read(matrix.data(), rows * inputs);
    network.columns[layer].resize(rows * inputs);
    for (int r = 0; r < rows; ++r)
      for (int k = 0; k < inputs; ++k) network.columns[layer][k * rows + r] = matrix[r * inputs + k];
    network.bias[layer].resize(rows);
    read(network.bias[layer].data(), rows);
  }
  State z{};
  double best = 1e300;
  for (int sample = 0; sample < 50; ++sample) {
    constexpr int repetitions = 50;
    const double start = processor_seconds();
    for (int i = 0; i < repetitions; ++i) z = solve(network, z0, std::atof(argv[2]));
    best = std::min(best, 1e3 * (processor_seconds() - start) / repetitions);
  }
  std::printf("{\"milliseconds\": %.9g, \"z\": [", best);
  for (int e = 0; e < elements; ++e) std::printf("%s%.17g", e ? ", " : "", z[e]);
  std::printf("]}\n");
}
