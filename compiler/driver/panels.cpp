// Panels of curves along time and in the plane.
#include "compiler/driver/panels.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

namespace nodec::driver {
namespace {

constexpr size_t most_curves = 7;

void widen(double& low, double& high, const std::vector<double>& values) {
  for (const double v : values) {
    if (!std::isfinite(v)) continue;
    low = std::fmin(low, v);
    high = std::fmax(high, v);
  }
}

// Arrows of a field with two state elements at its initial time, on a grid around a trajectory: displacements
// over a time that is short beside the interval, all of one length.
std::optional<Curve> arrows(const SolvedField& path, const Component& x, const Component& y, double span) {
  double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
  widen(low[0], high[0], x.values);
  widen(low[1], high[1], y.values);
  constexpr int side = 18;
  double spacing[2];
  for (int i = 0; i < 2; ++i) {
    if (!(low[i] <= high[i])) return {};
    const double margin = high[i] > low[i] ? 0.1 * (high[i] - low[i]) : 1;
    low[i] -= margin;
    high[i] += margin;
    spacing[i] = (high[i] - low[i]) / (side - 1);
  }
  std::vector<double> grid[2];
  for (int row = 0; row < side; ++row)
    for (int column = 0; column < side; ++column) {
      grid[0].push_back(low[0] + spacing[0] * column);
      grid[1].push_back(low[1] + spacing[1] * row);
    }
  const int64_t count = side * side;
  // The grid's points take the places of the initial states; all else is shared.
  Arrays values = path.values;
  size_t element = 0;
  for (const Description& output : path.model.outputs()) {
    Array& start = values[output.name];
    const std::vector<int64_t> own(output.shape.begin() + 1, output.shape.end());
    const int64_t width = product(own, 0);
    start.shape = own;
    start.shape.insert(start.shape.begin(), count);
    start.values.clear();
    for (int64_t i = 0; i < count; ++i)
      for (int64_t k = 0; k < width; ++k)
        start.values.push_back(grid[element + static_cast<size_t>(k)][static_cast<size_t>(i)]);
    element += static_cast<size_t>(width);
  }
  const double t0 = path.values.at("t0").values[0], shortly = t0 + 1e-4 * span;
  values["t"] = {{2}, {t0, shortly}};
  const Result<Dataset> data = path.model.bind(values);
  if (!data) return {};
  const Result<Evaluation> result = path.model.evaluate(*data, path.weights);
  if (!result) return {};
  std::vector<double> moved[2];
  element = 0;
  for (const Description& output : path.model.outputs()) {
    const Array& states = result->outputs.at(output.name);  // [count, 2, …]
    const int64_t width = product(states.shape, 2);
    for (int64_t k = 0; k < width; ++k, ++element)
      for (int64_t i = 0; i < count; ++i)
        moved[element].push_back(states.values[static_cast<size_t>((2 * i + 1) * width + k)] -
                                 grid[element][static_cast<size_t>(i)]);
  }
  Curve curve{"", Curve::Style::arrows, -1, {}, {}, {}, {}};
  for (size_t i = 0; i < moved[0].size(); ++i) {
    const double u = moved[0][i] / spacing[0], v = moved[1][i] / spacing[1], length = std::hypot(u, v);
    if (!(length > 0) || !std::isfinite(length)) continue;
    const double dx = 0.7 * spacing[0] * u / length, dy = 0.7 * spacing[1] * v / length;
    curve.x.push_back(grid[0][i] - dx / 2);
    curve.y.push_back(grid[1][i] - dy / 2);
    curve.dx.push_back(dx);
    curve.dy.push_back(dy);
  }
  return curve;
}

}  // namespace

int64_t product(const std::vector<int64_t>& shape, size_t from) {
  int64_t n = 1;
  for (size_t i = from; i < shape.size(); ++i) n *= shape[i];
  return n;
}

void add_components(const std::string& name, const Array& array, std::vector<Component>& to) {
  const int64_t rows = array.shape[0], width = product(array.shape, 1);
  for (int64_t i = 0; i < width; ++i) {
    Component c{array.shape.size() == 1 ? name : name + "[" + std::to_string(i) + "]", {}};
    for (int64_t row = 0; row < rows; ++row)
      c.values.push_back(array.values[static_cast<size_t>(row * width + i)]);
    to.push_back(std::move(c));
  }
}

Panel over_time(const std::vector<double>& t, const std::vector<Component>& lines,
                const std::vector<Component>& points) {
  Panel panel;
  panel.x_label = "t";
  for (size_t i = 0; i < std::min(lines.size(), most_curves); ++i)
    panel.curves.push_back(
        {lines[i].name, Curve::Style::line, static_cast<int>(i), t, lines[i].values, {}, {}});
  for (size_t i = 0; i < std::min(points.size(), most_curves); ++i)
    panel.curves.push_back(
        {points[i].name + " (data)", Curve::Style::points, static_cast<int>(i), t, points[i].values, {}, {}});
  return panel;
}

Curve curve_in_plane(const Component& x, const Component& y, Curve::Style style, const std::string& title) {
  return {title, style, 0, x.values, y.values, {}, {}};
}

std::vector<Panel> panels_of(const SolvedField& path, const Arguments& arguments) {
  std::vector<Component> components;
  for (const Description& d : path.model.outputs())
    add_components(d.name, path.states.at(d.name), components);
  std::vector<Panel> panels = {over_time(path.states.at("t").values, components, {})};
  panels.back().title = arguments.field;
  if (components.size() != 2) return panels;
  Panel plane;
  plane.title = "phase plane";
  plane.x_label = components[0].name;
  plane.y_label = components[1].name;
  if (std::optional<Curve> field = arrows(path, components[0], components[1], arguments.to - arguments.from))
    plane.curves.push_back(std::move(*field));
  plane.curves.push_back(curve_in_plane(components[0], components[1], Curve::Style::line, ""));
  panels.push_back(std::move(plane));
  return panels;
}

Panel over_steps(const std::vector<Losses>& losses) {
  Panel panel;
  panel.title = "training";
  panel.x_label = "step";
  panel.y_label = "loss";
  panel.logarithmic = true;
  for (const Losses& loss : losses) {
    if (loss.steps.empty()) continue;
    const int color = static_cast<int>(panel.curves.size());
    panel.curves.push_back({loss.name, Curve::Style::line, color, loss.steps, loss.values, {}, {}});
    for (const double value : loss.values)
      if (!(value > 0)) panel.logarithmic = false;
  }
  return panel;
}

}  // namespace nodec::driver
