// Data of the public interface and the runtime's.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "compiler/embed/state.hpp"
#include "runtime/binding.hpp"

namespace nodec {

struct Dataset::State {
  runtime::Binding binding;
  std::set<std::string> shared;                              // arrays without a sample axis
  std::map<std::string, std::vector<graph::Extent>> shapes;  // as declared
  int64_t samples = 1;
  bool sample_axis = false;
};

namespace embed {

// Data that the times of some solve are computed from.
std::set<std::string> read_by_times(const semantics::Model& model);

std::vector<Diagnostic> convert(const runtime::Errors& errors, Severity severity = Severity::error);
runtime::Arrays to_runtime(const Arrays& arrays, Precision precision = Precision::f64);
Arrays from_runtime(const runtime::Arrays& arrays);

}  // namespace embed
}  // namespace nodec
