// Counters to random bits, uniforms and normals.
#include "runtime/random.hpp"

#include <bit>
#include <cmath>

namespace nodec::runtime {
namespace {

// The natural logarithm of a positive normal number, in + − × / only, so that it rounds alike on every
// machine.
double portable_log(double x) {
  constexpr uint64_t fraction_mask = (uint64_t{1} << 52) - 1, one = uint64_t{1023} << 52;
  const uint64_t bits = std::bit_cast<uint64_t>(x);
  int exponent = static_cast<int>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & fraction_mask) | one);  // [1, 2)
  if (m > 1.4142135623730951) {
    m *= 0.5;
    ++exponent;
  }
  // log m = 2 artanh s = 2 Σ s^(2k+1) / (2k+1), |s| ≤ 0.1716
  const double s = (m - 1) / (m + 1), s2 = s * s;
  double sum = 0;
  for (int k = 12; k >= 1; --k) sum = (sum + 1.0 / (2 * k + 1)) * s2;
  constexpr double ln2_high = 6.93147180369123816490e-01, ln2_low = 1.90821492927058770002e-10;
  return exponent * ln2_high + (2 * (s + s * sum) + exponent * ln2_low);
}

// c[0] + c[1] x + …
template <size_t n>
double polynomial(const double (&c)[n], double x) {
  double sum = c[n - 1];
  for (size_t i = n - 1; i-- > 0;) sum = sum * x + c[i];
  return sum;
}

}  // namespace

PhiloxBlock philox(PhiloxBlock c, PhiloxKey key) {
  constexpr uint64_t multiplier0 = 0xd2511f53, multiplier1 = 0xcd9e8d57;
  constexpr uint32_t weyl0 = 0x9e3779b9, weyl1 = 0xbb67ae85;
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = multiplier0 * c[0], b = multiplier1 * c[2];
    c = {static_cast<uint32_t>(b >> 32) ^ c[1] ^ key[0], static_cast<uint32_t>(b),
         static_cast<uint32_t>(a >> 32) ^ c[3] ^ key[1], static_cast<uint32_t>(a)};
    key[0] += weyl0;
    key[1] += weyl1;
  }
  return c;
}

double normal_quantile(double p) {
  static constexpr double a[] = {3.3871328727963666080e0,  1.3314166789178437745e+2, 1.9715909503065514427e+3,
                                 1.3731693765509461125e+4, 4.5921953931549871457e+4, 6.7265770927008700853e+4,
                                 3.3430575583588128105e+4, 2.5090809287301226727e+3};
  static constexpr double b[] = {1.0,
                                 4.2313330701600911252e+1,
                                 6.8718700749205790830e+2,
                                 5.3941960214247511077e+3,
                                 2.1213794301586595867e+4,
                                 3.9307895800092710610e+4,
                                 2.8729085735721942674e+4,
                                 5.2264952788528545610e+3};
  static constexpr double c[] = {1.42343711074968357734e0,  4.63033784615654529590e0,
                                 5.76949722146069140550e0,  3.64784832476320460504e0,
                                 1.27045825245236838258e0,  2.41780725177450611770e-1,
                                 2.27238449892691845833e-2, 7.74545014278341407640e-4};
  static constexpr double d[] = {1.0,
                                 2.05319162663775882187e0,
                                 1.67638483018380384940e0,
                                 6.89767334985100004550e-1,
                                 1.48103976427480074590e-1,
                                 1.51986665636164571966e-2,
                                 5.47593808499534494600e-4,
                                 1.05075007164441684324e-9};
  static constexpr double e[] = {6.65790464350110377720e0,  5.46378491116411436990e0,
                                 1.78482653991729133580e0,  2.96560571828504891230e-1,
                                 2.65321895265761230930e-2, 1.24266094738807843860e-3,
                                 2.71155556874348757815e-5, 2.01033439929228813265e-7};
  static constexpr double f[] = {1.0,
                                 5.99832206555887937690e-1,
                                 1.36929880922735805310e-1,
                                 1.48753612908506148525e-2,
                                 7.86869131145613259100e-4,
                                 1.84631831751005468180e-5,
                                 1.42151175831644588870e-7,
                                 2.04426310338993978564e-15};
  const double q = p - 0.5;
  if (std::fabs(q) <= 0.425) {
    const double r = 0.180625 - q * q;
    return q * polynomial(a, r) / polynomial(b, r);
  }
  const double r = std::sqrt(-portable_log(q < 0 ? p : 1 - p));
  const double x =
      r <= 5 ? polynomial(c, r - 1.6) / polynomial(d, r - 1.6) : polynomial(e, r - 5) / polynomial(f, r - 5);
  return q < 0 ? -x : x;
}

// Seed, stream and step give the key of a generator whose counter is sample and element: no field has to be
// cut short.
RandomStream::RandomStream(uint64_t seed, uint64_t stream, uint64_t step) {
  const PhiloxKey seeds = {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
  const PhiloxBlock mixed = philox({static_cast<uint32_t>(stream), static_cast<uint32_t>(stream >> 32),
                                    static_cast<uint32_t>(step), static_cast<uint32_t>(step >> 32)},
                                   seeds);
  key_ = {mixed[0] ^ mixed[2], mixed[1] ^ mixed[3]};
}

uint64_t RandomStream::bits(uint64_t sample, uint64_t element) const {
  const uint64_t block = element / 2;
  const PhiloxBlock words = philox({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32),
                                    static_cast<uint32_t>(sample), static_cast<uint32_t>(sample >> 32)},
                                   key_);
  const size_t first = element % 2 * 2;
  return words[first] | static_cast<uint64_t>(words[first + 1]) << 32;
}

double RandomStream::uniform(uint64_t sample, uint64_t element) const {
  return static_cast<double>(bits(sample, element) >> 11) * 0x1p-53;
}

double RandomStream::normal(uint64_t sample, uint64_t element) const {
  // The middle of one of 2^52 equal intervals: exact, never 0 or 1, symmetric.
  return normal_quantile((static_cast<double>(bits(sample, element) >> 12) + 0.5) * 0x1p-52);
}

uint64_t stream_of(std::string_view name) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace nodec::runtime
