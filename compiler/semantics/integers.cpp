// Integers known while elaborating: what sizes a shape, bounds a loop and maps an index.
#include <algorithm>
#include <cmath>

#include "compiler/graph/algebra.hpp"
#include "compiler/semantics/elaborator.hpp"

namespace nodec::semantics {

Affine operator+(const Affine& a, const Affine& b) {
  Affine result{a.offset + b.offset, a.loops, a.opaque};
  for (const auto& [loop, coefficient] : b.loops) {
    auto place = std::lower_bound(result.loops.begin(), result.loops.end(), loop,
                                  [](const auto& term, int key) { return term.first < key; });
    if (place != result.loops.end() && place->first == loop) {
      place->second += coefficient;
    } else {
      result.loops.insert(place, {loop, coefficient});
    }
  }
  for (const auto& [ref, coefficient] : b.opaque) {
    auto same = std::find_if(result.opaque.begin(), result.opaque.end(),
                             [key = ref](const auto& term) { return term.first == key; });
    if (same != result.opaque.end()) {
      same->second += coefficient;
    } else {
      result.opaque.emplace_back(ref, coefficient);
    }
  }
  std::erase_if(result.loops, [](const auto& term) { return term.second == 0; });
  std::erase_if(result.opaque, [](const auto& term) { return term.second == 0; });
  return result;
}

Affine operator*(const Affine& a, int64_t factor) {
  Affine result{a.offset * Extent(factor), a.loops, a.opaque};
  for (auto& [loop, coefficient] : result.loops) coefficient *= factor;
  for (auto& [ref, coefficient] : result.opaque) coefficient *= factor;
  std::erase_if(result.loops, [](const auto& term) { return term.second == 0; });
  std::erase_if(result.opaque, [](const auto& term) { return term.second == 0; });
  return result;
}

namespace {

double magnitude(const Affine& a) {
  double largest = 0;
  for (const auto& [monomial, coefficient] : a.offset.terms()) {
    largest = std::max(largest, std::abs(static_cast<double>(coefficient)));
  }
  for (const auto& term : a.loops) largest = std::max(largest, std::abs(static_cast<double>(term.second)));
  for (const auto& term : a.opaque) largest = std::max(largest, std::abs(static_cast<double>(term.second)));
  return largest;
}

// Doubles hold integers up to here.
constexpr double exact = 9007199254740992.0;

}  // namespace

std::optional<Affine> Elaborator::combine(std::string_view op, const Tensor& a, const Tensor& b) {
  if (!a.affine || !b.affine) return std::nullopt;
  const Affine &x = *a.affine, &y = *b.affine;
  if (magnitude(x) + magnitude(y) > exact) return std::nullopt;
  if (op == "add") return x + y;
  if (op == "sub") return x - y;
  if (op == "mul") {
    if (magnitude(x) * magnitude(y) > exact) return std::nullopt;
    if (y.constant()) return x * y.offset.value();
    if (x.constant()) return y * x.offset.value();
    if (x.fixed() && y.fixed()) return Affine{x.offset * y.offset, {}, {}};
    return std::nullopt;
  }
  if (!x.fixed() || !y.constant()) return std::nullopt;
  const int64_t divisor = y.offset.value();
  if (op == "floor_divide" && divisor > 0) return Affine{graph::floor_divide(x.offset, divisor), {}, {}};
  if (op == "modulo" && divisor > 0) {
    return Affine{x.offset - graph::floor_divide(x.offset, divisor) * Extent(divisor), {}, {}};
  }
  if (!x.constant()) return std::nullopt;
  if (op == "min") return Affine{Extent(std::min(x.offset.value(), divisor)), {}, {}};
  if (op == "max") return Affine{Extent(std::max(x.offset.value(), divisor)), {}, {}};
  return std::nullopt;
}

Extent Elaborator::dimension(const Expr& expr, Scope& scope) {
  return dimension(tensor(expr, scope), expr.span);
}

Extent Elaborator::dimension(const Tensor& x, Span span) {
  const bool integer_scalar = x.element() == graph::Element::integer && x.rank() == 0;
  if (!integer_scalar) fail(Id::not_a_dimension, span, x.type().text());
  if (!x.affine || !x.affine->fixed()) fail(Id::not_a_dimension, span, "an int known at run time only");
  return x.affine->offset;
}

int64_t Elaborator::constant_integer(const Expr& expr, Scope& scope, const std::string& what) {
  Tensor x = tensor(expr, scope);
  if (!x.integer()) fail(Id::not_a_constant, expr.span, what, "a constant integer", x.type().text());
  return *x.integer();
}

double Elaborator::constant_real(const Expr& expr, Scope& scope, const std::string& what) {
  Tensor x = tensor(expr, scope);
  if (x.rank() == 0 && x.loops.empty() && x.element() != graph::Element::boolean) {
    Ref value = real(x).ref;
    if (value->is(graph::Kind::constant)) return value->as<graph::Constant>().values[0];
  }
  fail(Id::not_a_constant, expr.span, what, "a constant number", x.type().text());
}

}  // namespace nodec::semantics
