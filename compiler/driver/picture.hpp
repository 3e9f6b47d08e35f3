// Curves in panels -> a picture file, drawn by gnuplot.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace nodec::driver {

struct Curve {
  enum class Style { line, points, arrows, bars, map };
  std::string title;  // "" is left out of the key
  Style style = Style::line;
  int color = 0;                  // an index into the palette; < 0: gray
  std::vector<double> x, y;       // values that are not finite interrupt a line
  std::vector<double> dx, dy;     // of arrows
  std::vector<double> heights{};  // of a map, over a rectangular grid
};

struct Panel {
  std::string title, x_label, y_label;
  bool logarithmic = false;  // the vertical axis
  bool equal_scales = false;
  bool small = false;  // one of many of a kind: six of them stand in a row
  // Left, right, bottom, top; what the curves need where there is none.
  std::optional<std::array<double, 4>> window;
  std::vector<Curve> curves;
};

// Writes `file` (.svg or .png), replacing it in one step, the panels side by side. Returns what went wrong,
// or
// "".
std::string draw(const std::vector<Panel>& panels, const std::string& file);

}  // namespace nodec::driver
