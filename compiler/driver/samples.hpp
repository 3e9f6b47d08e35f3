// Outputs over many samples -> panels: histograms, points in the plane.
#pragma once

#include <string>
#include <vector>

#include "compiler/driver/panels.hpp"

namespace nodec::driver {

// What the elements of outputs [n, …] stand for: the first output [n] that is the same for all samples, such
// as the times of a solve.
class Labels {
 public:
  Labels(const Model& model, const Evaluation& result, bool sample_axis);
  bool are(const std::string& output) const { return !name_.empty() && output == name_; }
  // "t = 0.5" for the element k of `count`, or "x[k]".
  std::string of(const std::string& output, int64_t k, int64_t count) const;

 private:
  std::string name_;
  std::vector<double> values_;
};

// Outputs [n, 2] as n clouds of points; else the density of each number, and points in the plane of an output
// of two.
void add_samples(const Model& model, const Evaluation& result, bool sample_axis, std::vector<Panel>& panels);

}  // namespace nodec::driver
