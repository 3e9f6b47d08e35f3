// Outputs of a model on a grid of values of its data -> panels: curves over a line, maps over a plane.
#include "compiler/driver/maps.hpp"

#include <algorithm>
#include <iostream>

#include "compiler/driver/assignments.hpp"
#include "compiler/driver/samples.hpp"

namespace nodec::driver {
namespace {

constexpr size_t most_maps = 12;
// Points of a grid: a solve each, and a hundred bytes or so.
constexpr int64_t most_points = 2048 * 2048;

// A number that runs over an interval: an element of a datum.
struct Axis {
  std::string label;
  Interval interval;
};

double at(const Interval& interval, int64_t i, int64_t points) {
  const double share = static_cast<double>(i) / static_cast<double>(points - 1);
  return interval.low * (1 - share) + interval.high * share;
}

// The data on the grid, one sample for each of its points, the first axis fastest.
std::optional<Arrays> values_on(const Model& model, const std::vector<Grid>& grids,
                                const std::map<std::string, std::vector<double>>& sets, int64_t points,
                                std::vector<Axis>& axes) {
  for (const Grid& grid : grids)
    for (size_t k = 0; k < grid.intervals.size(); ++k)
      axes.push_back({grid.intervals.size() == 1 ? grid.name : grid.name + "[" + std::to_string(k) + "]",
                      grid.intervals[k]});
  if (axes.size() > 2) {
    usage_error("--grid takes one or two numbers in all, not " + std::to_string(axes.size()));
    return {};
  }
  const int64_t count = axes.size() == 2 ? points * points : points;
  if (count > most_points) {
    usage_error("--points " + std::to_string(points) + " makes a grid of " + std::to_string(count) +
                " points: at most " + std::to_string(axes.size() == 2 ? 2048 : most_points) +
                " can be given here");
    return {};
  }
  Arrays values;
  for (const Description& d : model.data()) {
    const auto grid =
        std::find_if(grids.begin(), grids.end(), [&](const Grid& g) { return g.name == d.name; });
    if (grid == grids.end()) {
      const auto set = sets.find(d.name);
      if (set == sets.end()) {
        usage_error("'" + d.name + "' has no value: give it with --set \"" + d.name + "=…\" (" + d.type +
                    ")");
        return {};
      }
      std::optional<Array> value = of_shape(d, set->second);
      if (!value) return {};
      values[d.name] = std::move(*value);
      continue;
    }
    const int64_t width = static_cast<int64_t>(grid->intervals.size());
    if (d.shape != std::vector<int64_t>{width} && !(d.shape.empty() && width == 1)) {
      usage_error("--grid " + d.name + " gives " + std::to_string(width) + " number" +
                  (width == 1 ? "" : "s") + ", but '" + d.name + "' is " + d.type);
      return {};
    }
    size_t first = 0;
    for (auto before = grids.begin(); before != grid; ++before) first += before->intervals.size();
    Array& array = values[d.name];
    array.shape = d.shape;
    array.shape.insert(array.shape.begin(), count);
    for (int64_t i = 0; i < count; ++i)
      for (size_t k = first; k < first + grid->intervals.size(); ++k)
        array.values.push_back(at(axes[k].interval, k == 0 ? i % points : i / points, points));
  }
  for (const auto& [name, numbers] : sets)
    if (!values.contains(name)) {
      usage_error("--set " + name + ": the model has no such data");
      return {};
    }
  for (const Grid& grid : grids)
    if (!values.contains(grid.name)) {
      usage_error("--grid " + grid.name + ": the model has no such data");
      return {};
    }
  return values;
}

Panel map_of(const std::vector<Axis>& axes, int64_t points, std::vector<double> heights, bool equal_scales) {
  Panel panel;
  panel.small = true;
  panel.equal_scales = equal_scales;
  panel.x_label = axes[0].label;
  panel.y_label = axes[1].label;
  Curve curve;
  curve.style = Curve::Style::map;
  for (int64_t i = 0; i < points * points; ++i) {
    curve.x.push_back(at(axes[0].interval, i % points, points));
    curve.y.push_back(at(axes[1].interval, i / points, points));
  }
  curve.heights = std::move(heights);
  panel.window = {axes[0].interval.low, axes[0].interval.high, axes[1].interval.low, axes[1].interval.high};
  panel.curves.push_back(std::move(curve));
  return panel;
}

}  // namespace

int plot_maps(const Arguments& arguments, std::vector<Panel>& panels, std::vector<SampleFailure>& failures) {
  const auto grids = parse_grids(arguments.grids);
  const auto sets = parse_sets(arguments.sets);
  if (!grids || !sets) return 2;
  const std::optional<Model> model = load_model(arguments);
  if (!model) return arguments.said->status;
  const std::optional<Arrays> weights = load_weights(arguments, *model);
  if (!weights) return arguments.said->status;
  const int64_t points = arguments.points.value_or(201);
  std::vector<Axis> axes;
  const std::optional<Arrays> values = values_on(*model, *grids, *sets, points, axes);
  if (!values) return 2;
  const Result<Dataset> data = model->bind(*values);
  print(data.diagnostics(), arguments);
  if (!data) return static_cast<int>(data.outcome());
  const Result<Evaluation> result = model->evaluate(*data, *weights);
  print(result.diagnostics(), arguments);
  if (!result) return static_cast<int>(result.outcome());
  failures = result->failures;
  const Labels labels(*model, *result, true);
  size_t maps = 0;
  for (const Description& d : model->outputs()) {
    if (labels.are(d.name) || std::count(d.shape.begin(), d.shape.end(), -1)) continue;
    const Array& array = result->outputs.at(d.name);
    const int64_t width = product(array.shape, 1);
    std::vector<Component> lines;
    for (int64_t k = 0; k < width; ++k) {
      Component c{d.shape.empty() ? d.name : labels.of(d.name, k, width), {}};
      for (int64_t i = 0; i < array.shape[0]; ++i)
        c.values.push_back(array.values[static_cast<size_t>(i * width + k)]);
      lines.push_back(std::move(c));
    }
    if (axes.size() == 1) {
      std::vector<double> x;
      for (int64_t i = 0; i < points; ++i) x.push_back(at(axes[0].interval, i, points));
      panels.push_back(over_time(x, lines, {}));
      panels.back().x_label = axes[0].label;
      panels.back().title = d.name;
      continue;
    }
    for (Component& line : lines) {
      if (++maps > most_maps) continue;
      panels.push_back(map_of(axes, points, std::move(line.values), grids->size() == 1));
      panels.back().title = line.name;
    }
  }
  if (maps > most_maps && !arguments.quiet)
    std::cerr << "the first " << most_maps << " of " << maps << " maps are drawn\n";
  if (!panels.empty()) return 0;
  usage_error("model " + model->name() + " has no output to draw on a grid");
  return 1;
}

}  // namespace nodec::driver
