// Initializers and a seed to the parameter vector.
#include "runtime/initialize.hpp"

#include <cmath>

#include "runtime/random.hpp"

namespace nodec::runtime {
namespace {

struct Fans {
  double in, out;
};
Fans fans(const std::vector<int64_t>& shape) {
  if (shape.empty()) return {1, 1};
  if (shape.size() == 1) return {static_cast<double>(shape[0]), static_cast<double>(shape[0])};
  double field = 1;
  for (size_t a = 2; a < shape.size(); ++a) field *= static_cast<double>(shape[a]);
  return {static_cast<double>(shape[1]) * field, static_cast<double>(shape[0]) * field};
}

double dot(const double* a, const double* b, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

// Makes the rows of a [count][n] matrix of normals orthonormal, count ≤ n. Gram–Schmidt with a second pass is
// orthogonal to rounding, and with positive norms the result is uniform on the orthogonal frames.
void orthonormalize(std::vector<double>& rows, int64_t count, int64_t n) {
  for (int64_t r = 0; r < count; ++r) {
    double* row = rows.data() + r * n;
    for (int pass = 0; pass < 2; ++pass) {
      for (int64_t q = 0; q < r; ++q) {
        const double* earlier = rows.data() + q * n;
        const double projection = dot(row, earlier, n);
        for (int64_t i = 0; i < n; ++i) row[i] -= projection * earlier[i];
      }
    }
    const double norm = std::sqrt(dot(row, row, n));
    for (int64_t i = 0; i < n; ++i) row[i] /= norm;
  }
}

void fill_orthogonal(double* values, const Parameter& parameter, const RandomStream& random) {
  const int64_t m = parameter.shape.empty() ? 1 : parameter.shape[0];
  if (parameter.size == 0) return;
  const int64_t n = parameter.size / m, count = std::min(m, n), length = std::max(m, n);
  std::vector<double> rows(static_cast<size_t>(count * length));
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = random.normal(0, i);
  orthonormalize(rows, count, length);
  for (int64_t r = 0; r < m; ++r) {
    for (int64_t c = 0; c < n; ++c) values[r * n + c] = m <= n ? rows[r * length + c] : rows[c * length + r];
  }
}

void fill(double* values, const Parameter& parameter, const Initial& initial, uint64_t seed) {
  const RandomStream random(seed, stream_of(parameter.path), 0);
  const auto uniform = [&](double low, double high) {
    for (int64_t i = 0; i < parameter.size; ++i)
      values[i] = low + (high - low) * random.uniform(0, static_cast<uint64_t>(i));
  };
  const auto normal = [&](double mean, double deviation) {
    for (int64_t i = 0; i < parameter.size; ++i)
      values[i] = mean + deviation * random.normal(0, static_cast<uint64_t>(i));
  };
  const auto symmetric = [&](double bound) { uniform(-bound, bound); };
  const Fans fan = fans(parameter.shape);
  switch (initial.kind) {
    case InitialKind::value:
      for (int64_t i = 0; i < parameter.size; ++i)
        values[i] = initial.values[initial.values.size() == 1 ? 0 : i];
      return;
    case InitialKind::normal:
      return normal(initial.a, initial.b);
    case InitialKind::uniform:
      return uniform(initial.a, initial.b);
    case InitialKind::glorot_uniform:
      return symmetric(std::sqrt(6 / (fan.in + fan.out)));
    case InitialKind::glorot_normal:
      return normal(0, std::sqrt(2 / (fan.in + fan.out)));
    case InitialKind::kaiming_uniform:
      return symmetric(std::sqrt(6 / fan.in));
    case InitialKind::orthogonal:
      return fill_orthogonal(values, parameter, random);
  }
}

}  // namespace

Result<std::vector<double>> initialize(const ParameterLayout& layout, const std::vector<Initial>& initials,
                                       uint64_t seed) {
  std::vector<double> values(static_cast<size_t>(parameter_count(layout)), 0);
  Errors errors;
  for (size_t p = 0; p < layout.size(); ++p) {
    const Parameter& parameter = layout[p];
    double* first = values.data() + parameter.offset;
    fill(first, parameter, initials[p], seed);
    for (int64_t i = 0; i < parameter.size; ++i) {
      const Interval& interval = parameter.interval;
      if (!std::isfinite(first[i])) {
        errors.push_back(error(Problem::weight_not_finite, "", parameter.path,
                               element_text(i, parameter.shape), first[i]));
        break;
      }
      if (!(first[i] > interval.low && first[i] < interval.high)) {
        errors.push_back(error(Problem::weight_interval, "", parameter.path, element_text(i, parameter.shape),
                               interval.low, interval.high, first[i]));
        break;
      }
    }
  }
  if (!errors.empty()) return errors;
  return values;
}

}  // namespace nodec::runtime
