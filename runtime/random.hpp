// Random numbers as a function of what they are for: the same bits on every machine, in any order of calls.
//
// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011); normals
// by the inverse distribution function (Wichura: "Algorithm AS 241", Applied Statistics 37, 1988) in
// arithmetic that rounds alike everywhere.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace nodec::runtime {

using PhiloxBlock = std::array<uint32_t, 4>;
using PhiloxKey = std::array<uint32_t, 2>;
PhiloxBlock philox(PhiloxBlock counter, PhiloxKey key);

// x with P(X ≤ x) = p for a standard normal X; p in (0, 1). Relative error about 1e-15.
double normal_quantile(double p);

// The numbers of one stream at one step: element `element` of sample `sample`.
class RandomStream {
 public:
  RandomStream(uint64_t seed, uint64_t stream, uint64_t step);
  // 64 random bits; two elements share a block of the generator.
  uint64_t bits(uint64_t sample, uint64_t element) const;
  // In [0, 1), 53 bits.
  double uniform(uint64_t sample, uint64_t element) const;
  // N(0, 1).
  double normal(uint64_t sample, uint64_t element) const;

 private:
  PhiloxKey key_;
};

// A stream's number by its name (FNV-1a).
uint64_t stream_of(std::string_view name);

}  // namespace nodec::runtime
