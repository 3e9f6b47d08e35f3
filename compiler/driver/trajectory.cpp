// Values given by --set -> a field's trajectory.
#include "compiler/driver/trajectory.hpp"

#include <cmath>
#include <cstdlib>
#include <sstream>

namespace nodec::driver {
namespace {

// "z=1,0" -> z, [1, 0].
std::optional<std::pair<std::string, std::vector<double>>> parse_set(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    usage_error("--set takes NAME=VALUE,VALUE…, not '" + text + "'");
    return {};
  }
  std::vector<double> values;
  std::stringstream rest(text.substr(equals + 1));
  for (std::string word; std::getline(rest, word, ',');) {
    char* end = nullptr;
    values.push_back(std::strtod(word.c_str(), &end));
    if (word.empty() || *end != '\0' || !std::isfinite(values.back())) {
      usage_error("--set " + text.substr(0, equals) + " takes finite numbers, not '" + word + "'");
      return {};
    }
  }
  if (values.empty()) {
    usage_error("--set " + text.substr(0, equals) + " takes at least one number");
    return {};
  }
  return std::pair{text.substr(0, equals), std::move(values)};
}

}  // namespace

std::optional<Trajectory> integrate(const Arguments& arguments, const Program& program, int& status) {
  status = 2;
  Arrays values;
  std::vector<std::string> given;
  for (const std::string& text : arguments.sets) {
    auto set = parse_set(text);
    if (!set) return {};
    if (values.contains(set->first)) {
      usage_error("--set " + set->first + " is given twice");
      return {};
    }
    given.push_back(set->first);
    values[set->first] = {{static_cast<int64_t>(set->second.size())}, std::move(set->second)};
  }
  const Result<Model> model = program.integrate(arguments.field, given);
  print(model.diagnostics(), arguments);
  if (!model) {
    status = static_cast<int>(model.outcome());
    return {};
  }
  // One number binds a scalar; the elements of a matrix are given row by row.
  for (const Description& d : model->data()) {
    if (d.name == "t" || d.name == "t0") continue;
    const auto found = values.find(d.name);
    if (found == values.end()) {
      usage_error("'" + d.name + "' has no value: give it with --set \"" + d.name + "=…\" (" + d.type + ")");
      return {};
    }
    int64_t size = 1;
    for (const int64_t n : d.shape) size *= n;
    if (size != static_cast<int64_t>(found->second.values.size())) {
      usage_error("--set " + d.name + " takes " + std::to_string(size) + " number" + (size == 1 ? "" : "s") +
                  " (" + d.type + "), not " + std::to_string(found->second.values.size()));
      return {};
    }
    found->second.shape = d.shape;
  }
  Array t{{arguments.points}, {}};
  for (int64_t i = 0; i < arguments.points; ++i)
    t.values.push_back(i + 1 == arguments.points
                           ? arguments.to
                           : arguments.from + (arguments.to - arguments.from) * static_cast<double>(i) /
                                                  static_cast<double>(arguments.points - 1));
  values["t0"] = {{}, {arguments.from}};
  values["t"] = t;
  status = 1;
  const std::optional<Arrays> weights = load_weights(arguments, *model);
  if (!weights) return {};
  Result<Dataset> data = model->bind(values);
  print(data.diagnostics(), arguments);
  if (!data) return {};
  const Result<Evaluation> result = model->evaluate(*data, *weights);
  print(result.diagnostics(), arguments);
  if (!result) {
    status = static_cast<int>(result.outcome());
    return {};
  }
  Trajectory trajectory{*model, std::move(values), *weights, result->outputs, result->failures};
  trajectory.states["t"] = t;
  status = 0;
  return trajectory;
}

}  // namespace nodec::driver
