// `with logdet …`: the rate of the log-determinant, exact or estimated.
#include <algorithm>

#include "compiler/derive/derive.hpp"
#include "compiler/graph/algebra.hpp"
#include "compiler/semantics/elaborator.hpp"

namespace nodec::semantics {

using graph::Kind;

namespace {

const std::vector<std::string> estimators = {"hutchinson"}, estimate_options = {"probes", "noise"},
                               noises = {"rademacher", "normal"};

}  // namespace

// d log|det ∂z(t)/∂z(t0)| / dt = tr ∂f/∂z (Chen et al. 2018), the trace over all states.
Ref Elaborator::trace(const syntax::Method& estimator, Span span, const std::vector<Ref>& derivatives,
                      const std::vector<Ref>& states, Scope& scope) {
  derive::Refusal refusal;
  const Ref result = estimator.name.text == "exact"
                         ? derive::divergence(g_, derivatives, states, &refusal)
                         : estimate(estimator, span, derivatives, states, scope, refusal);
  if (refusal) unsupported(refusal.message, span);
  return result;
}

// Noise of the solve's own, the same in every evaluation (Grathwohl et al., FFJORD, 2019).
Ref Elaborator::estimate(const syntax::Method& estimator, Span span, const std::vector<Ref>& derivatives,
                         const std::vector<Ref>& states, Scope& scope, derive::Refusal& refusal) {
  const std::string& name = estimator.name.text;
  if (name != "hutchinson") unknown("estimator of the trace", name, estimator.name.span, estimators);
  int64_t probes = 1;
  bool normal = false;
  std::map<std::string, Span> given;
  for (const syntax::Argument& argument : estimator.arguments) {
    const Span at = argument.value->span;
    if (!argument.name || argument.comprehension) fail(Id::option_unnamed, at, name);
    const std::string& option = argument.name->text;
    const auto [first, added] = given.emplace(option, argument.name->span);
    if (!added) {
      diagnostics_.report(Id::argument_twice, argument.name->span, option)
          .note(first->second, "it is given here first");
      throw Abandon{};
    }
    if (option == "probes") {
      probes = constant_integer(*argument.value, scope, "'probes'");
      if (probes < 1) fail(Id::must_be_positive, at, "'probes'", probes);
    } else if (option == "noise") {
      auto* kind = std::get_if<syntax::NameRef>(&argument.value->node);
      if (!kind) fail(Id::not_a_constant, at, "'noise'", "'rademacher' or 'normal'", "an expression");
      if (kind->text != "rademacher" && kind->text != "normal") unknown("noise", kind->text, at, noises);
      normal = kind->text == "normal";
    } else {
      unknown("option of 'hutchinson':", option, argument.name->span, estimate_options);
    }
  }
  std::vector<Type> types;
  for (const Ref state : states) types.push_back(state->type);
  return derive::estimated_divergence(g_, derivatives, states, probe_noise(types, probes, normal, span),
                                      probes, &refusal);
}

std::vector<Ref> Elaborator::probe_noise(const std::vector<Type>& types, int64_t probes, bool normal,
                                         Span span) {
  std::vector<Ref> result;
  for (Type type : types) {
    if (probes > 1) type.shape.insert(type.shape.begin(), Extent(probes));
    check_size(type, span);
    const int stream = first_estimate + static_cast<int>(estimates_.size());
    estimates_.push_back(span);
    const graph::Distribution drawn = normal ? graph::Distribution::normal : graph::Distribution::uniform;
    Ref noise = g_.random(stream, drawn, type);
    if (!normal) {
      const Ref lower = graph::apply(g_, "less", {noise, g_.constant(0.5, type)});
      noise = graph::where(g_, lower, g_.constant(-1, type), g_.constant(1, type));
    }
    result.push_back(noise);
  }
  return result;
}

// Every solve has noise of its own; one that runs several times would draw it once.
void Elaborator::refuse_estimates(const graph::Lambda* step) {
  for (const Ref solve : graph::postorder(step->results)) {
    const bool inside = std::binary_search(solve->free.begin(), solve->free.end(), step->height);
    if (!solve->is(Kind::solve) || !inside) continue;
    std::vector<Ref> pending(solve->operands.begin() + solve->as<graph::SolveInfo>().frontier_operand(),
                             solve->operands.end());
    std::unordered_set<Ref> seen;
    while (!pending.empty()) {
      const Ref node = pending.back();
      pending.pop_back();
      if (node->is(Kind::solve) || node->is(Kind::adjoint) || !seen.insert(node).second) continue;
      if (node->is(Kind::random) && node->as<graph::Random>().stream >= first_estimate) {
        const auto number = static_cast<size_t>(node->as<graph::Random>().stream - first_estimate);
        unsupported("'with logdet hutchinson' in a loop that is not unrolled", estimates_[number]);
      }
      pending.insert(pending.end(), node->operands.begin(), node->operands.end());
    }
  }
}

}  // namespace nodec::semantics
