// grad, jacobian, div, jvp, vjp in expressions.
#include "compiler/derive/derive.hpp"

#include <algorithm>
#include <functional>
#include <span>

#include "compiler/graph/algebra.hpp"
#include "compiler/semantics/elaborator.hpp"

namespace nodec::semantics {

using graph::Base;
using graph::Kind;

Value Elaborator::derivative(const std::string& name, const syntax::Call& call, Span span, Scope& scope) {
  const bool product = name == "jvp" || name == "vjp";
  const size_t wanted = product ? 3 : 2;
  for (const auto& argument : call.arguments) {
    if (argument.name) unknown("argument of '" + name + "':", argument.name->text, argument.name->span, {});
    if (argument.comprehension) fail(Id::comprehension_argument, argument.value->span);
  }
  if (call.arguments.size() != wanted) {
    fail(Id::argument_count, span, name, std::to_string(wanted) + " arguments", call.arguments.size());
  }
  const Expr& what = *call.arguments[0].value;
  const Expr& by = *call.arguments[1].value;
  Tensor e = real(arithmetic_operand(tensor(what, scope), what.span, "the argument of '" + name + "'"));
  const bool named =
      std::holds_alternative<syntax::NameRef>(by.node) || std::holds_alternative<syntax::Member>(by.node);
  Tensor x = tensor(by, scope);
  if (!named) fail(Id::derivative_by, by.span, name);
  if (x.element() != graph::Element::real) fail(Id::derivative_by_type, by.span, name, x.type().text());
  const Kind kind = x.ref->kind;
  if (kind != Kind::variable && kind != Kind::parameter && kind != Kind::data)
    fail(Id::derivative_by, by.span, name);
  if (name == "grad" && e.rank() != 0) fail(Id::grad_of_array, what.span, e.type().text());
  if (name == "div" && e.shape() != x.shape()) {
    diagnostics_.report(Id::shapes_differ, span, "div", e.type().text(), x.type().text())
        .note(what.span, "this is " + e.type().text())
        .note(by.span, "this is " + x.type().text());
    throw Abandon{};
  }
  std::optional<Tensor> direction;
  if (product) {
    const Expr& expr = *call.arguments[2].value;
    direction = real(arithmetic_operand(tensor(expr, scope), expr.span, "the direction"));
    const Tensor& like = name == "jvp" ? x : e;
    if (direction->shape() != like.shape()) {
      diagnostics_.report(Id::shapes_differ, span, name, direction->type().text(), like.type().text())
          .note(expr.span, "this is " + direction->type().text())
          .note(name == "jvp" ? by.span : what.span, "this is " + like.type().text());
      throw Abandon{};
    }
  }
  constexpr int64_t steps_per_node = 2;
  count_work(span, steps_per_node * static_cast<int64_t>(graph::postorder(std::span(&e.ref, 1)).size()));
  // What e was made of shows, but for x itself.
  std::vector<Ref*> roots{&e.ref};
  resolve(0, roots, x.ref);
  // A parameter is one for all samples, and its cotangent would be summed over them; this derivative is one
  // sample's.
  Ref by_ref = x.ref;
  if (by_ref->base != Base::sample) {
    by_ref = g_.variables({x.ref->type}, Base::sample)[0];
    e.ref = g_.substitute({e.ref}, {{x.ref, by_ref}})[0];
  }
  derive::Refusal refusal;
  Tensor result;
  const bool within = std::includes(x.loops.begin(), x.loops.end(), e.loops.begin(), e.loops.end());
  if (name == "grad" || (name == "jacobian" && e.rank() == 0)) {
    if (within) {
      // Each iteration reads its own x alone, so the gradient of the sum holds theirs side by side.
      Ref total = graph::sum_all(g_, fit(e, x.loops));
      result = {derive::gradient(g_, total, by_ref, &refusal), x.loops, std::nullopt};
    } else {
      if (!x.loops.empty()) throw TakesSteps{x.loops};
      result = {derive::jacobian(g_, e.ref, by_ref, &refusal), e.loops, std::nullopt};
    }
  } else if (name == "jacobian") {
    if (!x.loops.empty()) throw TakesSteps{x.loops};
    result = {derive::jacobian(g_, e.ref, by_ref, &refusal), e.loops, std::nullopt};
  } else if (name == "div") {
    if (!x.loops.empty() || !e.loops.empty()) throw TakesSteps{union_of(x.loops, e.loops)};
    result = {derive::divergence(g_, e.ref, by_ref, &refusal), {}, std::nullopt};
  } else if (name == "jvp") {
    if (!std::includes(x.loops.begin(), x.loops.end(), direction->loops.begin(), direction->loops.end())) {
      throw TakesSteps{direction->loops};
    }
    Ref tangent = fit(*direction, x.loops);
    result = {derive::jvp(g_, {e.ref}, {by_ref}, {tangent}, &refusal)[0], e.loops, std::nullopt};
  } else {
    Tensor weighted = elementwise("mul", {e, *direction}, {what.span, span}, span, "the arguments of 'vjp'");
    if (!std::includes(x.loops.begin(), x.loops.end(), weighted.loops.begin(), weighted.loops.end())) {
      throw TakesSteps{weighted.loops};
    }
    Ref cotangent = fit(*direction, union_of(e.loops, direction->loops));
    Ref value = fit(e, union_of(e.loops, direction->loops));
    result = {derive::vjp(g_, {value}, {cotangent}, {by_ref}, &refusal)[0], x.loops, std::nullopt};
    if (!refusal && weighted.loops != x.loops) result.ref = fit({result.ref, x.loops, std::nullopt}, x.loops);
  }
  if (refusal) unsupported(refusal.message, span);
  if (by_ref != x.ref) result.ref = g_.substitute({result.ref}, {{by_ref, x.ref}})[0];
  check_size(result.type(), span);
  if (name == "jacobian") remark_on_jacobian(result, x, span);
  return {result};
}

}  // namespace nodec::semantics
