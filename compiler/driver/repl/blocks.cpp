// A raster of quarters of characters.
#include "compiler/driver/repl/blocks.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>

namespace nodec::driver {
namespace {

constexpr int label_width = 9;
// By the bits of the quarters that are set: upper left 1, upper right 2, lower left 4, lower right 8.
constexpr std::array<const char*, 16> quarters = {" ", "▘", "▝", "▀", "▖", "▌", "▞", "▛",
                                                  "▗", "▚", "▐", "▜", "▄", "▙", "▟", "█"};
constexpr std::array<int, 6> colors = {34, 31, 32, 35, 33, 36};

std::string colored(const std::string& text, int color) {
  return "\x1b[" + std::to_string(colors[static_cast<size_t>(color) % colors.size()]) + "m" + text +
         "\x1b[0m";
}

std::string number(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", x);
  return text;
}

struct Window {
  double left = INFINITY, right = -INFINITY, bottom = INFINITY, top = -INFINITY;
  void widen(double x, double y) {
    if (!std::isfinite(x) || !std::isfinite(y)) return;
    left = std::fmin(left, x);
    right = std::fmax(right, x);
    bottom = std::fmin(bottom, y);
    top = std::fmax(top, y);
  }
  bool empty() const { return !(left <= right); }
  // No extent is zero.
  void open() {
    const auto apart = [](double& low, double& high) {
      if (high > low) return;
      const double by = low == 0 ? 1 : std::fabs(low) / 2;
      low -= by;
      high += by;
    };
    apart(left, right);
    apart(bottom, top);
  }
};

class Raster {
 public:
  Raster(int columns, int rows, const Window& window)
      : columns_(columns), rows_(rows), window_(window), cells_(static_cast<size_t>(columns * rows)) {}

  void line(const Curve& curve) {
    for (size_t i = 0; i + 1 < curve.x.size(); ++i) {
      const double x0 = across(curve.x[i]), y0 = down(curve.y[i]), x1 = across(curve.x[i + 1]),
                   y1 = down(curve.y[i + 1]);
      if (!std::isfinite(x0 + y0 + x1 + y1)) continue;
      const int steps = static_cast<int>(std::ceil(std::fmax(std::fabs(x1 - x0), std::fabs(y1 - y0)))) + 1;
      for (int k = 0; k <= steps; ++k)
        set(x0 + (x1 - x0) * k / steps, y0 + (y1 - y0) * k / steps, curve.color);
    }
    if (curve.x.size() == 1) set(across(curve.x[0]), down(curve.y[0]), curve.color);
  }

  void points(const Curve& curve) {
    for (size_t i = 0; i < curve.x.size(); ++i)
      if (Cell* cell = at(across(curve.x[i]), down(curve.y[i]))) {
        cell->point = true;
        cell->color = curve.color;
      }
  }

  // Heights over [x[2 k], x[2 k + 1]], down to zero.
  void bars(const Curve& curve) {
    const double floor = down(std::clamp(0.0, window_.bottom, window_.top));
    for (size_t i = 0; i + 1 < curve.x.size(); i += 2)
      for (double x = across(curve.x[i]); x < across(curve.x[i + 1]); x += 0.5)
        for (double y = down(curve.y[i]); y <= floor; y += 0.5) set(x, y, curve.color);
  }

  std::string row(int r, bool color) const {
    std::string out;
    for (int c = 0; c < columns_; ++c) {
      const Cell& cell = cells_[static_cast<size_t>(r * columns_ + c)];
      const std::string text = cell.point ? "•" : quarters[cell.quarters];
      out += color && (cell.point || cell.quarters) ? colored(text, cell.color) : text;
    }
    return out;
  }

 private:
  struct Cell {
    uint8_t quarters = 0;
    bool point = false;
    int color = 0;
  };

  // In quarters, from the upper left.
  double across(double x) const {
    return (x - window_.left) / (window_.right - window_.left) * (2 * columns_ - 1);
  }
  double down(double y) const { return (window_.top - y) / (window_.top - window_.bottom) * (2 * rows_ - 1); }

  Cell* at(double x, double y) {
    if (!std::isfinite(x + y)) return nullptr;
    const long column = std::lround(x), row = std::lround(y);
    if (column < 0 || row < 0 || column >= 2 * columns_ || row >= 2 * rows_) return nullptr;
    return &cells_[static_cast<size_t>(row / 2 * columns_ + column / 2)];
  }
  void set(double x, double y, int color) {
    Cell* cell = at(x, y);
    if (!cell) return;
    cell->quarters |= static_cast<uint8_t>(1 << (std::lround(x) % 2 + 2 * (std::lround(y) % 2)));
    cell->color = color;
  }

  int columns_, rows_;
  Window window_;
  std::vector<Cell> cells_;
};

Panel in_logarithms(Panel panel) {
  for (Curve& curve : panel.curves)
    for (double& y : curve.y) y = std::log10(y);
  return panel;
}

std::string draw_panel(const Panel& given, const BlockStyle& style) {
  const Panel panel = given.logarithmic ? in_logarithms(given) : given;
  Window window;
  for (const Curve& curve : panel.curves) {
    if (curve.style == Curve::Style::arrows || curve.style == Curve::Style::map) continue;
    for (size_t i = 0; i < curve.x.size(); ++i) window.widen(curve.x[i], curve.y[i]);
    if (curve.style == Curve::Style::bars && !window.empty()) window.widen(window.left, 0);
  }
  if (window.empty()) return "";
  window.open();
  const int columns = std::max(20, style.columns - label_width - 2);
  Raster raster(columns, style.rows, window);
  for (const Curve& curve : panel.curves)
    if (curve.style == Curve::Style::bars) raster.bars(curve);
  for (const Curve& curve : panel.curves)
    if (curve.style == Curve::Style::line) raster.line(curve);
  for (const Curve& curve : panel.curves)
    if (curve.style == Curve::Style::points) raster.points(curve);

  std::string out = panel.title;
  std::string key;
  for (const Curve& curve : panel.curves) {
    if (curve.title.empty() || curve.style == Curve::Style::arrows) continue;
    const std::string mark = curve.style == Curve::Style::points ? "•" : "━";
    key += "  " + (style.color ? colored(mark, curve.color) : mark) + " " + curve.title;
  }
  out += (out.empty() && !key.empty() ? key.substr(2) : key) + "\n";
  const auto height = [&](double y) { return number(given.logarithmic ? std::pow(10.0, y) : y); };
  for (int r = 0; r < style.rows; ++r) {
    std::string label = r == 0                ? height(window.top)
                        : r + 1 == style.rows ? height(window.bottom)
                        : r == style.rows / 2 ? panel.y_label
                                              : "";
    label = label.substr(0, label_width);
    out += std::string(label_width - std::min<size_t>(label.size(), label_width), ' ') + label + " ┤" +
           raster.row(r, style.color);
    // Blanks at a line's end are nothing.
    out.erase(out.find_last_not_of(' ') + 1);
    out += "\n";
  }
  const std::string left = number(window.left), right = number(window.right);
  std::string axis(label_width + 1, ' ');
  axis += "└";
  for (int c = 0; c < columns; ++c) axis += "─";
  const size_t room =
      static_cast<size_t>(columns) - std::min(static_cast<size_t>(columns), left.size() + right.size());
  const size_t before = (room - std::min(room, panel.x_label.size())) / 2;
  std::string labels = std::string(label_width + 2, ' ') + left;
  labels += std::string(before, ' ') + panel.x_label +
            std::string(room - std::min(room, before + panel.x_label.size()), ' ') + right;
  return out + axis + "\n" + labels + "\n";
}

}  // namespace

std::string blocks(const std::vector<Panel>& panels, const BlockStyle& style) {
  std::string out;
  const auto add = [&](const std::string& text) { out += (out.empty() || text.empty() ? "" : "\n") + text; };
  for (const Panel& panel : panels) {
    std::map<int, std::vector<Curve>> by_color;
    for (const Curve& curve : panel.curves)
      if (curve.style != Curve::Style::arrows) by_color[curve.color].push_back(curve);
    if (style.color || by_color.size() < 2) {
      add(draw_panel(panel, style));
      continue;
    }
    BlockStyle smaller = style;
    smaller.rows = std::max(6, style.rows * 2 / 3);
    for (const auto& [color, curves] : by_color) {
      Panel own = panel;
      own.curves = curves;
      add(draw_panel(own, smaller));
    }
  }
  return out;
}

}  // namespace nodec::driver
