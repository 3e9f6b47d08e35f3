// The losses of a training run -> a picture that is drawn anew while the run goes on.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "compiler/driver/picture.hpp"

namespace nodec::driver {

// A loss over the steps, in at most 2000 points: means over runs of steps of one length, which doubles as the
// run grows.
class Thinned {
 public:
  void add(double step, double value);
  const std::vector<double>& steps() const { return steps_; }
  const std::vector<double>& values() const { return values_; }

 private:
  int64_t run_ = 1, count_ = 0;  // of steps in a point; in the one that is open
  double step_sum_ = 0, value_sum_ = 0;
  std::vector<double> steps_, values_;
};

// Draws beside the training thread, never twice at a time, and at most a tenth of the time.
class LivePicture {
 public:
  explicit LivePicture(std::string file) : file_(std::move(file)) {}
  ~LivePicture() { wait(); }
  LivePicture(const LivePicture&) = delete;

  void add(int64_t step, double loss, std::optional<double> validation);
  // Draws what there is a last time; what went wrong with it, "" when nothing.
  std::string finish();

 private:
  using Clock = std::chrono::steady_clock;
  std::vector<Panel> panels() const;
  void wait();

  std::string file_;
  Thinned loss_, validation_;
  std::thread drawing_;
  std::atomic<bool> busy_ = false;
  Clock::time_point next_ = Clock::now() + std::chrono::seconds(1);  // the drawing thread's while busy
};

}  // namespace nodec::driver
