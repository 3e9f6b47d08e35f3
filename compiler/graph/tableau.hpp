// Runge–Kutta methods as data: coefficients, order conditions, dense output.
#pragma once

#include <string>
#include <vector>

namespace nodec::graph {

// An explicit method in FSAL form: the last stage's state is the proposal, so its derivative is the next
// step's first stage. A tableau written without that property gets the extra stage (a = b, c = 1, weight 0)
// by `normalize`.
struct Tableau {
  std::string name;
  int order = 0;
  int embedded_order = 0;              // 0: no error estimate, the method cannot adapt
  std::vector<double> c;               // [s]
  std::vector<std::vector<double>> a;  // [s][i], strictly lower triangular
  std::vector<double> b;               // [s]
  std::vector<double> error;           // [s] b − embedded weights; empty without an embedded method
  // A second error row for methods that combine two estimates (dop853: fifth and third order,
  // Hairer, Nørsett, Wanner, Solving ODEs I, II.10: |e5|²/sqrt((|e5|² + 0.01 |e3|²) n)); else empty.
  std::vector<double> error_third;
  // Dense output: z(t + θh) = z + h Σ_i b_i(θ) k_i, b_i(θ) = Σ_d interpolant[i][d] θ^(d+1). Rows for all
  // stages, also the extra ones below. Empty rows count as zero. `normalize` fills in the cubic Hermite
  // interpolant if none is given.
  std::vector<std::vector<double>> interpolant;
  int main_stages =
      0;  // stages of the step itself, the FSAL stage included; the rest, if any, serve dense output only
  bool fsal_added = false;  // normalize appended the last main stage

  int stages() const { return static_cast<int>(c.size()); }
  bool adaptive() const { return !error.empty(); }
  friend bool operator==(const Tableau&, const Tableau&) = default;
};

// Completes a tableau as written (c, a, b, error, interpolant, extra stages after main_stages) to FSAL form
// with an interpolant. Returns "" or what is wrong: sizes, row sums, order conditions of b up to `order` and
// of the embedded weights up to `embedded_order` (all rooted trees, Butcher 1963; orders above 8 are checked
// up to 8), interpolant at θ = 1 equal to b. Tolerance 1e-10 relative to the terms.
std::string normalize(Tableau& tableau);

}  // namespace nodec::graph
