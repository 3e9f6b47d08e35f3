// One model from text, evaluated and differentiated; failures of nodec fail the test with its own words.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "compiler/embed/include/nodec/nodec.hpp"

namespace nodec::conformance {

inline std::string words(const std::vector<Diagnostic>& diagnostics) {
  std::string all;
  for (const Diagnostic& d : diagnostics) all += d.rendered;
  return all;
}

inline Array scalar(double x) { return {{}, {x}}; }
inline Array vector(std::vector<double> values) {
  return {{static_cast<int64_t>(values.size())}, std::move(values)};
}
inline Array matrix(int64_t rows, int64_t columns, std::vector<double> values) {
  return {{rows, columns}, std::move(values)};
}

class Problem {
 public:
  explicit Problem(const std::string& text, const Options& options = {}, const std::string& model = "") {
    const Program program = Program::from_text("problem.node", text, options);
    REQUIRE_MESSAGE(program.ok(), words(program.diagnostics()));
    Result<Model> found = program.model(model);
    REQUIRE_MESSAGE(static_cast<bool>(found), words(found.diagnostics()));
    model_ = *found;
    Result<Arrays> initial = model_.initial_weights();
    REQUIRE_MESSAGE(static_cast<bool>(initial), words(initial.diagnostics()));
    weights_ = *initial;
  }
  Arrays& weights() { return weights_; }
  const Model& model() const { return model_; }

  Dataset bind(const Arrays& data, int64_t samples = 0) const {
    Result<Dataset> bound = model_.bind(data, samples);
    REQUIRE_MESSAGE(static_cast<bool>(bound), words(bound.diagnostics()));
    return *bound;
  }
  Evaluation evaluate(const Arrays& data = {}, int64_t samples = 0) const {
    Result<Evaluation> result = model_.evaluate(bind(data, samples), weights_);
    REQUIRE_MESSAGE(static_cast<bool>(result), words(result.diagnostics()));
    return *result;
  }
  Gradient gradient(const Arrays& data = {}, int64_t samples = 0) const {
    Result<Gradient> result = model_.gradient(bind(data, samples), weights_);
    REQUIRE_MESSAGE(static_cast<bool>(result), words(result.diagnostics()));
    return *result;
  }

 private:
  Model model_;
  Arrays weights_;
};

// Some samples of data that all have a sample axis.
inline Arrays take(const Arrays& data, const std::vector<int64_t>& rows) {
  Arrays out;
  for (const auto& [name, array] : data) {
    Array& a = out[name];
    a.shape = array.shape;
    a.shape[0] = static_cast<int64_t>(rows.size());
    const int64_t width = static_cast<int64_t>(array.values.size()) / array.shape[0];
    for (const int64_t row : rows)
      a.values.insert(a.values.end(), array.values.begin() + row * width,
                      array.values.begin() + (row + 1) * width);
  }
  return out;
}

// |a − b| ≤ tolerance · max(|b|, floor) for every element.
inline void check_close(const Array& a, const std::vector<double>& b, double tolerance,
                        double floor = 1e-300) {
  REQUIRE(a.values.size() == b.size());
  for (size_t i = 0; i < b.size(); ++i) {
    CAPTURE(i);
    CAPTURE(a.values[i]);
    CAPTURE(b[i]);
    CHECK(std::fabs(a.values[i] - b[i]) <= tolerance * std::fmax(std::fabs(b[i]), floor));
  }
}

}  // namespace nodec::conformance
