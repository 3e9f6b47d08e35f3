// Losses over steps, thinned and drawn in the background.
#include "compiler/driver/live.hpp"

#include <cmath>

#include "compiler/driver/panels.hpp"

namespace nodec::driver {
namespace {

constexpr size_t most_points = 2000;
constexpr double shortest_pause = 2;  // seconds

}  // namespace

void Thinned::add(double step, double value) {
  step_sum_ += step;
  value_sum_ += value;
  if (++count_ < run_) return;
  steps_.push_back(step_sum_ / static_cast<double>(count_));
  values_.push_back(value_sum_ / static_cast<double>(count_));
  step_sum_ = value_sum_ = 0;
  count_ = 0;
  if (steps_.size() < most_points) return;
  for (size_t i = 0; i < most_points / 2; ++i) {
    steps_[i] = (steps_[2 * i] + steps_[2 * i + 1]) / 2;
    values_[i] = (values_[2 * i] + values_[2 * i + 1]) / 2;
  }
  steps_.resize(most_points / 2);
  values_.resize(most_points / 2);
  run_ *= 2;
}

std::vector<Panel> LivePicture::panels() const {
  return {over_steps(
      {{"loss", loss_.steps(), loss_.values()}, {"validation", validation_.steps(), validation_.values()}})};
}

void LivePicture::wait() {
  if (drawing_.joinable()) drawing_.join();
}

void LivePicture::add(int64_t step, double loss, std::optional<double> validation) {
  if (std::isfinite(loss)) loss_.add(static_cast<double>(step), loss);
  if (validation && std::isfinite(*validation)) validation_.add(static_cast<double>(step), *validation);
  if (busy_.load(std::memory_order_acquire)) return;
  const Clock::time_point now = Clock::now();
  if (now < next_ || loss_.steps().empty()) return;
  wait();
  busy_.store(true, std::memory_order_release);
  drawing_ = std::thread([this, now, panels = panels()] {
    draw(panels, file_);  // `finish` tells what goes wrong
    const std::chrono::duration<double> took = Clock::now() - now;
    next_ = now + std::chrono::duration_cast<Clock::duration>(
                      std::chrono::duration<double>(std::fmax(shortest_pause, 10 * took.count())));
    busy_.store(false, std::memory_order_release);
  });
}

std::string LivePicture::finish() {
  wait();
  return loss_.steps().empty() ? "" : draw(panels(), file_);
}

}  // namespace nodec::driver
