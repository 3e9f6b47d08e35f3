// Runs the peak probe.
#include "compiler/embed/peak.hpp"

#include <atomic>
#include <chrono>
#include <vector>

#include "compiler/codegen/probe.hpp"
#include "compiler/embed/stopwatch.hpp"

namespace nodec::embed {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double wanted_seconds = 5e-4;

}  // namespace

PeakProbe::PeakProbe(bool double_precision, int threads)
    : double_precision_(double_precision), operations_(0), threads_(threads) {
  const codegen::Target target = codegen::host_target();
  operations_ = codegen::probe_operations(double_precision, target);
  jit::Result<jit::Code> code = jit::load(codegen::emit_probe(double_precision, target));
  if (!code) {
    error_ = code.error;
    return;
  }
  code_ = std::move(*code);
  for (double seconds = 0; seconds < wanted_seconds / 2;) {
    run(rounds_, seconds);
    if (seconds < wanted_seconds / 2) rounds_ *= 2;
  }
}

double PeakProbe::gflops() {
  double seconds = 0;
  return run(rounds_, seconds);
}

// Each thread's own rate, from its own clock: waking the others is not the peak's business.
double PeakProbe::run(int64_t rounds, double& seconds) {
  struct alignas(64) Share {
    double seconds = 0;
  };
  std::vector<Share> shares(static_cast<size_t>(threads_.count()));
  std::atomic<int> arrived{0};
  const auto job = [&](int worker) {
    // Side by side, or one core's turbo would be taken for all cores' peak; a thread that the machine has no
    // time for is not waited for longer than a probe takes.
    arrived.fetch_add(1);
    const Clock::time_point waiting = Clock::now();
    while (arrived.load() < threads_.count() && Clock::now() - waiting < std::chrono::microseconds(500)) {
    }
    const double doubles[2] = {0.999, 1e-3};
    const float floats[2] = {0.999f, 1e-3f};
    double total = 0;
    runtime::Call call{};
    call.parameters =
        double_precision_ ? static_cast<const void*>(doubles) : static_cast<const void*>(floats);
    call.lengths = &rounds;
    call.totals = &total;
    const Stopwatch watch(threads_.count());
    code_.pool(&call, nullptr);
    shares[static_cast<size_t>(worker)].seconds = watch.seconds();
  };
  threads_.run(job);
  seconds = shares[0].seconds;
  double rate = 0;
  int ran = 0;
  for (const Share& share : shares) {
    if (share.seconds <= 0) continue;
    rate += static_cast<double>(operations_ * rounds) / share.seconds;
    ++ran;
  }
  // Threads that did not come in time count as those that did.
  return rate / ran * threads_.count() * 1e-9;
}

}  // namespace nodec::embed
