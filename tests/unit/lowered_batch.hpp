// Lowers results and runs them over samples with the tile interpreter, next to the reference evaluator's
// values.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "compiler/graph/evaluate.hpp"
#include "compiler/schedule/interpret.hpp"
#include "compiler/schedule/lower.hpp"
#include "compiler/solvers/solvers.hpp"

namespace nodec::test {

struct Lowering {
  int lanes = 4;
  bool double_precision = true;
  schedule::Recording recording = schedule::Recording::no;
};

struct Lowered {
  schedule::Program program;
  std::string refusal, text;
};

inline bool ragged(const std::vector<graph::Environment>& samples) {
  return std::any_of(samples.begin(), samples.end(),
                     [&](const auto& s) { return s.lengths != samples[0].lengths; });
}

inline Lowered lower(const std::vector<graph::Output>& results,
                     const std::vector<graph::Environment>& samples, const Lowering& how = {}) {
  schedule::Request request;
  request.results = results;
  for (const auto& [path, value] : samples[0].parameters) request.parameters.emplace_back(path, value.size());
  request.lanes = how.lanes;
  request.double_precision = how.double_precision;
  request.recording = how.recording;
  request.ragged = ragged(samples);
  const auto solvers = solvers::make_solvers();
  Lowered lowered;
  lowered.program = schedule::lower(request, *solvers, &lowered.refusal);
  lowered.text = schedule::print(lowered.program);
  INFO(lowered.text);
  CHECK(schedule::verify(lowered.program) == "");
  return lowered;
}

// Copies a sample's array into one of the batch's largest extents; what it lacks is NaN.
inline std::vector<double> padded(const graph::Tensor& x, const std::vector<int64_t>& shape) {
  int64_t size = 1;
  for (const int64_t n : shape) size *= n;
  std::vector<double> result(static_cast<size_t>(size), std::numeric_limits<double>::quiet_NaN());
  for (int64_t e = 0; e < x.size(); ++e) {
    int64_t rest = e, to = 0, stride = 1;
    for (size_t axis = shape.size(); axis-- > 0;) {
      to += rest % x.shape[axis] * stride;
      rest /= x.shape[axis];
      stride *= shape[axis];
    }
    result[static_cast<size_t>(to)] = x.values[static_cast<size_t>(e)];
  }
  return result;
}

inline std::map<std::string, int64_t> largest_lengths(const std::vector<graph::Environment>& samples) {
  std::map<std::string, int64_t> lengths;
  for (const graph::Environment& sample : samples) {
    for (const auto& [atom, value] : sample.lengths) lengths[atom] = std::max(lengths[atom], value);
  }
  return lengths;
}

inline bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](double x, double y) {
    return std::bit_cast<uint64_t>(x) == std::bit_cast<uint64_t>(y) || (x != x && y != y);
  });
}

inline schedule::BatchResult run(const schedule::Program& program,
                                 const std::vector<graph::Environment>& samples) {
  schedule::Batch batch;
  batch.samples = static_cast<int64_t>(samples.size());
  const auto largest = largest_lengths(samples);
  for (const auto& parameter : program.interface.parameters) {
    const auto& values = samples[0].parameters.at(parameter.path).values;
    batch.parameters.insert(batch.parameters.end(), values.begin(), values.end());
  }
  for (const auto& data : program.interface.data) {
    std::vector<int64_t> shape;
    for (const graph::Extent& e : data.shape) shape.push_back(e.evaluate(largest));
    std::vector<double> all;
    for (const graph::Environment& sample : samples) {
      const std::vector<double> one = padded(sample.data.at(data.name), shape);
      all.insert(all.end(), one.begin(), one.end());
      if (data.shared) break;
    }
    batch.data.push_back(all);
  }
  for (const auto& noise : program.interface.noise) {
    std::vector<double> all;
    for (const graph::Environment& sample : samples) {
      const auto& values = sample.random.at(noise.stream).values;
      all.insert(all.end(), values.begin(), values.end());
    }
    batch.noise.push_back(all);
  }
  for (const std::string& name : program.interface.settings) {
    const auto found = samples[0].settings.find(name);
    batch.settings.push_back(found == samples[0].settings.end() ? 0 : found->second);
  }
  for (const std::string& atom : program.interface.lengths) {
    batch.lengths.push_back(graph::Extent::length(atom).evaluate(largest));
  }
  if (program.ragged) {
    for (const graph::Environment& sample : samples) {
      for (const std::string& atom : program.interface.lengths) {
        batch.sample_lengths.push_back(
            static_cast<int32_t>(graph::Extent::length(atom).evaluate(sample.lengths)));
      }
    }
  }
  const schedule::BatchResult result = schedule::interpret(program, batch);
  // What tapes keep and what is computed anew when they do not are the same bits.
  for (const int64_t worth : {0, 2000}) {
    batch.tape_worth = worth;
    const schedule::BatchResult other = schedule::interpret(program, batch);
    CHECK(other.fault == result.fault);
    CHECK(same_bits(other.totals, result.totals));
    for (size_t i = 0; i < result.outputs.size(); ++i) CHECK(same_bits(other.outputs[i], result.outputs[i]));
    if (program.interface.tapes == 0) break;
  }
  return result;
}

inline bool close(double a, double b, double tolerance) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) == std::isnan(b);
  if (a == b) return true;
  return std::abs(a - b) <= tolerance * std::max({1.0, std::abs(a), std::abs(b)});
}

// Checks every result of every sample against the reference.
inline Lowered check_against_reference(const std::vector<graph::Output>& results,
                                       const std::vector<graph::Environment>& samples,
                                       double tolerance = 1e-12, const Lowering& how = {}) {
  Lowered lowered = lower(results, samples, how);
  REQUIRE(lowered.refusal == "");
  const schedule::BatchResult got = run(lowered.program, samples);
  INFO(lowered.text);
  REQUIRE(got.fault == "");
  std::vector<graph::Ref> roots;
  for (const graph::Output& result : results) roots.push_back(result.value);
  const auto wanted = graph::evaluate(roots, samples);
  const auto largest = largest_lengths(samples);
  for (size_t r = 0; r < results.size(); ++r) {
    const auto& entry = lowered.program.interface.results[r];
    std::vector<int64_t> shape;
    int64_t size = 1;
    for (const graph::Extent& e : entry.shape) {
      shape.push_back(e.evaluate(largest));
      size *= shape.back();
    }
    for (size_t s = 0; s < (entry.per_sample ? samples.size() : 1); ++s) {
      const graph::Tensor& reference = wanted[r][wanted[r].size() == 1 ? 0 : s];
      const std::vector<double> expected = padded(reference, shape);
      const double* values = entry.per_sample ? got.outputs[static_cast<size_t>(entry.slot)].data() +
                                                    static_cast<int64_t>(s) * size
                                              : got.totals.data() + entry.offset.evaluate(largest);
      for (int64_t e = 0; e < size; ++e) {
        if (close(values[e], expected[static_cast<size_t>(e)], tolerance)) continue;
        FAIL_CHECK("result '" << results[r].name << "' sample " << s << " element " << e << ": " << values[e]
                              << ", expected " << expected[static_cast<size_t>(e)]);
        return lowered;
      }
    }
  }
  return lowered;
}

}  // namespace nodec::test
