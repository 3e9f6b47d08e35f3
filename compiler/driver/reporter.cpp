// The progress of training, on standard error.
#include "compiler/driver/reporter.hpp"

#include <cstdio>
#include <utility>

namespace nodec::driver {

void Reporter::show(const TrainProgress& p) {
  seconds_ = p.seconds;
  if (!progress_)
    progress_.emplace(
        runtime::Progress::standard_error(quiet_), p.steps,
        [](std::string_view text) {
          std::fwrite(text.data(), 1, text.size(), stderr);
          std::fflush(stderr);
        },
        [this] { return seconds_; });
  if (!progress_->wants(p.step)) return;
  std::vector<std::pair<std::string, double>> values = {{"loss", p.loss}};
  values.insert(values.end(), p.metrics.begin(), p.metrics.end());
  if (p.validation_loss) values.emplace_back("validation", *p.validation_loss);
  progress_->update(p.step, std::move(values));
}

}  // namespace nodec::driver
