// How a long run is going: one line that is redrawn on a terminal, now and then a plain line in a log.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nodec::runtime {

struct ProgressState {
  int64_t step = 0, steps = 0;                         // done, of
  double seconds = 0;                                  // since the beginning
  std::vector<std::pair<std::string, double>> values;  // loss first, then metrics
};

// "850 ms", "12.3 s", "4 min 05 s", "2 h 07 min", "3 d 04 h"
std::string duration_text(double seconds);
// "step 120/2000  loss 0.0123  mae 0.0456  3120 steps/s  0.6 s left"; without the time left when it is over.
std::string progress_text(const ProgressState& state);
// The text cut to a number of columns (of code points), with "…" in the place of what is missing.
std::string fit_columns(std::string_view text, int columns);

class Progress {
 public:
  struct Options {
    bool quiet = false;
    bool terminal = false;
    int columns = 80;
    double redraw_seconds = 0.1;  // terminal
    double log_seconds = 30;      // log: a line at least as often, and at every tenth of the run
  };
  // What standard error is: a terminal and its width, or a log.
  static Options standard_error(bool quiet);

  // `write` gets text to be shown at once; `clock` gives seconds (empty: a steady clock).
  Progress(Options options, int64_t steps, std::function<void(std::string_view)> write,
           std::function<double()> clock = {});

  // True when `update` would show something now: values need to be computed only then.
  bool wants(int64_t step) const;
  void update(int64_t step, std::vector<std::pair<std::string, double>> values);
  // A line of its own (a warning, a note), above the one that is redrawn.
  void say(std::string_view line);
  // Leaves the last state on the screen.
  void finish();

 private:
  double now() const;
  void show(bool last);

  Options options_;
  std::function<void(std::string_view)> write_;
  std::function<double()> clock_;
  double start_, shown_ = -1;
  int64_t shown_tenth_ = -1;
  bool drawn_ = false;  // a line without its end is on the terminal
  ProgressState state_;
  int64_t shown_step_ = -1;
};

}  // namespace nodec::runtime
