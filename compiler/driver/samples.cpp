// Outputs over many samples -> panels: histograms, points in the plane.
#include "compiler/driver/samples.hpp"

#include <algorithm>
#include <cmath>

namespace nodec::driver {
namespace {

constexpr size_t most_histograms = 6;
constexpr int64_t most_clouds = 12;

// As many bars as Freedman and Diaconis' rule asks for, heights that make the area one.
Curve histogram(const std::string& title, int color, std::vector<double> values) {
  Curve curve{title, Curve::Style::bars, color, {}, {}, {}, {}};
  std::erase_if(values, [](double v) { return !std::isfinite(v); });
  if (values.empty()) return curve;
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  const double low = values.front(), high = values.back(), quartiles = values[3 * n / 4] - values[n / 4];
  const double width = 2 * quartiles / std::cbrt(static_cast<double>(n));
  const double wanted = width > 0 ? (high - low) / width : 1;
  const size_t bars = static_cast<size_t>(std::clamp(std::ceil(wanted), 1.0, 200.0));
  const double step = high > low ? (high - low) / static_cast<double>(bars) : 1;
  std::vector<double> count(bars, 0);
  for (const double v : values) ++count[std::min(bars - 1, static_cast<size_t>((v - low) / step))];
  for (size_t i = 0; i < bars; ++i) {
    const double height = count[i] / (static_cast<double>(n) * step);
    for (const size_t edge : {i, i + 1}) {
      curve.x.push_back(low + step * static_cast<double>(edge));
      curve.y.push_back(height);
    }
  }
  return curve;
}

// The element k of an output over the samples.
Component component(const std::string& name, const Array& array, int64_t samples, int64_t width, int64_t k) {
  Component c{name, {}};
  for (int64_t i = 0; i < samples; ++i) c.values.push_back(array.values[static_cast<size_t>(i * width + k)]);
  return c;
}

// Points in the plane that move: an output [n, 2] as n clouds, all in one window.
void add_clouds(const Description& d, const Array& array, int64_t samples, const Labels& labels,
                std::vector<Panel>& panels) {
  const int64_t count = d.shape[0], width = 2 * count;
  double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
  for (size_t i = 0; i < array.values.size(); ++i) {
    if (!std::isfinite(array.values[i])) continue;
    low[i % 2] = std::fmin(low[i % 2], array.values[i]);
    high[i % 2] = std::fmax(high[i % 2], array.values[i]);
  }
  for (int64_t k = 0; k < std::min(count, most_clouds); ++k) {
    Panel panel;
    panel.title = labels.of(d.name, k, count);
    panel.small = true;
    panel.equal_scales = true;
    if (low[0] < high[0] && low[1] < high[1]) panel.window = {low[0], high[0], low[1], high[1]};
    panel.curves.push_back(curve_in_plane(component("", array, samples, width, 2 * k),
                                          component("", array, samples, width, 2 * k + 1),
                                          Curve::Style::points, ""));
    panels.push_back(std::move(panel));
  }
}

}  // namespace

Labels::Labels(const Model& model, const Evaluation& result, bool sample_axis) {
  for (const Description& d : model.outputs()) {
    if (d.shape.size() != 1 || d.shape[0] < 2) continue;
    const Array& array = result.outputs.at(d.name);
    const size_t n = static_cast<size_t>(d.shape[0]);
    bool same = sample_axis && array.shape[0] > 1;
    for (size_t i = n; same && i < array.values.size(); ++i) same = array.values[i] == array.values[i - n];
    if (!same) continue;
    name_ = d.name;
    values_.assign(array.values.begin(), array.values.begin() + d.shape[0]);
    return;
  }
}

std::string Labels::of(const std::string& output, int64_t k, int64_t count) const {
  if (count != static_cast<int64_t>(values_.size())) return output + "[" + std::to_string(k) + "]";
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", values_[static_cast<size_t>(k)]);
  return name_ + " = " + text;
}

void add_samples(const Model& model, const Evaluation& result, bool sample_axis, std::vector<Panel>& panels) {
  const Labels labels(model, result, sample_axis);
  for (const Description& d : model.outputs()) {
    if (labels.are(d.name)) continue;
    const Array& array = result.outputs.at(d.name);
    const int64_t width = product(array.shape, sample_axis ? 1 : 0);
    const int64_t samples = sample_axis ? array.shape[0] : 1;
    if (d.shape.size() == 2 && d.shape[0] > 1 && d.shape[1] == 2) {
      add_clouds(d, array, samples, labels, panels);
      continue;
    }
    std::vector<Component> columns;
    for (int64_t k = 0; k < width && panels.size() < most_histograms; ++k) {
      const std::string name = width == 1 ? d.name : d.name + "[" + std::to_string(k) + "]";
      Component c = component(name, array, samples, width, k);
      Panel panel;
      panel.title = "density";
      panel.x_label = c.name;
      panel.curves.push_back(histogram("", 0, c.values));
      panels.push_back(std::move(panel));
      columns.push_back(std::move(c));
    }
    if (columns.size() == 2) {
      Panel plane;
      plane.title = "samples";
      plane.x_label = columns[0].name;
      plane.y_label = columns[1].name;
      plane.equal_scales = true;
      plane.curves.push_back(curve_in_plane(columns[0], columns[1], Curve::Style::points, ""));
      panels.push_back(std::move(plane));
    }
  }
}

}  // namespace nodec::driver
