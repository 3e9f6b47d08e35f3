// Algebra of elementwise operations: one rule a line, the expression it replaces on the right.
#include <algorithm>
#include <cmath>

#include "compiler/graph/op.hpp"
#include "compiler/graph/simplify.hpp"

namespace nodec::graph {
namespace {

constexpr size_t most_folded = 1 << 16;  // elements of a constant worth computing here

struct Names {
  const Op &add = op("add"), &sub = op("sub"), &mul = op("mul"), &div = op("div"), &neg = op("neg"),
           &abs = op("abs"), &min = op("min"), &max = op("max"), &relu = op("relu"), &floor = op("floor"),
           &where = op("where"), &conjunction = op("and"), &disjunction = op("or"), &negation = op("not"),
           &stop_gradient = op("stop_gradient"), &integer_add = op("integer_add"),
           &integer_sub = op("integer_sub"), &integer_mul = op("integer_mul"),
           &integer_neg = op("integer_neg"), &integer_min = op("integer_min"),
           &integer_max = op("integer_max"), &integer_floor_divide = op("integer_floor_divide"),
           &to_real = op("to_real"), &to_integer = op("to_integer");
};

const Names& names() {
  static const Names table;
  return table;
}

bool is(Ref x, const Op& op) { return x->is(Kind::map) && x->as<Map>().op == &op; }

Ref fold(Graph& g, const Op& op, const Type& type, const std::vector<Ref>& x) {
  std::vector<std::vector<double>> columns;
  bool uniform = true;
  for (Ref operand : x) {
    if (!operand->is(Kind::constant)) return nullptr;
    uniform = uniform && splat(operand);
  }
  for (Ref operand : x) {
    auto values = uniform ? operand->as<Constant>().values : elements(operand);
    if (!values) return nullptr;
    columns.push_back(std::move(*values));
  }
  std::vector<double> result(columns[0].size());
  std::vector<double> row(columns.size());
  for (size_t i = 0; i < result.size(); ++i) {
    for (size_t k = 0; k < columns.size(); ++k) row[k] = columns[k][i];
    result[i] = op.reference(row.data());
  }
  return g.constant(std::move(result), type);
}

// f(expand a, expand b, constant) = expand f(a, b, constant), for expansions along the same axes.
Ref lift_expansion(Graph& g, const Op& op, const Type& type, const std::vector<Ref>& x) {
  Ref model = nullptr;
  for (Ref operand : x) {
    if (splat(operand)) continue;
    if (!operand->is(Kind::view) || !whole_axes(operand)) return nullptr;
    if (model == nullptr) model = operand;
    if (operand->as<View>() != model->as<View>()) return nullptr;
    if (operand->operands[0]->type.shape != model->operands[0]->type.shape) return nullptr;
  }
  if (model == nullptr) return nullptr;
  const std::vector<Extent>& shape = model->operands[0]->type.shape;
  if (model->operands[0]->type.size() == type.size()) return nullptr;  // a transpose: nothing is saved
  std::vector<Ref> sources;
  for (Ref operand : x) {
    sources.push_back(splat(operand) ? g.constant(*splat(operand), {shape, operand->type.element})
                                     : operand->operands[0]);
  }
  return g.view(g.map(op, sources), model->as<View>(), type.shape);
}

// c₁ (c₂ x) = (c₁ c₂) x, unless the product leaves the range of numbers.
Ref merge_factors(Graph& g, Ref x, double factor) {
  const Names& n = names();
  if (!is(x, n.mul)) return nullptr;
  for (int i : {0, 1}) {
    auto other = splat(x->operands[i]);
    if (other && std::isnormal(*other * factor)) {
      return g.map(n.mul, {g.constant(*other * factor, x->type), x->operands[1 - i]});
    }
  }
  return nullptr;
}

Ref simplify_sum(Graph& g, const Op& op, Ref a, Ref b) {
  const Names& n = names();
  bool real = &op == &n.add;
  const Op &neg = real ? n.neg : n.integer_neg, &sub = real ? n.sub : n.integer_sub;
  if (a->is_splat(0)) return b;                            // 0 + b
  if (b->is_splat(0)) return a;                            // a + 0
  if (is(b, neg)) return g.map(sub, {a, b->operands[0]});  // a + -c
  if (is(a, neg)) return g.map(sub, {b, a->operands[0]});  // -c + b
  return nullptr;
}

Ref simplify_difference(Graph& g, const Op& op, Ref a, Ref b) {
  const Names& n = names();
  bool real = &op == &n.sub;
  const Op &neg = real ? n.neg : n.integer_neg, &add = real ? n.add : n.integer_add;
  if (b->is_splat(0)) return a;                            // a - 0
  if (a->is_splat(0)) return g.map(neg, {b});              // 0 - b
  if (is(b, neg)) return g.map(add, {a, b->operands[0]});  // a - -c
  if (!real && a == b) return g.constant(0, a->type);      // a - a (not of reals: inf - inf)
  return nullptr;
}

Ref simplify_product(Graph& g, const Op& op, Ref a, Ref b) {
  const Names& n = names();
  const Op& neg = &op == &n.mul ? n.neg : n.integer_neg;
  if (splat(b)) std::swap(a, b);
  if (a->is_splat(0)) return a;                                                      // 0 b
  if (a->is_splat(1)) return b;                                                      // 1 b
  if (a->is_splat(-1)) return g.map(neg, {b});                                       // -1 b
  if (is(a, neg) && is(b, neg)) return g.map(op, {a->operands[0], b->operands[0]});  // -c -d
  if (auto c = splat(a); c && is(b, neg)) {                                          // c -d
    return g.map(op, {g.constant(-*c, a->type), b->operands[0]});
  }
  if (auto c = splat(a); c && &op == &n.mul) return merge_factors(g, b, *c);
  return nullptr;
}

Ref simplify_quotient(Graph& g, Ref a, Ref b) {
  const Names& n = names();
  if (a->is_splat(0)) return a;                                                             // 0 / b
  if (b->is_splat(1)) return a;                                                             // a / 1
  if (b->is_splat(-1)) return g.map(n.neg, {a});                                            // a / -1
  if (is(a, n.neg) && is(b, n.neg)) return g.map(n.div, {a->operands[0], b->operands[0]});  // -c / -d
  // a / 2ᵏ = 2⁻ᵏ a, exactly
  int exponent;
  auto c = splat(b);
  if (c && std::isnormal(*c) && std::fabs(std::frexp(*c, &exponent)) == 0.5 && std::abs(exponent) < 100) {
    return g.map(n.mul, {g.constant(1 / *c, b->type), a});
  }
  return nullptr;
}

Ref simplify_negation(Graph& g, const Op& op, Ref x) {
  const Names& n = names();
  bool real = &op == &n.neg;
  const Op& sub = real ? n.sub : n.integer_sub;
  if (is(x, op)) return x->operands[0];                                 // -(-c)
  if (is(x, sub)) return g.map(sub, {x->operands[1], x->operands[0]});  // -(c - d)
  if (real && is(x, n.mul)) return merge_factors(g, x, -1);             // -(c d), c a number
  return nullptr;
}

Ref simplify_choice(Graph& g, Ref condition, Ref a, Ref b) {
  const Names& n = names();
  if (a == b) return a;                                                                  // where(c, a, a)
  if (auto c = splat(condition)) return *c != 0 ? a : b;                                 // where(true, a, b)
  if (is(condition, n.negation)) return g.map(n.where, {condition->operands[0], b, a});  // where(not c, a, b)
  if (is(a, n.where) && a->operands[0] == condition) return g.map(n.where, {condition, a->operands[1], b});
  if (is(b, n.where) && b->operands[0] == condition) return g.map(n.where, {condition, a, b->operands[2]});
  return nullptr;
}

Ref simplify_logic(const Op& op, Ref a, Ref b) {
  double unit = &op == &names().conjunction ? 1 : 0;  // true and b = b, false or b = b
  if (a == b || a->is_splat(unit)) return b;
  if (b->is_splat(unit)) return a;
  if (a->is_splat(1 - unit)) return a;
  if (b->is_splat(1 - unit)) return b;
  return nullptr;
}

Ref simplify_unary(Graph& g, const Op& op, Ref x) {
  const Names& n = names();
  if (&op == &n.neg || &op == &n.integer_neg) return simplify_negation(g, op, x);
  if (&op == &n.negation && is(x, n.negation)) return x->operands[0];        // not not c
  if (&op == &n.abs && is(x, n.neg)) return g.map(n.abs, {x->operands[0]});  // |-c|
  bool idempotent = &op == &n.abs || &op == &n.relu || &op == &n.floor || &op == &n.stop_gradient;
  if (idempotent && is(x, op)) return x;                                // f(f(c))
  if (&op == &n.to_integer && is(x, n.to_real)) return x->operands[0];  // int(real(i))
  return nullptr;
}

Ref simplify_by_name(Graph& g, const Op& op, const std::vector<Ref>& x) {
  const Names& n = names();
  if (x.size() == 1) return simplify_unary(g, op, x[0]);
  if (&op == &n.where) return simplify_choice(g, x[0], x[1], x[2]);
  if (&op == &n.add || &op == &n.integer_add) return simplify_sum(g, op, x[0], x[1]);
  if (&op == &n.sub || &op == &n.integer_sub) return simplify_difference(g, op, x[0], x[1]);
  if (&op == &n.mul || &op == &n.integer_mul) return simplify_product(g, op, x[0], x[1]);
  if (&op == &n.div) return simplify_quotient(g, x[0], x[1]);
  if (&op == &n.integer_floor_divide && x[1]->is_splat(1)) return x[0];  // i // 1
  bool extremum = &op == &n.min || &op == &n.max || &op == &n.integer_min || &op == &n.integer_max;
  if (extremum && x[0] == x[1]) return x[0];  // max(a, a)
  if (&op == &n.conjunction || &op == &n.disjunction) return simplify_logic(op, x[0], x[1]);
  return nullptr;
}

}  // namespace

std::optional<double> splat(Ref x) {
  if (!x->is(Kind::constant) || x->as<Constant>().values.size() != 1) return {};
  return x->as<Constant>().values[0];
}

std::optional<std::vector<double>> elements(Ref x) {
  if (!x->is(Kind::constant)) return {};
  const auto& values = x->as<Constant>().values;
  Extent size = x->type.size();
  if (!size.is_constant() || size.value() < 1 || size.value() > static_cast<int64_t>(most_folded)) return {};
  return values.size() == 1 ? std::vector<double>(size.value(), values[0]) : values;
}

Ref simplify_map(Graph& g, const Op& op, const Type& type, const std::vector<Ref>& operands) {
  if (Ref constant = fold(g, op, type, operands)) return constant;
  if (Ref simpler = simplify_by_name(g, op, operands)) return simpler;
  return lift_expansion(g, op, type, operands);
}

}  // namespace nodec::graph
