// The reference evaluator: what every node means, in double precision, without LLVM.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "compiler/graph/graph.hpp"

namespace nodec::graph {

// A dense array, row-major. Integers and conditions are stored as doubles.
struct Tensor {
  std::vector<int64_t> shape;
  std::vector<double> values;
  int64_t size() const { return static_cast<int64_t>(values.size()); }
  static Tensor scalar(double x) { return {{}, {x}}; }
};

// The values of one sample's leaves. Parameters, settings and shared data are the same in every sample's.
struct Environment {
  std::map<std::string, Tensor> parameters, data;
  std::map<std::string, double> settings;  // missing ones read 0
  std::map<int, Tensor> random;            // by stream
  std::map<std::string, int64_t> lengths;
  std::map<Ref, Tensor> bound;  // values of nodes given from outside: open variables, or any node
};

// How solves are evaluated.
struct ReferenceOptions {
  double tolerance = 1e-13;  // of the extrapolation (Gragg–Bulirsch–Stoer) that adaptive solves are replaced
                             // by; fixed-step solves run their own tableau
};

// The value of each root for each sample: result[root][sample]; parameter-base roots have one entry.
// batch_sum adds over the samples in order. A missing leaf value throws std::out_of_range naming it (a
// programming error, not a user's).
std::vector<std::vector<Tensor>> evaluate(std::span<const Ref> roots, std::span<const Environment> samples,
                                          const ReferenceOptions& options = {});
// One sample, one root.
Tensor evaluate(Ref root, const Environment& sample, const ReferenceOptions& options = {});

}  // namespace nodec::graph
