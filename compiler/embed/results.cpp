// A model and a mode -> the named expressions that are compiled.
#include <algorithm>

#include "compiler/derive/derive.hpp"
#include "compiler/embed/pipeline.hpp"
#include "compiler/graph/algebra.hpp"

namespace nodec::embed {
namespace {

using graph::Element;
using graph::Graph;
using graph::Output;
using graph::Ref;

// The objective: the mean over the batch of the samples' losses.
Ref mean_loss(Graph& g, Ref loss) {
  return graph::div(g, g.batch_sum(graph::to_real(g, loss)), g.setting("batch"));
}

// A value of one sample, as a result that is stored for each: integers and conditions become reals.
Ref stored(Graph& g, Ref value) {
  return value->type.element == Element::real ? value : graph::to_real(g, value);
}

}  // namespace

Derived derive_results(semantics::Module& module, const semantics::Model& model, Mode mode,
                       const std::vector<std::string>& shared_data) {
  Graph& g = module.graph;
  Derived derived;
  std::vector<Output>& results = derived.results;
  if (mode == Mode::forward) {
    for (const Output& output : model.outputs) results.push_back({output.name, stored(g, output.value)});
    if (model.loss) results.push_back({"loss", stored(g, model.loss)});
  }
  if (model.loss) results.push_back({"mean:loss", mean_loss(g, model.loss)});
  if (mode == Mode::record || mode == Mode::replay) return derived;
  for (const Output& metric : model.metrics)
    results.push_back({"metric:" + metric.name, stored(g, metric.value)});
  if (mode == Mode::forward || !model.loss) return derived;

  std::vector<Ref> inputs;
  std::vector<std::string> names;
  for (const semantics::ParameterDecl& p : model.parameters) {
    inputs.push_back(g.parameter(p.path, p.type));
    names.push_back("param:" + p.path);
  }
  if (mode == Mode::inputs) {
    for (const semantics::DataDecl& d : model.data) {
      if (d.type.element != Element::real) continue;
      const bool shared = std::find(shared_data.begin(), shared_data.end(), d.name) != shared_data.end();
      inputs.push_back(g.data(d.name, d.type, shared));
      names.push_back("data:" + d.name);
    }
  }
  derive::Refusal refusal;
  const std::vector<Ref> gradients =
      derive::vjp(g, {mean_loss(g, model.loss)}, {g.constant(1.0)}, inputs, &refusal);
  derived.refusal = refusal.message;
  if (refusal) return derived;
  for (size_t i = 0; i < inputs.size(); ++i) results.push_back({names[i], gradients[i]});
  return derived;
}

const graph::Lambda* pullback_of(semantics::Module& module, const semantics::Model& model, Ref solve) {
  if (!model.loss) return nullptr;
  std::vector<Ref> roots;
  for (const Output& output : derive_results(module, model, Mode::gradient, {}).results)
    roots.push_back(output.value);
  for (const Ref node : graph::postorder(roots))
    if (node->is(graph::Kind::adjoint) && node->operands[0] == solve)
      return node->as<graph::AdjointInfo>().pullback;
  return nullptr;
}

}  // namespace nodec::embed
