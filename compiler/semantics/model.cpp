// Models: data, samples, lets, and what is computed of them.
#include <algorithm>
#include <cmath>

#include "compiler/graph/algebra.hpp"
#include "compiler/semantics/elaborator.hpp"
#include "compiler/semantics/walk.hpp"

namespace nodec::semantics {

using graph::Base;
using graph::Element;
using graph::Kind;

Value Elaborator::data(const syntax::DataDecl& decl, Model& model, Scope& scope, Span span) {
  DataDecl result;
  result.name = decl.name.text;
  result.type = type_of(decl.type, scope);
  result.span = decl.name.span;
  if (decl.value) fail(Id::data_value, decl.value->span, result.name);
  if (decl.type.lo) {
    if (decl.type.interval || !decl.type.integer) fail(Id::data_range, decl.type.span);
    result.bounds = {dimension(*decl.type.lo, scope), dimension(*decl.type.hi, scope)};
  }
  (void)span;
  result.missing = asked_observed_.contains(result.name) && result.type.element == Element::real;
  model.data.push_back(result);
  Ref node = g_.data(result.name, result.type, options_.shared_data.contains(result.name));
  if (result.missing) {
    // A missing entry is the one value that differs from itself; it reads 0.
    const Ref present = graph::apply(g_, "equal", {node, node});
    const Ref zero = g_.constant(0, result.type), one = g_.constant(1, result.type);
    Tensor value = mark(result.name, tensor_of(graph::where(g_, present, node, zero)));
    observed_[value.ref] = tensor_of(graph::where(g_, present, one, zero));
    return {value};
  }
  if (result.bounds) integer_bounds_[node] = *result.bounds;
  return {mark(result.name, tensor_of(node))};
}

Value Elaborator::sample(const syntax::SampleDecl& decl, Model& model, Scope& scope, Span span) {
  SampleDecl result;
  result.name = decl.name.text;
  result.span = span;
  result.stream = streams_.at(&decl);
  Type type;
  if (decl.type) type = type_of(*decl.type, scope);
  require_sizes(type, decl.type ? *decl.type : syntax::TypeExpr{}, "a sample");
  auto noise = [&](graph::Distribution distribution) {
    result.distribution = distribution;
    result.type = {type.shape, Element::real};
    model.samples.push_back(result);
    return tensor_of(g_.random(result.stream, distribution, result.type));
  };
  const Span all = decl.name.span;
  if (type.element == Element::integer) {
    if (decl.distribution || !decl.type->lo || decl.type->interval)
      fail(Id::sample_integer, span, result.name);
    Tensor lo = tensor(*decl.type->lo, scope), hi = tensor(*decl.type->hi, scope);
    Extent from = dimension(*decl.type->lo, scope), to = dimension(*decl.type->hi, scope);
    const Extent width = to - from;
    if (width.is_constant() && width.value() <= 0) {
      fail(Id::range_backward, source::join(decl.type->lo->span, decl.type->hi->span), from.text(),
           to.text());
    }
    // ⌊u · (hi − lo)⌋ + lo; u < 1, yet the product can round up to hi − lo.
    Tensor u = noise(graph::Distribution::uniform);
    Tensor n = integer(width);
    const std::vector<Span> two{all, all};
    Tensor scaled = elementwise("mul", {u, real(n)}, two, all, "");
    Tensor floor{graph::apply(g_, "to_integer", {scaled.ref}), {}, std::nullopt};
    floor =
        elementwise("min", {floor, elementwise("sub", {n, integer(Extent(1))}, two, all, "")}, two, all, "");
    Tensor value = tensor_of(elementwise("add", {floor, lo}, two, all, "").ref);
    integer_bounds_[value.ref] = {from, to};
    return {value};
  }
  auto* call = decl.distribution ? std::get_if<syntax::Call>(&decl.distribution->node) : nullptr;
  auto* name = call ? std::get_if<syntax::NameRef>(&call->callee->node) : nullptr;
  if (!name) fail(Id::sample_distribution, decl.distribution ? decl.distribution->span : span, result.name);
  const size_t wanted = name->text == "bernoulli" ? 1 : 2;
  if (name->text != "normal" && name->text != "uniform" && name->text != "bernoulli") {
    unknown("distribution", name->text, call->callee->span, {"normal", "uniform", "bernoulli"});
  }
  if (call->arguments.size() != wanted) {
    fail(Id::argument_count, decl.distribution->span, name->text,
         std::to_string(wanted) + (wanted == 1 ? " argument" : " arguments"), call->arguments.size());
  }
  std::vector<Tensor> parameters;
  for (const auto& argument : call->arguments) {
    Tensor x = real(arithmetic_operand(tensor(*argument.value, scope), argument.value->span,
                                       "a distribution's argument"));
    parameters.push_back(
        {initial_value(x, type, argument.value->span, result.name, decl.name.span), {}, std::nullopt});
  }
  const std::vector<Span> three(3, all);
  Tensor value;
  if (name->text == "normal") {
    Tensor e = noise(graph::Distribution::normal);
    value = elementwise("add", {parameters[0], elementwise("mul", {parameters[1], e}, three, all, "")}, three,
                        all, "");
  } else if (name->text == "uniform") {
    Tensor u = noise(graph::Distribution::uniform);
    Tensor width = elementwise("sub", {parameters[1], parameters[0]}, three, all, "");
    value =
        elementwise("add", {parameters[0], elementwise("mul", {width, u}, three, all, "")}, three, all, "");
  } else {
    Tensor u = noise(graph::Distribution::uniform);
    value =
        elementwise("where", {elementwise("less", {u, parameters[0]}, three, all, ""), number(1), number(0)},
                    three, all, "");
  }
  return {mark(result.name, value)};
}

Ref Elaborator::averaged(const Tensor& x) {
  if (x.ref->base != Base::sample) return x.ref;
  Ref total = g_.batch_sum(x.ref);
  Ref batch = graph::broadcast(g_, g_.setting("batch"), x.ref->type.shape);
  return graph::div(g_, total, batch);
}

// Results are reals, whatever they were made of.
Tensor Elaborator::output_value(const Tensor& x, Span at) {
  if (x.element() != Element::boolean) return real(x);
  return elementwise("where", {x, number(1), number(0)}, {at, at, at}, at, "an output");
}

void Elaborator::any_output(const std::string& name, const Value& value, Span at, Model& model) {
  auto* tuple = value.as<Value::TupleValue>();
  if (!tuple) return model.outputs.push_back({name, as_tensor(value, at).ref});
  for (size_t i = 0; i < tuple->parts.size(); ++i)
    any_output(name + "." + std::to_string(i), tuple->parts[i], at, model);
}

std::set<std::string> Elaborator::lengths_of_shared_data(const syntax::ModelDecl& decl) const {
  std::set<std::string> shared, own;
  for (const auto& member : decl.members) {
    auto* datum = std::get_if<syntax::DataDecl>(&member->node);
    if (!datum) continue;
    for (const auto& extent : datum->type.shape) {
      auto* name = std::get_if<syntax::NameRef>(&extent->node);
      if (name) (options_.shared_data.contains(datum->name.text) ? shared : own).insert(name->text);
    }
  }
  for (const std::string& name : own) shared.erase(name);
  return shared;
}

// Names that `observed` is asked of: x in observed(x), observed(x[1:]).
std::set<std::string> Elaborator::asked_observed(const syntax::ModelDecl& decl) {
  std::set<std::string> names;
  Walk walk;
  walk.call = [&](const syntax::Call& call) {
    auto* callee = std::get_if<syntax::NameRef>(&call.callee->node);
    if (!callee || callee->text != "observed" || call.arguments.empty()) return;
    const Expr* of = call.arguments[0].value.get();
    while (auto* index = std::get_if<syntax::Index>(&of->node)) of = index->object.get();
    if (auto* name = std::get_if<syntax::NameRef>(&of->node)) names.insert(name->text);
  };
  walk(decl.members);
  return names;
}

// 1 where a datum is present and 0 where it is missing.
Tensor Elaborator::observed(const Expr& expr, Scope& scope) {
  if (auto* index = std::get_if<syntax::Index>(&expr.node))
    return index_tensor(observed(*index->object, scope), index->object->span, index->items, expr.span, scope);
  auto* name = std::get_if<syntax::NameRef>(&expr.node);
  if (!name) fail(Id::observed_of, expr.span);
  auto found = observed_.find(tensor(expr, scope).ref);
  if (found == observed_.end()) fail(Id::observed_of, expr.span);
  return found->second;
}

void Elaborator::model(const syntax::ModelDecl& decl, Span span, const ScopePtr& outer) {
  Model model;
  model.name = decl.name.text;
  model.span = decl.name.span;
  model.text = span;
  auto scope = std::make_shared<Scope>();
  scope->parent = outer;
  scope->path = scope->source_path = decl.name.text + ".";
  Restored<Model*> current(model_, &model);
  estimates_.clear();
  Restored<std::map<std::string, Span>> lengths(length_spans_);
  Restored<std::set<std::string>> shared(shared_lengths_, lengths_of_shared_data(decl));
  Restored<std::set<std::string>> asked(asked_observed_, asked_observed(decl));
  const size_t frame = marker_frame();
  solves_.clear();
  std::map<std::string, Span> results;
  std::optional<Span> loss, train_span;
  auto result_name = [&](const std::string& name, Span at) {
    auto [place, added] = results.emplace(name, at);
    if (added) return;
    diagnostics_.report(Id::defined_twice, at, name).note(place->second, "it is defined here first");
    throw Abandon{};
  };
  auto loop_free = [&](const Expr& expr) {
    return real(arithmetic_operand(tensor(expr, *scope), expr.span, "a result"));
  };
  for (const auto& member : decl.members) {
    guarded([&] {
      if (common_member(member, scope)) return;
      const syntax::Decl& declared = *member;
      if (auto* datum = std::get_if<syntax::DataDecl>(&declared.node)) {
        define(scope, datum->name.text, datum->name.span,
               [&] { return data(*datum, model, *scope, declared.span); });
      } else if (auto* drawn = std::get_if<syntax::SampleDecl>(&declared.node)) {
        define(scope, drawn->name.text, drawn->name.span,
               [&] { return sample(*drawn, model, *scope, declared.span); });
      } else if (auto* let = std::get_if<syntax::Let>(&declared.node)) {
        model_let(*let, scope);
      } else if (auto* output = std::get_if<syntax::Output>(&declared.node)) {
        result_name(output->name.text, output->name.span);
        if (options_.any_output == decl.name.text && output->value)
          return any_output(output->name.text, evaluate(*output->value, *scope), output->value->span, model);
        if (output->value) {
          define(scope, output->name.text, output->name.span,
                 [&] { return Value{mark(output->name.text, tensor(*output->value, *scope))}; });
        }
        Value value = lookup(*scope, output->name.text, output->name.span);
        Tensor x = as_tensor(value, output->name.span);
        model.outputs.push_back({output->name.text, output_value(x, output->name.span).ref});
      } else if (auto* metric = std::get_if<syntax::Metric>(&declared.node)) {
        result_name(metric->name.text, metric->name.span);
        Restored<bool> inside(in_metric_, true);
        Tensor x = loop_free(*metric->value);
        if (x.rank() != 0)
          fail(Id::metric_not_scalar, metric->value->span, metric->name.text, x.type().text());
        // Whether an average stands inside shows once the markers are gone.
        std::vector<Ref*> roots{&x.ref};
        resolve(frame, roots);
        model.metrics.push_back({metric->name.text, averaged(x)});
      } else if (auto* objective = std::get_if<syntax::Loss>(&declared.node)) {
        if (loss) {
          diagnostics_.report(Id::defined_twice, declared.span, "loss")
              .note(*loss, "it is defined here first");
          throw Abandon{};
        }
        loss = declared.span;
        Tensor x = loop_free(*objective->value);
        if (x.rank() != 0) fail(Id::loss_not_scalar, objective->value->span, x.type().text());
        model.loss = x.ref;
      } else if (auto* training = std::get_if<syntax::Train>(&declared.node)) {
        if (train_span) {
          diagnostics_.report(Id::defined_twice, declared.span, "train")
              .note(*train_span, "it is defined here first");
          throw Abandon{};
        }
        train_span = declared.span;
        model.train = train(*training, declared.span, *scope);
      } else {
        fail(Id::misplaced, declared.span, "a model");
      }
    });
  }
  if (train_span && !loss) diagnostics_.report(Id::train_without_loss, *train_span, model.name);
  guarded([&] { finish(model, frame); });
  markers_.resize(frame);
  module_.models.push_back(std::move(model));
}

void Elaborator::model_let(const syntax::Let& let, const ScopePtr& scope) {
  Value value{Failed{}};
  guarded([&] { value = evaluate(*let.value, *scope); });
  if (value.as<Failed>()) {
    for (const syntax::Name& name : let.target.names) {
      if (name.text != "_") bind(*scope, name.text, name.span, Value{Failed{}});
    }
    return;
  }
  try {
    bind_target(let.target, value, let.value->span, *scope);
  } catch (const Abandon&) {
    for (const syntax::Name& name : let.target.names) {
      if (name.text != "_") scope->names.emplace(name.text, Binding{Value{Failed{}}, name.span, {}, {}});
    }
    throw;
  }
}

std::vector<ParameterDecl> Elaborator::parameters_read(const std::vector<Ref>& roots) const {
  std::set<std::string> paths;
  for (Ref node : everything(roots)) {
    if (node->is(Kind::parameter)) paths.insert(node->as<graph::Leaf>().name);
  }
  std::vector<ParameterDecl> result;
  for (const ParameterDecl& parameter : parameters_) {
    if (paths.contains(parameter.path)) result.push_back(parameter);
  }
  return result;
}

std::vector<Ref> Elaborator::everything(const std::vector<Ref>& roots) const {
  std::vector<Ref> all = roots;
  std::set<const graph::Lambda*> entered;
  std::vector<Ref> nodes = graph::postorder(all);
  for (bool grown = true; grown;) {
    grown = false;
    for (Ref node : nodes) {
      const graph::Lambda* lambda = node->is(Kind::solve)     ? node->as<graph::SolveInfo>().field
                                    : node->is(Kind::adjoint) ? node->as<graph::AdjointInfo>().pullback
                                                              : nullptr;
      if (!lambda || !entered.insert(lambda).second) continue;
      all.insert(all.end(), lambda->results.begin(), lambda->results.end());
      grown = true;
    }
    if (grown) nodes = graph::postorder(all);
  }
  return nodes;
}

void Elaborator::finish(Model& model, size_t frame) {
  model.solves = solves_;
  std::vector<Ref*> roots;
  for (auto& output : model.outputs) roots.push_back(&output.value);
  for (auto& metric : model.metrics) roots.push_back(&metric.value);
  if (model.loss) roots.push_back(&model.loss);
  for (auto& use : model.solves) roots.push_back(&use.node);
  if (model.train) {
    for (auto& [name, value] : model.train->options) roots.push_back(&value);
    for (auto& optimizer : model.train->optimizers) {
      for (auto& [name, value] : optimizer.options) roots.push_back(&value);
    }
  }
  resolve(frame, roots);
  std::vector<Ref> results;
  for (const auto& output : model.outputs) results.push_back(output.value);
  for (const auto& metric : model.metrics) results.push_back(metric.value);
  if (model.loss) results.push_back(model.loss);
  const std::vector<Ref> nodes = everything(results);
  model.parameters = parameters_read(results);
  // A solve that nothing asks for is not run. One inside a loop reads the step's variables, which have other
  // names in the loop that was closed over them.
  std::erase_if(model.solves, [&](const SolveUse& use) {
    const auto& info = use.node->as<graph::SolveInfo>();
    return std::none_of(nodes.begin(), nodes.end(), [&](Ref node) {
      if (node == use.node || use.node->free.empty()) return node == use.node;
      if (!node->is(Kind::solve)) return false;
      const auto& other = node->as<graph::SolveInfo>();
      return other.place == info.place && other.field_name == info.field_name;
    });
  });
  for (const DataDecl& constant : const_data_) {
    const bool read = std::any_of(nodes.begin(), nodes.end(), [&](Ref node) {
      return node->is(Kind::data) && node->as<graph::Leaf>().name == constant.name &&
             node->type == constant.type;
    });
    if (read) model.data.push_back(constant);
  }
  std::set<std::string> bound, used;
  auto bind_length = [&](const Extent& extent) {
    for (const std::string& atom : extent.atoms()) used.insert(atom);
    const std::vector<std::string> atoms = extent.atoms();
    // T itself, not 2·T or T + 1: those do not give it.
    if (atoms.size() == 1 && extent == Extent::length(atoms[0]) && bound.insert(atoms[0]).second) {
      model.lengths.push_back(atoms[0]);
    }
  };
  for (const DataDecl& datum : model.data) {
    for (const Extent& extent : datum.type.shape) bind_length(extent);
  }
  for (Ref node : nodes) {
    for (const Extent& extent : node->type.shape) {
      for (const std::string& atom : extent.atoms()) used.insert(atom);
    }
    if (!node->is(Kind::length)) continue;
    for (const std::string& atom : node->as<graph::Length>().extent.atoms()) used.insert(atom);
  }
  for (const std::string& atom : used) {
    if (bound.contains(atom) || graph::as_floor_quotient(atom)) continue;
    auto place = length_spans_.find(atom);
    diagnostics_.report(Id::length_unbound, place == length_spans_.end() ? model.span : place->second, atom,
                        model.name);
  }
}

}  // namespace nodec::semantics
