// Steps, losses and the clock to a line of text.
#include "runtime/progress.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>

namespace nodec::runtime {
namespace {

std::string formatted(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string two_units(double total, double unit, const char* large, const char* small) {
  const double whole = std::floor(total / unit);
  return formatted("%.0f ", whole) + large + formatted(" %02.0f ", total - whole * unit) + small;
}

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

}  // namespace

std::string duration_text(double seconds) {
  if (!(seconds >= 0) || std::isinf(seconds)) return "?";
  if (seconds < 0.9995) return formatted("%.0f ms", seconds * 1000);
  if (seconds < 59.95) return formatted("%.1f s", seconds);
  const double rounded = std::round(seconds);
  if (rounded < 3600) return two_units(rounded, 60, "min", "s");
  const double minutes = std::round(seconds / 60);
  if (minutes < 24 * 60) return two_units(minutes, 60, "h", "min");
  return two_units(std::round(seconds / 3600), 24, "d", "h");
}

std::string progress_text(const ProgressState& state) {
  std::string text = "step " + std::to_string(state.step) + "/" + std::to_string(state.steps);
  for (const auto& [name, value] : state.values) text += "  " + name + formatted(" %.4g", value);
  if (state.step <= 0 || !(state.seconds > 0)) return text;
  const double rate = static_cast<double>(state.step) / state.seconds;
  text += rate >= 1 ? formatted(rate < 10 ? "  %.1f steps/s" : "  %.0f steps/s", rate)
                    : "  " + duration_text(1 / rate) + "/step";
  if (state.step < state.steps)
    return text + "  " + duration_text(static_cast<double>(state.steps - state.step) / rate) + " left";
  return text + "  " + duration_text(state.seconds);
}

std::string fit_columns(std::string_view text, int columns) {
  int count = 0;
  size_t cut = 0;  // where the last column that may stay ends when one is needed for the ellipsis
  for (size_t i = 0; i < text.size(); ++i) {
    if (continues(text[i])) continue;
    if (count == columns - 1) cut = i;
    if (++count > columns) return std::string(text.substr(0, cut)) + (columns > 0 ? "…" : "");
  }
  return std::string(text);
}

Progress::Options Progress::standard_error(bool quiet) {
  Options options;
  options.quiet = quiet;
  options.terminal = ::isatty(STDERR_FILENO) == 1;
  winsize size{};
  if (options.terminal && ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    options.columns = size.ws_col;
  return options;
}

Progress::Progress(Options options, int64_t steps, std::function<void(std::string_view)> write,
                   std::function<double()> clock)
    : options_(options), write_(std::move(write)), clock_(std::move(clock)), start_(now()) {
  state_.steps = steps;
}

double Progress::now() const {
  if (clock_) return clock_();
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

bool Progress::wants(int64_t step) const {
  if (options_.quiet) return false;
  const double seconds = now() - start_;
  if (options_.terminal)
    return shown_ < 0 || step >= state_.steps || seconds - shown_ >= options_.redraw_seconds;
  return shown_ < 0 || step >= state_.steps ||
         10 * step / std::max<int64_t>(1, state_.steps) > shown_tenth_ ||
         seconds - shown_ >= options_.log_seconds;
}

void Progress::update(int64_t step, std::vector<std::pair<std::string, double>> values) {
  if (options_.quiet) return;
  const bool wanted = wants(step);
  state_.step = step;
  state_.seconds = now() - start_;
  state_.values = std::move(values);
  if (wanted) show(false);
}

void Progress::show(bool last) {
  const std::string text = progress_text(state_);
  shown_ = state_.seconds;
  shown_tenth_ = 10 * state_.step / std::max<int64_t>(1, state_.steps);
  shown_step_ = state_.step;
  if (!options_.terminal) return write_(text + "\n");
  // The last column stays empty: some terminals wrap when it is written. \x1b[K clears what a longer line
  // left behind.
  write_("\r" + fit_columns(text, options_.columns - 1) + "\x1b[K" + (last ? "\n" : ""));
  drawn_ = !last;
}

void Progress::say(std::string_view line) {
  write_((drawn_ ? "\r\x1b[K" : "") + std::string(line) + "\n");
  drawn_ = false;
}

void Progress::finish() {
  if (options_.quiet) return;
  if (options_.terminal) {
    if (drawn_ || shown_step_ != state_.step) show(true);
  } else if (shown_step_ != state_.step && state_.step > 0) {
    show(true);
  }
}

}  // namespace nodec::runtime
