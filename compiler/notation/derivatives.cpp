// A field -> its Jacobian, trace and vector-Jacobian products, as derive/ gives them.
#include "compiler/notation/derivatives.hpp"

#include <algorithm>

#include "compiler/derive/derive.hpp"
#include "compiler/derive/structure.hpp"
#include "compiler/graph/algebra.hpp"
#include "compiler/notation/product.hpp"
#include "compiler/notation/translate.hpp"

namespace nodec::notation {

using namespace graph;

bool is_zero(Ref node) { return node->is_splat(0); }

Ref without_factors(Ref node) {
  if (is_map(node, "neg")) return without_factors(node->operands[0]);
  if (is_map(node, "mul") && splat(node->operands[0])) return without_factors(node->operands[1]);
  if (is_map(node, "mul") && splat(node->operands[1])) return without_factors(node->operands[0]);
  return node;
}

namespace {

class Differentiation {
 public:
  Differentiation(Graph& g, const Field& field) : g_(g), field_(field) {}

  Derivatives run() {
    open();
    find_traces();
    find_captured();
    find_jacobian();
    find_products();
    if (d_.refusal.empty()) find_updates();
    return std::move(d_);
  }

 private:
  // The field over variables that the cotangents stand beside.
  void open() {
    std::vector<Type> types{Type{}};
    const size_t states = field_.states.size();
    for (size_t copy = 0; copy < 2; ++copy)
      for (const Quantity& state : field_.states) types.push_back(state.node->type);
    if (field_.logdet) types.emplace_back();
    const std::vector<Ref> variables = g_.variables(types);
    const auto first_kappa = variables.begin() + 1 + static_cast<std::ptrdiff_t>(states);
    d_.time = variables[0];
    d_.states.assign(variables.begin() + 1, first_kappa);
    d_.kappa.assign(first_kappa, variables.end());
    std::unordered_map<Ref, Ref> renamed{{field_.time, d_.time}};
    for (size_t i = 0; i < states; ++i) renamed[field_.states[i].node] = d_.states[i];
    d_.f = g_.substitute(field_.derivatives, renamed);
  }

  void find_traces() {
    derive::Refusal refusal;
    d_.trace = derive::divergence(g_, d_.f, d_.states, &refusal);
    for (const Ref state : d_.states) {
      if (field_.probes == 0) break;
      Type type = state->type;
      if (field_.probes > 1) type.shape.insert(type.shape.begin(), Extent(field_.probes));
      d_.probes.push_back(g_.data("ε" + std::to_string(d_.probes.size()), type, false));
    }
    if (!refusal && field_.probes > 0)
      d_.estimate = derive::estimated_divergence(g_, d_.f, d_.states, d_.probes, field_.probes, &refusal);
    if (!refusal) return;
    d_.refused_trace = refusal.message;
    d_.trace = g_.constant(0);
    d_.estimate = nullptr;
  }

  // What a solve of the field would capture.
  void find_captured() {
    std::vector<Ref> results = d_.f;
    if (field_.logdet) results.push_back(d_.logdet_rate());
    std::vector<Ref> variables{d_.time};
    variables.insert(variables.end(), d_.states.begin(), d_.states.end());
    std::vector<Type> types;
    for (const Ref variable : variables) types.push_back(variable->type);
    const std::vector<Ref> alone = g_.variables(types);
    std::unordered_map<Ref, Ref> renamed;
    for (size_t i = 0; i < variables.size(); ++i) renamed[variables[i]] = alone[i];
    for (const Ref node : g_.frontier(g_.close(alone, g_.substitute(results, renamed))))
      if (node->type.element == Element::real && wanted(node)) d_.captured.push_back(node);
  }

  // Whether the gradient by it is one by parameters or inputs.
  bool wanted(Ref node) const {
    const std::vector<Ref> nodes = postorder(std::span(&node, 1));
    return std::any_of(nodes.begin(), nodes.end(), [&](Ref n) {
      const bool probe = std::find(d_.probes.begin(), d_.probes.end(), n) != d_.probes.end();
      return n->is(Kind::parameter) || (n->is(Kind::data) && n->type.element == Element::real && !probe);
    });
  }

  void find_jacobian() {
    derive::Refusal refusal;
    for (size_t i = 0; i < d_.f.size() && !refusal; ++i)
      for (size_t j = 0; j < d_.states.size() && !refusal; ++j) {
        const Ref block = derive::jacobian(g_, d_.f[i], d_.states[j], &refusal);
        if (!refusal && !is_zero(block)) d_.blocks.push_back({i, j, block});
      }
    if (!refusal && d_.states.size() == 1 && d_.states[0]->type.rank() > 0 && !d_.blocks.empty())
      d_.structure = derive::describe(derive::structure(g_, d_.f[0], d_.states[0], &refusal));
    if (!refusal) return;
    d_.refused_jacobian = refusal.message;
    d_.blocks.clear();
  }

  void find_products() {
    derive::Refusal refusal;
    std::vector<Ref> outputs = d_.f, wrt{d_.time};
    if (field_.logdet) outputs.push_back(d_.logdet_rate());
    wrt.insert(wrt.end(), d_.states.begin(), d_.states.end());
    const size_t own = wrt.size();
    wrt.insert(wrt.end(), d_.captured.begin(), d_.captured.end());
    d_.counted = derive::vjp(g_, outputs, d_.kappa, wrt, &refusal, derive::Over::sample);
    // −k is captured, but k is what is meant.
    std::vector<Ref> meant;
    for (const Ref node : d_.captured) {
      const Ref here = without_factors(node);
      if (std::find(meant.begin(), meant.end(), here) == meant.end()) meant.push_back(here);
    }
    by_declaration(meant);
    d_.captured = meant;
    wrt.resize(own);
    wrt.insert(wrt.end(), meant.begin(), meant.end());
    if (!refusal) d_.pulled = derive::vjp(g_, outputs, d_.kappa, wrt, &refusal, derive::Over::sample);
    const std::vector<Ref> of_states(d_.kappa.begin(),
                                     d_.kappa.begin() + static_cast<std::ptrdiff_t>(d_.states.size()));
    if (!refusal)
      d_.pulled_by_states = derive::vjp(g_, d_.f, of_states, d_.states, &refusal, derive::Over::sample);
    d_.refusal = refusal.message;
  }

  // What the cotangents of captured values give their parameters, once the solve is over.
  void find_updates() {
    std::vector<Type> types;
    for (const Ref node : d_.captured) {
      if (node->operands.empty()) continue;
      d_.made.push_back(node);
      types.push_back(node->type);
    }
    if (d_.made.empty()) return;
    std::vector<Ref> parameters;
    for (const Ref node : postorder(d_.made))
      if (node->is(Kind::parameter)) parameters.push_back(node);
    by_declaration(parameters);
    d_.integrals = g_.variables(types, Base::parameter);
    derive::Refusal refusal;
    const std::vector<Ref> back =
        derive::vjp(g_, d_.made, d_.integrals, parameters, &refusal, derive::Over::sample);
    d_.refusal = refusal.message;
    for (size_t i = 0; !refusal && i < parameters.size(); ++i)
      if (!is_zero(back[i])) d_.updates.emplace_back(parameters[i], back[i]);
  }

  // In the order of declaration, and then what is made of parameters.
  void by_declaration(std::vector<Ref>& nodes) const {
    const auto place = [this](Ref node) {
      size_t at = 0;
      for (const auto* list : {&field_.parameters, &field_.inputs})
        for (const Quantity& quantity : *list) {
          if (quantity.node == node) return at;
          ++at;
        }
      return node->operands.empty() ? at : at + 1;
    };
    std::stable_sort(nodes.begin(), nodes.end(), [&](Ref a, Ref b) { return place(a) < place(b); });
  }

  Graph& g_;
  const Field& field_;
  Derivatives d_;
};

RatedCost difference(const RatedCost& a, const RatedCost& b) {
  return {a.evaluation - b.evaluation, a.sample - b.sample, a.update - b.update};
}

std::vector<Ref> joined(std::vector<Ref> list, const std::vector<Ref>& more) {
  list.insert(list.end(), more.begin(), more.end());
  return list;
}

}  // namespace

Derivatives differentiate(Graph& g, const Field& field) { return Differentiation(g, field).run(); }

int64_t Derivatives::elements() const {
  Extent all = 0;
  std::map<std::string, int64_t> ones;
  for (const Ref state : states) all = all + state->type.size();
  for (const std::string& atom : all.atoms()) ones[atom] = 1;
  return all.evaluate(ones);
}

bool Derivatives::per_sample(Ref parameter) const {
  return std::any_of(made.begin(), made.end(), [&](Ref node) {
    const std::vector<Ref> below = postorder(std::span(&node, 1));
    return node->base == Base::sample && std::find(below.begin(), below.end(), parameter) != below.end();
  });
}

std::vector<Ref> Derivatives::written() const {
  std::vector<Ref> all = joined(f, {trace});
  if (estimate) all.push_back(estimate);
  all = joined(all, pulled);
  for (const auto& [parameter, value] : updates) all.push_back(value);
  return all;
}

void count(const Derivatives& d, bool logdet, Derivation& result) {
  result.field = cost_by_rate(d.f);
  result.trace = difference(cost_by_rate(joined(d.f, {d.trace})), result.field);
  if (d.estimate) result.estimate = difference(cost_by_rate(joined(d.f, {d.estimate})), result.field);
  result.vjp = cost_by_rate(d.counted);
  std::vector<Ref> solved = d.f;
  if (logdet) solved.push_back(d.logdet_rate());
  result.adjoint = cost_by_rate(joined(solved, d.counted));
  std::vector<Ref> each_sample, each_update;
  for (const auto& [parameter, value] : d.updates)
    (d.per_sample(parameter) ? each_sample : each_update).push_back(value);
  for (RatedCost* sum : {&result.vjp, &result.adjoint}) {
    sum->sample = sum->sample + cost_by_rate(each_sample).evaluation;
    sum->update = sum->update + cost_by_rate(each_update).evaluation;
  }
  const RatedCost product = difference(cost_by_rate(joined(d.f, d.pulled_by_states)), result.field);
  result.naive = product.evaluation.multiply_adds * d.elements();
}

}  // namespace nodec::notation
