// `eval`: outputs, metrics and loss on data.
#include <cstdio>
#include <iostream>

#include "compiler/driver/evaluate.hpp"
#include "compiler/driver/json.hpp"

namespace nodec::driver {
namespace {

using nlohmann::ordered_json;

void print_json(const Evaluation& e, const Arguments& arguments) {
  ordered_json out, metrics = ordered_json::object(), solves = ordered_json::array();
  if (e.loss)
    out["loss"] = *e.loss;
  else
    out["loss"] = nullptr;
  for (const auto& [name, value] : e.metrics) metrics[name] = value;
  for (const SolveStatistics& s : e.solves)
    solves.push_back({{"field", s.field},
                      {"method", s.method},
                      {"evaluations", s.evaluations},
                      {"accepted", s.accepted},
                      {"rejected", s.rejected}});
  out["metrics"] = metrics;
  out["solves"] = solves;
  out["diagnostics"] = to_json(arguments.said->diagnostics);
  std::cout << out.dump(2) << "\n";
}

}  // namespace

void print_evaluation(const Evaluation& e, int64_t samples) {
  std::printf("samples     %lld\n", static_cast<long long>(samples));
  if (e.loss) std::printf("loss        %.9g\n", *e.loss);
  for (const auto& [name, value] : e.metrics) std::printf("%-11s %.9g\n", name.c_str(), value);
  for (const SolveStatistics& s : e.solves) {
    double evaluations = 0, accepted = 0, rejected = 0;
    for (size_t i = 0; i < s.evaluations.size(); ++i) {
      evaluations += static_cast<double>(s.evaluations[i]);
      accepted += static_cast<double>(s.accepted[i]);
      rejected += static_cast<double>(s.rejected[i]);
    }
    const double n = s.evaluations.empty() ? 1 : static_cast<double>(s.evaluations.size());
    std::printf("solve %s by %s: %.1f evaluations, %.1f steps, %.1f rejected a sample\n", s.field.c_str(),
                s.method.c_str(), evaluations / n, accepted / n, rejected / n);
  }
}

int evaluate(const Arguments& arguments) {
  const std::optional<Inputs> inputs = load_inputs(arguments);
  if (!inputs) return arguments.said->status;
  const Result<Evaluation> result = inputs->model.evaluate(inputs->data, inputs->weights);
  print(result.diagnostics(), arguments);
  if (!result) return static_cast<int>(result.outcome());
  std::set<std::string> rows;  // outputs along a length become the rows of a table
  for (const Description& d : inputs->model.outputs())
    if (!d.shape.empty() && d.shape[0] < 0) rows.insert(d.name);
  if (!write_out(arguments, result->outputs, inputs->data.has_sample_axis(), rows)) return 1;
  if (arguments.json)
    print_json(*result, arguments);
  else if (!arguments.quiet)
    print_evaluation(*result, inputs->data.samples());
  return report(result->failures);
}

}  // namespace nodec::driver
