// Which samples make up each batch of a training run: a function of the seed and the step alone.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace nodec::runtime {

// An epoch visits every sample once, in an order drawn anew from the seed (Fisher–Yates); its last batch may
// be smaller. A batch of all samples keeps their order. A batch larger than the data set is drawn with
// replacement and is an epoch of its own. Data without a sample axis (`samples` 0) have rows 0 … batch − 1,
// which differ in their noise only.
class Sampler {
 public:
  // `batch` ≤ 0: all samples.
  Sampler(int64_t samples, int64_t batch, uint64_t seed);

  int64_t steps_per_epoch() const;
  int64_t epoch(int64_t step) const { return step / steps_per_epoch(); }

  // Draws the batch of a step (from 0).
  void draw(int64_t step);
  std::span<const int64_t> samples() const { return rows_; }
  // Whose noise each row gets: the sample; the second time that it is drawn into one batch, a virtual one
  // beyond the data set.
  std::span<const int64_t> identities() const { return identities_; }

 private:
  void shuffle(int64_t epoch);

  int64_t samples_, batch_;
  uint64_t seed_;
  int64_t shuffled_epoch_ = -1;
  std::vector<int64_t> order_;        // of the epoch
  std::vector<int64_t> occurrences_;  // of each sample in the batch, when drawn with replacement
  std::vector<int64_t> rows_, identities_;
};

}  // namespace nodec::runtime
