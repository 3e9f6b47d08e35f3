// A tableau as written -> its FSAL form with an interpolant, once its order conditions hold.
//
// Order conditions: for every rooted tree τ of at most p vertices, Σ bᵢ Φᵢ(τ) = 1/γ(τ), where Φᵢ of a leaf is
// 1, Φᵢ of a tree is the product of (A Φ(child))ᵢ over its root's children, and γ is the vertex count times
// the children's γ (Butcher 1963; Hairer, Nørsett, Wanner, Solving ODEs I, II.2).
#include "compiler/graph/tableau.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <tuple>

namespace nodec::graph {
namespace {

constexpr double tolerance = 1e-10;
constexpr int most_checked_order = 8;  // 200 trees

using Row = std::vector<double>;

struct Tree {
  int order;
  double density;
  Row weights;    // Φᵢ
  Row magnitude;  // the same of |A|: what rounding is relative to
  std::string text;
};

Row apply(const std::vector<Row>& a, const Row& x, bool magnitude) {
  Row y;
  for (const Row& row : a) {
    double sum = 0;
    for (size_t j = 0; j < row.size(); ++j) sum += (magnitude ? std::fabs(row[j]) : row[j]) * x[j];
    y.push_back(sum);
  }
  return y;
}

// Every rooted tree of at most `order` vertices with its elementary weights. A tree is a multiset of
// children, which are enumerated in the order of the list: no child before the one placed last.
class Forest {
 public:
  Forest(const std::vector<Row>& a, int order) : a_(a) {
    Row ones(a.size(), 1.0);
    trees_.push_back({1, 1, ones, ones, "."});
    for (int n = 2; n <= order; ++n) {
      plant(n - 1, trees_.size(), {1, n * 1.0, ones, ones, "["});
    }
  }
  const std::vector<Tree>& trees() const { return trees_; }

 private:
  // Adds every tree that grows from `partial` by children of `left` vertices in all, among the trees before
  // `end`.
  void plant(int left, size_t end, const Tree& partial) {
    if (left == 0) {
      trees_.push_back(partial);
      trees_.back().text += "]";
      return;
    }
    for (size_t i = 0; i < end; ++i) {
      if (trees_[i].order > left) continue;
      Tree grown = partial;
      Tree child = trees_[i];
      Row weights = apply(a_, child.weights, false), magnitude = apply(a_, child.magnitude, true);
      for (size_t s = 0; s < a_.size(); ++s) {
        grown.weights[s] *= weights[s];
        grown.magnitude[s] *= magnitude[s];
      }
      grown.order += child.order;
      grown.density *= child.density;
      grown.text += child.text;
      plant(left - child.order, i + 1, grown);
    }
  }

  const std::vector<Row>& a_;
  std::vector<Tree> trees_;
};

std::string format(const char* pattern, const std::string& what, double a, double b) {
  char text[256];
  std::snprintf(text, sizeof text, pattern, what.c_str(), a, b);
  return text;
}

// "" or the first tree of at most `order` vertices whose condition the weights violate.
std::string violated(const std::vector<Tree>& trees, const Row& b, int order, const std::string& whose) {
  for (const Tree& tree : trees) {
    if (tree.order > order) break;
    double sum = 0, magnitude = 1 / tree.density;
    for (size_t i = 0; i < b.size(); ++i) {
      sum += b[i] * tree.weights[i];
      magnitude += std::fabs(b[i]) * tree.magnitude[i];
    }
    if (!(std::fabs(sum - 1 / tree.density) <= tolerance * magnitude)) {
      return format(("the order conditions of %s fail at order " + std::to_string(tree.order) +
                     ": the tree " + tree.text + " gives %.12g, not %.12g")
                        .c_str(),
                    whose, sum, 1 / tree.density);
    }
  }
  return "";
}

std::string wrong_sizes(const Tableau& t) {
  size_t stages = t.c.size(), main = static_cast<size_t>(t.main_stages);
  auto count = [](size_t n) { return std::to_string(n); };
  if (stages == 0) return "there are no stages";
  if (t.order < 1) return "the order is not positive";
  if (main > stages) return count(main) + " main stages of " + count(stages);
  if (t.a.size() != stages)
    return "c has " + count(stages) + " entries, a has " + count(t.a.size()) + " rows";
  for (size_t i = 0; i < stages; ++i) {
    if (t.a[i].size() != i) {
      return "row " + count(i) + " of a has " + count(t.a[i].size()) + " entries; an explicit method has " +
             count(i);
    }
  }
  auto fits = [&](const Row& row) { return row.size() <= stages; };
  if (t.b.size() != stages && t.b.size() != main) {
    return "b has " + count(t.b.size()) + " entries for " + count(main) + " stages";
  }
  if (t.embedded_order > 0 && t.error.empty()) return "an embedded order is given without embedded weights";
  if (t.embedded_order < 1 && !t.error.empty()) return "embedded weights are given without their order";
  if (!fits(t.error) || !fits(t.error_third)) return "there are more embedded weights than stages";
  if (t.interpolant.size() > stages) return "there are more rows of the interpolant than stages";
  return "";
}

bool all_finite(const Row& row) {
  return std::all_of(row.begin(), row.end(), [](double x) { return std::isfinite(x); });
}

std::string wrong_numbers(const Tableau& t) {
  bool finite = all_finite(t.c) && all_finite(t.b) && all_finite(t.error) && all_finite(t.error_third);
  for (const Row& row : t.a) finite = finite && all_finite(row);
  for (const Row& row : t.interpolant) finite = finite && all_finite(row);
  if (!finite) return "a coefficient is not finite";
  for (size_t i = 0; i < t.c.size(); ++i) {
    double sum = 0, magnitude = std::fabs(t.c[i]) + 1;
    for (double x : t.a[i]) {
      sum += x;
      magnitude += std::fabs(x);
    }
    if (std::fabs(sum - t.c[i]) > tolerance * magnitude) {
      return format("row %s of a adds up to %.12g, not to c = %.12g", std::to_string(i), sum, t.c[i]);
    }
  }
  return "";
}

bool ends_with_proposal(const Tableau& t) {
  int last = t.main_stages - 1;
  if (last == 0 || t.c[last] != 1 || t.b[last] != 0) return false;
  return std::equal(t.a[last].begin(), t.a[last].end(), t.b.begin());
}

// Inserts the stage whose state is the proposal after the main ones.
void add_last_stage(Tableau& t) {
  size_t at = static_cast<size_t>(t.main_stages);
  for (size_t i = at; i < t.a.size(); ++i) t.a[i].insert(t.a[i].begin() + at, 0.0);
  t.a.insert(t.a.begin() + at, Row(t.b.begin(), t.b.begin() + at));
  t.c.insert(t.c.begin() + at, 1.0);
  for (Row* row : {&t.b, &t.error, &t.error_third}) {
    if (!row->empty()) row->insert(row->begin() + at, 0.0);
  }
  if (!t.interpolant.empty()) t.interpolant.insert(t.interpolant.begin() + at, Row{});
  ++t.main_stages;
  t.fsal_added = true;
}

// The cubic through both ends with both derivatives (Hairer, Nørsett, Wanner, II.6.7):
// z(θ) = (1−θ) z₀ + θ z₁ + θ(θ−1) [(1−2θ)(z₁−z₀) + (θ−1) h f₀ + θ h f₁], with z₁ − z₀ = h Σ bᵢ kᵢ.
void add_hermite_interpolant(Tableau& t) {
  for (double b : t.b) t.interpolant.push_back({0, 3 * b, -2 * b});
  Row& first = t.interpolant.front();
  Row& last = t.interpolant[t.main_stages - 1];
  for (auto [row, d, value] :
       {std::tuple{&first, 0, 1.0}, {&first, 1, -2.0}, {&first, 2, 1.0}, {&last, 1, -1.0}, {&last, 2, 1.0}}) {
    (*row)[d] += value;
  }
}

// bᵢ(1) = bᵢ, and Σ bᵢ(θ) = θ: a constant right-hand side is followed exactly.
std::string wrong_interpolant(const Tableau& t) {
  Row sums, magnitudes;
  for (size_t i = 0; i < t.interpolant.size(); ++i) {
    double end = 0, magnitude = std::fabs(t.b[i]) + 1;
    for (size_t d = 0; d < t.interpolant[i].size(); ++d) {
      double x = t.interpolant[i][d];
      if (d >= sums.size()) {
        sums.push_back(0);
        magnitudes.push_back(1);
      }
      end += x;
      sums[d] += x;
      magnitude += std::fabs(x);
      magnitudes[d] += std::fabs(x);
    }
    if (std::fabs(end - t.b[i]) > tolerance * magnitude) {
      return format("row %s of the interpolant is %.12g at 1, where b is %.12g", std::to_string(i), end,
                    t.b[i]);
    }
  }
  for (size_t d = 0; d < sums.size(); ++d) {
    double wanted = d == 0 ? 1 : 0;
    if (std::fabs(sums[d] - wanted) > tolerance * magnitudes[d]) {
      return format("the interpolant's coefficients of power %s add up to %.12g, not %.12g",
                    std::to_string(d + 1), sums[d], wanted);
    }
  }
  return "";
}

}  // namespace

std::string normalize(Tableau& t) {
  if (t.main_stages == 0) t.main_stages = static_cast<int>(t.c.size());
  if (std::string wrong = wrong_sizes(t); !wrong.empty()) return wrong;
  t.b.resize(t.c.size(), 0.0);
  for (Row* row : {&t.error, &t.error_third}) {
    if (!row->empty()) row->resize(t.c.size(), 0.0);
  }
  if (!t.interpolant.empty()) t.interpolant.resize(t.c.size());
  if (std::string wrong = wrong_numbers(t); !wrong.empty()) return wrong;

  int checked = std::min(std::max(t.order, t.embedded_order), most_checked_order);
  const Forest forest(t.a, checked);
  if (std::string wrong = violated(forest.trees(), t.b, t.order, "b"); !wrong.empty()) return wrong;
  Row embedded = t.b;
  for (size_t i = 0; i < t.error.size(); ++i) embedded[i] -= t.error[i];
  if (t.adaptive()) {
    std::string wrong = violated(forest.trees(), embedded, t.embedded_order, "the embedded weights");
    if (!wrong.empty()) return wrong;
    if (std::all_of(t.error.begin(), t.error.end(), [](double x) { return x == 0; })) {
      return "the embedded weights equal b: there is no error estimate";
    }
  }
  if (!t.error_third.empty()) {
    for (size_t i = 0; i < embedded.size(); ++i) embedded[i] = t.b[i] - t.error_third[i];
    std::string wrong = violated(forest.trees(), embedded, 1, "the second embedded weights");
    if (!wrong.empty()) return wrong;
  }

  if (!ends_with_proposal(t)) add_last_stage(t);
  if (t.interpolant.empty()) add_hermite_interpolant(t);
  return wrong_interpolant(t);
}

}  // namespace nodec::graph
