// Steps to batches.
#include "runtime/sampler.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "runtime/random.hpp"

namespace nodec::runtime {
namespace {

// Below `bound`, from 64 random bits: the bias is below 2^-32 for any data set that fits in memory.
int64_t below(uint64_t bits, int64_t bound) {
  const uint64_t high = bits >> 32, low = bits & 0xffffffff, n = static_cast<uint64_t>(bound);
  if (n <= 0xffffffff) return static_cast<int64_t>((high * n + (low * n >> 32)) >> 32);
  return static_cast<int64_t>(bits % n);
}

}  // namespace

Sampler::Sampler(int64_t samples, int64_t batch, uint64_t seed)
    : samples_(samples), batch_(batch > 0 ? batch : std::max<int64_t>(1, samples)), seed_(seed) {}

int64_t Sampler::steps_per_epoch() const {
  return samples_ == 0 ? 1 : std::max<int64_t>(1, (samples_ + batch_ - 1) / batch_);
}

void Sampler::shuffle(int64_t epoch) {
  if (shuffled_epoch_ == epoch) return;
  shuffled_epoch_ = epoch;
  // From the same start every time, so that an epoch's order does not depend on the epochs before it.
  order_.resize(static_cast<size_t>(samples_));
  std::iota(order_.begin(), order_.end(), 0);
  if (batch_ == samples_) return;
  const RandomStream random(seed_, stream_of("batch order"), static_cast<uint64_t>(epoch));
  for (int64_t i = samples_ - 1; i > 0; --i) {
    std::swap(order_[static_cast<size_t>(i)],
              order_[static_cast<size_t>(below(random.bits(0, static_cast<uint64_t>(i)), i + 1))]);
  }
}

void Sampler::draw(int64_t step) {
  rows_.resize(static_cast<size_t>(batch_));
  if (samples_ == 0) {
    std::iota(rows_.begin(), rows_.end(), 0);
    identities_ = rows_;
    return;
  }
  if (batch_ <= samples_) {
    shuffle(epoch(step));
    const int64_t first = step % steps_per_epoch() * batch_;
    const int64_t end = std::min(first + batch_, samples_);
    rows_.assign(order_.begin() + first, order_.begin() + end);
    identities_ = rows_;
    return;
  }
  const RandomStream random(seed_, stream_of("batch with replacement"), static_cast<uint64_t>(step));
  occurrences_.assign(static_cast<size_t>(samples_), 0);
  identities_.resize(rows_.size());
  for (size_t row = 0; row < rows_.size(); ++row) {
    const int64_t sample = below(random.bits(0, row), samples_);
    rows_[row] = sample;
    identities_[row] = sample + samples_ * occurrences_[static_cast<size_t>(sample)]++;
  }
}

}  // namespace nodec::runtime
