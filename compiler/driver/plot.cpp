// `plot`: pictures of a field's trajectory, of a model's outputs against data or on a grid, of samples, of a
// training log.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <numeric>

#include "compiler/driver/maps.hpp"
#include "compiler/driver/panels.hpp"
#include "compiler/driver/plot.hpp"
#include "compiler/driver/samples.hpp"
#include "runtime/binding.hpp"

namespace nodec::driver {
namespace {

int plot_field(const Arguments& arguments, std::vector<Panel>& panels, std::vector<SampleFailure>& failures) {
  const std::optional<Program> program = load(arguments);
  if (!program) return 1;
  int status = 0;
  const std::optional<SolvedField> path = integrate(arguments, *program, status);
  if (!path) return status;
  failures = path->failures;
  panels = panels_of(*path, arguments);
  return 0;
}

// An output of one sample, without the entries beyond the sample's own length.
Array of_sample(const Array& array, bool sample_axis, int64_t sample) {
  if (!sample_axis) return array;
  Array own{{array.shape.begin() + 1, array.shape.end()}, {}};
  const int64_t size = product(own.shape, 0);
  own.values.assign(array.values.begin() + sample * size, array.values.begin() + (sample + 1) * size);
  return own;
}

int plot_model(const Arguments& arguments, std::vector<Panel>& panels, std::vector<SampleFailure>& failures) {
  const std::optional<Model> model = load_model(arguments);
  if (!model) return arguments.said->status;
  const std::optional<Arrays> weights = load_weights(arguments, *model);
  if (!weights) return arguments.said->status;
  const std::optional<Dataset> data = load_data(arguments, *model);
  if (!data) return arguments.said->status;
  return add_model(arguments, *model, *weights, *data, panels, failures);
}

int plot_log(const Arguments& arguments, std::vector<Panel>& panels) {
  const runtime::Result<runtime::DataFile> file = runtime::read_data(arguments.log);
  if (!file) {
    std::cerr << "nodec: error: " << file.errors().front().message() << "\n";
    return 1;
  }
  const auto* table = std::get_if<runtime::Table>(&file->contents);
  const int steps = table ? table->find("step") : -1;
  std::vector<Losses> losses;
  if (steps >= 0)
    for (const runtime::Column& column : table->columns) {
      if (column.name.find("loss") == std::string::npos) continue;
      Losses& loss = losses.emplace_back();
      loss.name = column.name;
      for (size_t i = 0; i < column.values.size(); ++i) {
        if (std::isnan(column.values[i])) continue;  // no validation at this step
        loss.steps.push_back(table->columns[static_cast<size_t>(steps)].values[i]);
        loss.values.push_back(column.values[i]);
      }
    }
  Panel panel = over_steps(losses);
  if (panel.curves.empty()) {
    usage_error(arguments.log + " has no columns 'step' and 'loss', as the file of `train --log` does");
    return 1;
  }
  panels.push_back(std::move(panel));
  return 0;
}

}  // namespace

int add_model(const Arguments& arguments, const Model& model, const Arrays& weights, const Dataset& data,
              std::vector<Panel>& panels, std::vector<SampleFailure>& failures) {
  if (model.outputs().empty()) {
    usage_error("model " + model.name() + " has no output to draw");
    return 1;
  }
  if (arguments.sample >= data.samples()) {
    usage_error("--sample " + std::to_string(arguments.sample) + ": there are " +
                std::to_string(data.samples()) + " samples, and they count from 0");
    return 2;
  }
  const Result<Evaluation> result = model.evaluate(data, weights);
  print(result.diagnostics(), arguments);
  if (!result) return static_cast<int>(result.outcome());
  failures = result->failures;
  std::vector<Component> lines, points;
  std::vector<double> t;
  for (const std::string& name : model.times()) t = data.values(name, arguments.sample).values;
  const auto along_time = [&](const Array& array) {
    return !t.empty() && !array.shape.empty() && array.shape[0] == static_cast<int64_t>(t.size());
  };
  // Where no output runs along the times, the first length that one has gives the axis.
  std::string axis = "t";
  for (const bool timed : {true, false}) {
    for (const Description& d : model.outputs()) {
      if (d.shape.empty() || d.shape[0] >= 0) continue;
      const Array own = of_sample(result->outputs.at(d.name), data.has_sample_axis(), arguments.sample);
      if (!timed && lines.empty()) {
        axis = "index";
        t.resize(static_cast<size_t>(own.shape[0]));
        std::iota(t.begin(), t.end(), 0);
      }
      if (along_time(own)) add_components(d.name, own, lines);
    }
    if (!lines.empty()) break;
  }
  if (lines.empty()) {
    add_samples(model, *result, data.has_sample_axis(), panels);
    return 0;
  }
  const std::vector<std::string> times = model.times();
  for (const Description& d : model.data()) {
    if (d.shape.empty() || d.shape[0] >= 0 || std::count(times.begin(), times.end(), d.name)) continue;
    const Array own = data.values(d.name, arguments.sample);
    if (along_time(own)) add_components(d.name, own, points);
  }
  panels.push_back(over_time(t, lines, points));
  panels.back().x_label = axis;
  panels.back().title =
      model.name() + (data.samples() > 1 ? ", sample " + std::to_string(arguments.sample) : "");
  if (lines.size() == 2) {
    Panel plane;
    plane.title = "phase plane";
    plane.x_label = lines[0].name;
    plane.y_label = lines[1].name;
    plane.curves.push_back(curve_in_plane(lines[0], lines[1], Curve::Style::line, ""));
    if (points.size() == 2)
      plane.curves.push_back(curve_in_plane(points[0], points[1], Curve::Style::points, "data"));
    panels.push_back(std::move(plane));
  }
  return 0;
}

int plot(const Arguments& arguments) {
  const std::string out =
      arguments.out.empty() ? std::filesystem::path(arguments.file).stem().string() + ".svg" : arguments.out;
  std::vector<Panel> panels;
  std::vector<SampleFailure> failures;
  const int status = !arguments.log.empty()     ? plot_log(arguments, panels)
                     : !arguments.grids.empty() ? plot_maps(arguments, panels, failures)
                     : !arguments.field.empty() ? plot_field(arguments, panels, failures)
                                                : plot_model(arguments, panels, failures);
  if (status != 0) return status;
  const std::string problem = draw(panels, out);
  if (!problem.empty()) {
    usage_error(problem);
    return 1;
  }
  if (!arguments.quiet) std::cout << "picture: " << out << "\n";
  return report(failures);
}

}  // namespace nodec::driver
