// Values given by --set -> a field, solved at times.
#include "compiler/driver/solved_field.hpp"

#include "compiler/driver/assignments.hpp"

namespace nodec::driver {

std::optional<SolvedField> integrate(const Arguments& arguments, const Program& program, int& status) {
  status = 2;
  const auto sets = parse_sets(arguments.sets);
  if (!sets) return {};
  std::vector<std::string> given;
  for (const auto& [name, numbers] : *sets) given.push_back(name);
  const Result<Model> model = program.integrate(arguments.field, given);
  print(model.diagnostics(), arguments);
  if (!model) {
    status = static_cast<int>(model.outcome());
    return {};
  }
  Arrays values;
  for (const Description& d : model->data()) {
    if (d.name == "t" || d.name == "t0") continue;
    const auto found = sets->find(d.name);
    if (found == sets->end()) {
      usage_error("'" + d.name + "' has no value: give it with --set \"" + d.name + "=…\" (" + d.type + ")");
      return {};
    }
    std::optional<Array> value = of_shape(d, found->second);
    if (!value) return {};
    values[d.name] = std::move(*value);
  }
  const int64_t points = arguments.points.value_or(100);
  std::vector<double> times;
  for (int64_t i = 0; i < points; ++i)
    times.push_back(i + 1 == points
                        ? arguments.to
                        : arguments.from + (arguments.to - arguments.from) * static_cast<double>(i) /
                                               static_cast<double>(points - 1));
  status = 1;
  std::optional<Arrays> weights = load_weights(arguments, *model);
  if (!weights) return {};
  return integrate(arguments, *model, std::move(values), std::move(times), std::move(*weights), status);
}

std::optional<SolvedField> integrate(const Arguments& arguments, const Model& model, Arrays values,
                                     std::vector<double> times, Arrays weights, int& status) {
  status = 1;
  Array t{{static_cast<int64_t>(times.size())}, std::move(times)};
  values["t0"] = {{}, {t.values.front()}};
  values["t"] = t;
  const Result<Dataset> data = model.bind(values);
  print(data.diagnostics(), arguments);
  if (!data) return {};
  const Result<Evaluation> result = model.evaluate(*data, weights);
  print(result.diagnostics(), arguments);
  if (!result) {
    status = static_cast<int>(result.outcome());
    return {};
  }
  SolvedField trajectory{model, std::move(values), std::move(weights), result->outputs, result->failures};
  trajectory.states["t"] = std::move(t);
  status = 0;
  return trajectory;
}

}  // namespace nodec::driver
