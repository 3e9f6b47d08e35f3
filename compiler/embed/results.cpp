// A model and a mode -> the named expressions that are compiled.
#include <algorithm>
#include <numeric>

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

// What is differentiated with respect to, with names of results.
struct Inputs {
  std::vector<Ref> nodes;
  std::vector<std::string> names;
  std::vector<bool> shared;  // one for all samples
};

Inputs chosen_inputs(Graph& g, const semantics::Model& model, const std::vector<std::string>& shared_data,
                     bool with_data, const Selection& selection) {
  Inputs inputs;
  const auto add = [&](Ref node, std::string name, bool shared) {
    inputs.nodes.push_back(node);
    inputs.names.push_back(std::move(name));
    inputs.shared.push_back(shared);
  };
  if (selection.parameters)
    for (const semantics::ParameterDecl& p : model.parameters)
      add(g.parameter(p.path, p.type), "param:" + p.path, true);
  for (const semantics::DataDecl& d : model.data) {
    if (!with_data || d.type.element != Element::real || !selection.has(d.name)) continue;
    const bool shared = std::find(shared_data.begin(), shared_data.end(), d.name) != shared_data.end();
    add(g.data(d.name, d.type, shared), "data:" + d.name, shared);
  }
  return inputs;
}

std::vector<Output> real_outputs(const semantics::Model& model) {
  std::vector<Output> list;
  for (const Output& output : model.outputs)
    if (output.value->type.element == Element::real) list.push_back(output);
  return list;
}

// The sum over samples of the outputs' products with their cotangents: its gradient is the product of the
// cotangents with the Jacobian.
Ref paired_with_cotangents(Graph& g, const std::vector<Output>& outputs) {
  Ref total = g.constant(0.0);
  for (const Output& output : outputs) {
    const Ref cotangent = g.data("cotangent:" + output.name, output.value->type, false);
    std::vector<int> axes(static_cast<size_t>(output.value->type.rank()));
    std::iota(axes.begin(), axes.end(), 0);
    total = graph::add(g, total, graph::sum(g, graph::mul(g, output.value, cotangent), axes));
  }
  return g.batch_sum(total);
}

// Results of the modes vjp and jvp.
void add_products(Graph& g, const semantics::Model& model, Mode mode, const Inputs& inputs,
                  std::vector<Output>& results, derive::Refusal& refusal) {
  const std::vector<Output> outputs = real_outputs(model);
  if (mode == Mode::vjp) {
    const std::vector<Ref> products =
        derive::vjp(g, {paired_with_cotangents(g, outputs)}, {g.constant(1.0)}, inputs.nodes, &refusal);
    for (size_t i = 0; i < products.size(); ++i) results.push_back({inputs.names[i], products[i]});
    return;
  }
  std::vector<Ref> values, tangents;
  for (const Output& output : outputs) values.push_back(output.value);
  for (size_t i = 0; i < inputs.nodes.size(); ++i)
    tangents.push_back(g.data("tangent:" + inputs.names[i], inputs.nodes[i]->type, inputs.shared[i]));
  const std::vector<Ref> products = derive::jvp(g, values, inputs.nodes, tangents, &refusal);
  for (size_t i = 0; i < products.size(); ++i) results.push_back({"tangent:" + outputs[i].name, products[i]});
}

}  // namespace

std::string Selection::key() const {
  std::string text = parameters ? "parameters" : "";
  if (!data) return text + " *";
  for (const std::string& name : *data) text += " " + name;
  return text;
}

Derived derive_results(semantics::Module& module, const semantics::Model& model, Mode mode,
                       const std::vector<std::string>& shared_data, const Selection& selection) {
  Graph& g = module.graph;
  Derived derived;
  std::vector<Output>& results = derived.results;
  derive::Refusal refusal;
  const bool products = mode == Mode::vjp || mode == Mode::jvp;
  if (mode == Mode::forward || products || (mode == Mode::record && !model.loss)) {
    for (const Output& output : model.outputs) results.push_back({output.name, stored(g, output.value)});
  }
  if (products) {
    add_products(g, model, mode, chosen_inputs(g, model, shared_data, true, selection), results, refusal);
    derived.refusal = refusal.message;
    return derived;
  }
  if (mode == Mode::forward) {
    if (model.loss) results.push_back({"loss", stored(g, model.loss)});
  }
  if (model.loss) results.push_back({"mean:loss", mean_loss(g, model.loss)});
  if (mode == Mode::record || mode == Mode::replay) return derived;
  for (const Output& metric : model.metrics)
    results.push_back({"metric:" + metric.name, stored(g, metric.value)});
  if (mode == Mode::forward || !model.loss) return derived;

  const Inputs inputs = chosen_inputs(g, model, shared_data, mode == Mode::inputs, selection);
  const std::vector<Ref> gradients =
      derive::vjp(g, {mean_loss(g, model.loss)}, {g.constant(1.0)}, inputs.nodes, &refusal);
  derived.refusal = refusal.message;
  if (refusal) return derived;
  for (size_t i = 0; i < gradients.size(); ++i) results.push_back({inputs.names[i], gradients[i]});
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
