// Panels -> a gnuplot script, run where gnuplot is installed.
#include "compiler/driver/picture.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "runtime/files.hpp"

namespace nodec::driver {
namespace {

constexpr int panel_width = 560, panel_height = 420, small_panel = 280, most_small_in_a_row = 6;
// Okabe and Ito's palette, told apart by everyone.
const char* const palette[] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"};

// From dark to light, as even steps of lightness.
const std::string map_colors =
    "0 '#000004', 1 '#1f0c48', 2 '#550f6d', 3 '#88226a', 4 '#ba3655', 5 '#e35933', 6 '#f98c0a', 7 '#f9c932', "
    "8 '#fcffa4'";

// A string of gnuplot between single quotes, in which nothing but the quote is special.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += '\'';
    out += c == '\n' ? ' ' : c;
  }
  return out + "'";
}

void append(std::string& out, double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", x);
  out += std::isfinite(x) ? text : "NaN";
}

std::string color(int index) {
  if (index < 0) return "'#bbbbbb'";
  return quoted(palette[static_cast<size_t>(index) % std::size(palette)]);
}

std::string plot_of(const Curve& curve, const std::string& block) {
  std::string out = "$" + block + " using ";
  switch (curve.style) {
    case Curve::Style::line:
      out += "1:2 with lines lw 2 lc rgb " + color(curve.color);
      break;
    case Curve::Style::points:
      out += std::string("1:2 with points pt 7 ps ") + (curve.x.size() > 500 ? "0.25" : "0.5") + " lc rgb " +
             color(curve.color);
      break;
    case Curve::Style::arrows:
      out += "1:2:3:4 with vectors filled head size screen 0.006,20 lw 1 lc rgb " + color(curve.color);
      break;
    case Curve::Style::bars:
      out += "1:2 with fillsteps fs transparent solid 0.4 noborder lc rgb " + color(curve.color);
      break;
    case Curve::Style::map:
      out += "1:2:3 with image";
      break;
  }
  return out + (curve.title.empty() ? " notitle" : " title " + quoted(curve.title));
}

std::string script(const std::vector<Panel>& panels, const std::string& file, bool png) {
  const bool small =
      std::all_of(panels.begin(), panels.end(), [](const Panel& p) { return p.small; }) && panels.size() > 3;
  const size_t count = panels.size(),
               wanted_rows = small        ? (count + most_small_in_a_row - 1) / most_small_in_a_row
                             : count <= 3 ? 1
                                          : 2,
               columns = (count + wanted_rows - 1) / wanted_rows, rows = (count + columns - 1) / columns;
  const size_t width = small ? small_panel : panel_width, height = small ? small_panel : panel_height;
  std::string out = "set encoding utf8\nset terminal ";
  out += png ? "pngcairo noenhanced" : "svg noenhanced dynamic background rgb 'white'";
  out += " size " + std::to_string(columns * width) + "," + std::to_string(rows * height) +
         " font 'sans,11'\nset output " + quoted(file) + "\nset multiplot layout " + std::to_string(rows) +
         "," + std::to_string(columns) +
         "\nset border 3\nset tics nomirror out\nunset colorbox\nset palette defined (" + map_colors + ")\n";
  for (size_t p = 0; p < count; ++p) {
    const Panel& panel = panels[p];
    std::string plots;
    for (size_t c = 0; c < panel.curves.size(); ++c) {
      const Curve& curve = panel.curves[c];
      const std::string block = "p" + std::to_string(p) + "c" + std::to_string(c);
      out += "$" + block + " << END\n";
      for (size_t i = 0; i < curve.x.size(); ++i) {
        append(out, curve.x[i]);
        out += ' ';
        append(out, curve.y[i]);
        if (curve.style == Curve::Style::arrows) {
          out += ' ';
          append(out, curve.dx[i]);
          out += ' ';
          append(out, curve.dy[i]);
        }
        if (curve.style == Curve::Style::map) {
          out += ' ';
          append(out, curve.heights[i]);
        }
        out += '\n';
      }
      out += "END\n";
      plots += (c ? ", " : "plot ") + plot_of(curve, block);
    }
    out += "set title " + quoted(panel.title) + "\nset xlabel " + quoted(panel.x_label) + "\nset ylabel " +
           quoted(panel.y_label) + "\n";
    out +=
        panel.logarithmic ? "set logscale y\nset format y '%.0e'\n" : "unset logscale y\nset format y '%g'\n";
    out += panel.equal_scales ? "set size ratio -1\n" : "set size noratio\n";
    const bool bars = !panel.curves.empty() && panel.curves[0].style == Curve::Style::bars;
    out += bars ? "set yrange [0:*]\nset offsets 0, 0, 0, 0\n"
                : "set yrange [*:*]\nset offsets 0, 0, graph 0.05, graph 0.05\n";
    out += "set autoscale xfix\nset key top right\n";
    if (panel.window) {
      const auto& [left, right, bottom, top] = *panel.window;
      out += "set offsets 0, 0, 0, 0\nset xrange [";
      append(out, left);
      out += ':';
      append(out, right);
      out += "]\nset yrange [";
      append(out, bottom);
      out += ':';
      append(out, top);
      out += "]\n";
    } else {
      out += "set xrange [*:*]\n";
    }
    out += plots + "\n";
  }
  return out + "unset multiplot\nunset output\n";
}

// What the command printed, and its exit status.
std::pair<std::string, int> run(const std::string& command) {
  std::string text;
  std::FILE* pipe = ::popen(command.c_str(), "r");
  if (!pipe) return {"it cannot be started", 1};
  char buffer[512];
  for (size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    if (text.size() < 2000) text.append(buffer, n);
  const int status = ::pclose(pipe);
  return {text, WIFEXITED(status) ? WEXITSTATUS(status) : 1};
}

}  // namespace

std::string draw(const std::vector<Panel>& panels, const std::string& file) {
  const std::string extension = std::filesystem::path(file).extension();
  if (extension != ".svg" && extension != ".png") return "'" + file + "' must end in .svg or .png";
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::temp_directory_path(error);
  if (error) return "no folder for temporary files: " + error.message();
  const std::string stem = (folder / ("nodec-" + std::to_string(::getpid()))).string();
  const std::string commands = stem + ".gnuplot", picture = stem + extension;
  struct Removed {
    std::string path;
    ~Removed() {
      std::error_code ignored;
      std::filesystem::remove(path, ignored);
    }
  };
  const Removed remove_commands{commands}, remove_picture{picture};
  const std::string text = script(panels, picture, extension == ".png");
  const runtime::Result<runtime::Done> written =
      runtime::write_bytes(commands, std::as_bytes(std::span(text.data(), text.size())));
  if (!written) return written.errors().front().message();
  // The name is nodec's own and needs no quoting.
  const auto [said, status] = run("gnuplot '" + commands + "' 2>&1");
  if (status == 127) return "gnuplot is not installed (Debian: gnuplot-nox), and pictures are drawn by it";
  if (status != 0) return "gnuplot failed: " + said;
  const runtime::Result<std::vector<std::byte>> bytes = runtime::read_bytes(picture);
  if (!bytes) return bytes.errors().front().message();
  const runtime::Result<runtime::Done> done = runtime::write_bytes(file, *bytes);
  return done ? "" : done.errors().front().message();
}

}  // namespace nodec::driver
