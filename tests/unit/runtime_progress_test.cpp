// Progress: durations, the line's text and width, when a log gets a line.
#include <doctest/doctest.h>

#include <algorithm>

#include "runtime/progress.hpp"

namespace nodec::runtime {
namespace {

TEST_CASE("durations") {
  const std::pair<double, const char*> known[] = {{0.0004, "0 ms"},
                                                  {0.85, "850 ms"},
                                                  {0.9996, "1.0 s"},
                                                  {12.34, "12.3 s"},
                                                  {59.96, "1 min 00 s"},
                                                  {245, "4 min 05 s"},
                                                  {3599.7, "1 h 00 min"},
                                                  {7620, "2 h 07 min"},
                                                  {86399, "1 d 00 h"},
                                                  {273600, "3 d 04 h"},
                                                  {-1, "?"}};
  for (const auto& [seconds, text] : known) CHECK(duration_text(seconds) == text);
}

TEST_CASE("the line") {
  ProgressState state{500, 2000, 0.25, {{"loss", 0.012345}, {"mae", 1}}};
  CHECK(progress_text(state) == "step 500/2000  loss 0.01235  mae 1  2000 steps/s  750 ms left");
  state = {2, 10, 60, {}};
  CHECK(progress_text(state) == "step 2/10  30.0 s/step  4 min 00 s left");
  state = {10, 10, 2, {}};
  CHECK(progress_text(state) == "step 10/10  5.0 steps/s  2.0 s");
}

TEST_CASE("columns count code points") {
  CHECK(fit_columns("θ = 1", 5) == "θ = 1");
  CHECK(fit_columns("θ = 12", 5) == "θ = …");
  CHECK(fit_columns("θθθ", 2) == "θ…");
  CHECK(fit_columns("ab", 0) == "");
}

struct Screen {
  std::string text;
  double time = 0;
  Progress progress(Progress::Options options, int64_t steps) {
    return Progress(
        options, steps, [this](std::string_view s) { text += s; }, [this] { return time; });
  }
};

TEST_CASE("a log has a line for every tenth of the run") {
  Screen screen;
  Progress progress = screen.progress({}, 1000);
  for (int64_t step = 1; step <= 1000; ++step) {
    screen.time += 0.001;
    progress.update(step, {{"loss", 1}});
  }
  progress.finish();
  CHECK(std::count(screen.text.begin(), screen.text.end(), '\n') == 11);
  CHECK(screen.text.find('\r') == std::string::npos);
  CHECK(screen.text.substr(screen.text.size() - 45) == "\nstep 1000/1000  loss 1  1000 steps/s  1.0 s\n");
}

TEST_CASE("a slow run logs by the clock") {
  Screen screen;
  Progress progress = screen.progress({}, 100000);
  for (int64_t step = 1; step <= 10; ++step) {
    screen.time += 20;
    progress.update(step, {});
  }
  CHECK(std::count(screen.text.begin(), screen.text.end(), '\n') == 5);
}

TEST_CASE("a terminal's line is redrawn and cut to the width") {
  Screen screen;
  Progress::Options options;
  options.terminal = true;
  options.columns = 20;
  Progress progress = screen.progress(options, 1000);
  progress.update(1, {{"loss", 2}});
  screen.time = 0.05;
  progress.update(2, {{"loss", 2}});
  CHECK(screen.text == "\rstep 1/1000  loss 2\x1b[K");
  progress.say("note");
  CHECK(screen.text == "\rstep 1/1000  loss 2\x1b[K\r\x1b[Knote\n");
  screen.text.clear();
  screen.time = 1;
  progress.finish();
  CHECK(screen.text == "\rstep 2/1000  loss …\x1b[K\n");
}

TEST_CASE("quiet") {
  Screen screen;
  Progress::Options options;
  options.quiet = true;
  Progress progress = screen.progress(options, 1);
  progress.update(1, {});
  progress.finish();
  CHECK(screen.text.empty());
  CHECK_FALSE(progress.wants(1));
}

}  // namespace
}  // namespace nodec::runtime
