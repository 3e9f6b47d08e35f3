// How training goes -> a line on standard error, redrawn on a terminal.
#pragma once

#include <optional>

#include "compiler/embed/include/nodec/nodec.hpp"
#include "runtime/progress.hpp"

namespace nodec::driver {

class Reporter {
 public:
  explicit Reporter(bool quiet) : quiet_(quiet) {}

  void show(const TrainProgress& p);
  void finish() {
    if (progress_) progress_->finish();
  }

 private:
  bool quiet_;
  double seconds_ = 0;
  std::optional<runtime::Progress> progress_;
};

}  // namespace nodec::driver
