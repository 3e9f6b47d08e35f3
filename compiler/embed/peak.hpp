// The machine's floating-point peak, measured: multiply-adds in registers by the same code generator, in the
// same vectors and on as many threads as models run on.
#pragma once

#include <memory>

#include "compiler/jit/jit.hpp"
#include "runtime/threads.hpp"

namespace nodec::embed {

class PeakProbe {
 public:
  // `threads` as of a scheduler. Check `error` before measuring.
  PeakProbe(bool double_precision, int threads);

  // What went wrong in making the code, "" if nothing.
  const std::string& error() const { return error_; }
  // 10⁹ floating-point operations a second of all threads together, over about half a millisecond.
  double gflops();

 private:
  double run(int64_t rounds, double& seconds);

  bool double_precision_;
  int64_t operations_;
  jit::Code code_;
  std::string error_;
  runtime::Threads threads_;
  int64_t rounds_ = 1 << 10;
};

}  // namespace nodec::embed
