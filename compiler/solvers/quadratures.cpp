// Sums over the stages of states that no equation reads (see quadratures.hpp).
//
// A sum is the same chain of multiply–adds whether it grows stage by stage or is taken of kept stages, and
// the same as that of a state which equations read: what is kept changes no bits.
#include "compiler/solvers/quadratures.hpp"

#include <algorithm>

namespace nodec::solvers {

namespace {

Weights trimmed(Weights weights) {
  while (!weights.empty() && weights.back() == 0) weights.pop_back();
  return weights;
}

// The number of the first weight that is not zero.
size_t leading(const Weights& weights) {
  return static_cast<size_t>(std::find_if(weights.begin(), weights.end(), [](double w) { return w != 0; }) -
                             weights.begin());
}

}  // namespace

const Weights& proposal_weights(const Tableau& rk) { return rk.a[static_cast<size_t>(rk.main_stages) - 1]; }

std::vector<Weights> interpolant_powers(const Tableau& rk) {
  std::vector<Weights> powers;
  for (size_t stage = 0; stage < rk.interpolant.size(); ++stage) {
    for (size_t d = 0; d < rk.interpolant[stage].size(); ++d) {
      if (powers.size() <= d) powers.resize(d + 1, Weights(rk.interpolant.size(), 0.0));
      powers[d][stage] = rk.interpolant[stage][d];
    }
  }
  while (!powers.empty() && trimmed(powers.back()).empty()) powers.pop_back();
  return powers;
}

Quadratures::Quadratures(Builder& b, const Tableau& rk, int64_t count, bool error, bool dense)
    : count_(count), main_stages_(rk.main_stages) {
  if (count == 0) return;
  std::vector<Weights> wanted{proposal_weights(rk)};
  if (error) wanted.insert(wanted.end(), {rk.error, rk.error_third});
  if (dense) {
    for (Weights& weights : interpolant_powers(rk)) wanted.push_back(std::move(weights));
  }
  for (const Weights& weights : wanted) {
    const Weights own = trimmed(weights);
    const bool known =
        std::any_of(sums_.begin(), sums_.end(), [&](const Sum& s) { return s.weights == own; });
    if (own.size() > 1 && !known) sums_.push_back({own, {}});  // stage 0 is kept anyway
  }
  const int stages = dense ? rk.stages() : rk.main_stages;
  const bool rest = stages > rk.main_stages;
  stored_ = stages <= 2 + (rest ? 1 : 0) + static_cast<int>(sums_.size());
  if (stored_) {
    stages_ = frame_rows(b, "quadrature_stages", stages * count);
    return;
  }
  first_ = frame_rows(b, "first_rates", count);
  main_ = frame_rows(b, "rates", count);
  if (rest) rest_ = frame_rows(b, "dense_rates", count);
  for (Sum& sum : sums_) sum.rows = frame_rows(b, "rates_sum", count);
}

Rows Quadratures::slopes(Builder& b, int stage) const {
  if (count_ == 0) return {};
  if (stored_) return shift(b, stages_, stage * count_);
  if (stage == 0) return first_;
  return stage < main_stages_ ? main_ : rest_;
}

void Quadratures::add(Builder& b, int stage) const {
  if (count_ == 0 || stored_) return;
  const size_t number = static_cast<size_t>(stage);
  std::vector<const Sum*> growing;
  for (const Sum& sum : sums_)
    if (number < sum.weights.size() && sum.weights[number] != 0) growing.push_back(&sum);
  if (growing.empty()) return;
  const Rows slopes = this->slopes(b, stage);
  each_element(b, 0, count_, static_cast<int64_t>(growing.size()), [&](Value d) {
    const Value k = load(b, slopes, d);
    for (const Sum* sum : growing) {
      const Value weight = b.real(sum->weights[number]);
      store(b, sum->rows, d,
            leading(sum->weights) == number ? b.mul(weight, k) : b.fma(weight, k, load(b, sum->rows, d)));
    }
  });
}

Value Quadratures::sum(Builder& b, const Weights& weights, Value element) const {
  const Weights own = trimmed(weights);
  if (own.empty()) return schedule::none;
  if (stored_) return weighted_sum(b, own, stages_, count_, element);
  if (own.size() == 1) return b.mul(b.real(own[0]), load(b, first_, element));
  const auto found =
      std::find_if(sums_.begin(), sums_.end(), [&](const Sum& sum) { return sum.weights == own; });
  return load(b, found->rows, element);
}

Value Quadratures::interpolated(Builder& b, const Tableau& rk, Value theta, bool slope, Value element) const {
  const std::vector<Weights> powers = interpolant_powers(rk);
  Value value = b.real(0);
  for (size_t d = powers.size(); d-- > 0;) {
    const Value sum = this->sum(b, powers[d], element);
    Value term = sum == schedule::none ? b.real(0) : sum;
    if (slope) term = b.mul(b.real(static_cast<double>(d + 1)), term);
    value = d + 1 == powers.size() ? term : b.fma(value, theta, term);
  }
  return slope ? value : b.mul(value, theta);
}

}  // namespace nodec::solvers
