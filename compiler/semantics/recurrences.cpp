// Folds and scans that run as loops: a solve in discrete time, whose states are what the loop carries.
#include <algorithm>

#include "compiler/graph/algebra.hpp"
#include "compiler/semantics/elaborator.hpp"

namespace nodec::semantics {

using graph::Control;
using graph::Element;

namespace {

// The tensors of a value, tuples taken apart.
void flatten(const Value& value, std::vector<const Value*>& leaves) {
  if (auto* tuple = value.as<Value::TupleValue>()) {
    for (const Value& part : tuple->parts) flatten(part, leaves);
  } else {
    leaves.push_back(&value);
  }
}

// A value like `shape` of these tensors.
Value rebuild(const Value& shape, const std::vector<Tensor>& leaves, size_t& next) {
  auto* tuple = shape.as<Value::TupleValue>();
  if (!tuple) return {leaves[next++]};
  Value::TupleValue result;
  for (const Value& part : tuple->parts) result.parts.push_back(rebuild(part, leaves, next));
  return {result};
}

}  // namespace

std::vector<Tensor> Elaborator::carried(const Value& value, Span span) {
  std::vector<const Value*> leaves;
  flatten(value, leaves);
  std::vector<Tensor> result;
  for (const Value* leaf : leaves) result.push_back(as_tensor(*leaf, span));
  return result;
}

// What is carried is real: ints and conditions are turned into reals and back.
Tensor Elaborator::from_carried(Ref ref, const std::vector<int>& loops, Element element) {
  if (element == Element::integer) ref = graph::apply(g_, "to_integer", {ref});
  if (element == Element::boolean) ref = graph::apply(g_, "not_equal", {ref, g_.constant(0, ref->type)});
  return tensor_of(ref, loops);
}

// The loop variables of step number `time`, a real that counts from 0; the last varies fastest.
ScopePtr Elaborator::step_scope(const Ranges& over, Ref time, const ScopePtr& outer) {
  auto inner = std::make_shared<Scope>();
  inner->parent = outer;
  Ref number = graph::apply(g_, "to_integer", {time});
  integer_bounds_[number] = {Extent(0), over.total};
  step_numbers_.insert(number);
  Tensor left = tensor_of(number);
  for (size_t v = over.variables.size(); v-- > 0;) {
    const Ranges::Variable& variable = over.variables[v];
    Tensor k = left;
    if (v > 0) {
      const Tensor count = integer(variable.count);
      k = tensor_of(graph::apply(g_, "modulo", {left.ref, count.ref}));
      left = tensor_of(graph::apply(g_, "floor_divide", {left.ref, count.ref}));
      Extent before = 1;
      for (size_t u = 0; u < v; ++u) before = before * over.variables[u].count;
      integer_bounds_[k.ref] = {Extent(0), variable.count};
      integer_bounds_[left.ref] = {Extent(0), before};
      step_numbers_.insert({k.ref, left.ref});
    }
    if (variable.name->text == "_") continue;
    if (!variable.array) {
      Tensor i = k.affine ? from_affine(*k.affine + Affine{variable.lo, {}, {}}) : k;
      bind(*inner, variable.name->text, variable.name->span, {i});
      continue;
    }
    std::vector<IndexedAxis> axes(static_cast<size_t>(variable.array->rank()));
    const std::vector<Extent> shape = variable.array->shape();
    axes[0].start = *k.affine;
    axes[0].vanishes = true;
    for (size_t a = 1; a < axes.size(); ++a) axes[a].length = shape[a];
    const Tensor row = view_axes(*variable.array, axes, variable.array->loops, variable.name->span);
    bind(*inner, variable.name->text, variable.name->span, {mark(variable.name->text, row)});
  }
  return inner;
}

Value Elaborator::recurrence(const syntax::Loop& loop, const Value& initial, const Ranges& over, Span span,
                             Scope& scope) {
  ScopePtr outer(ScopePtr(), &scope);
  const Span result_span = loop.body.result->span;
  std::vector<Tensor> carry = carried(initial, loop.initial->span), next;
  std::vector<std::vector<Extent>> shapes;
  for (const Tensor& x : carry) shapes.push_back(x.shape());
  std::vector<Ref> variables, results;
  const size_t solves = solves_.size();
  // A step may bring in loops around it, and reals where the initial value is an int: then once more with
  // those.
  for (bool settled = false; !settled;) {
    std::vector<Type> types{Type{}};
    for (size_t i = 0; i < carry.size(); ++i) {
      std::vector<Extent> full = extents(carry[i].loops);
      full.insert(full.end(), shapes[i].begin(), shapes[i].end());
      types.push_back({full, Element::real});
    }
    solves_.erase(solves_.begin() + static_cast<std::ptrdiff_t>(solves), solves_.end());
    variables = g_.variables(types);
    const size_t frame = marker_frame();
    ScopePtr inner = step_scope(over, variables[0], outer);
    std::vector<Tensor> before;
    for (size_t i = 0; i < carry.size(); ++i)
      before.push_back(from_carried(variables[1 + i], carry[i].loops, carry[i].element()));
    size_t used = 0;
    bind_target(loop.carry, rebuild(initial, before, used), loop.initial->span, *inner);
    const Value stepped = body(loop.body, inner);
    next = carried(stepped, result_span);
    bool same = next.size() == carry.size();
    for (size_t i = 0; same && i < next.size(); ++i) same = next[i].shape() == shapes[i];
    if (!same) {
      diagnostics_.report(Id::loop_carry, result_span, describe(initial), describe(stepped))
          .note(loop.initial->span, "it starts as " + describe(initial));
      throw Abandon{};
    }
    settled = true;
    results.clear();
    for (size_t i = 0; i < next.size(); ++i) {
      const std::vector<int> loops = union_of(carry[i].loops, next[i].loops);
      const bool promoted = next[i].element() == Element::real && carry[i].element() == Element::integer;
      settled = settled && loops == carry[i].loops && !promoted;
      if (!settled) {
        const Tensor wide = promoted ? real(carry[i]) : carry[i];
        carry[i] = {fit(wide, loops), loops, std::nullopt};
        continue;
      }
      results.push_back(graph::convert(g_, fit(next[i], loops), Element::real));
    }
    std::vector<Ref*> roots;
    for (Ref& result : results) roots.push_back(&result);
    resolve(frame, roots);
    markers_.resize(frame);
  }

  std::vector<graph::SolveState> states;
  std::vector<Ref> starts;
  for (size_t i = 0; i < carry.size(); ++i) {
    const bool named = loop.carry.names.size() == carry.size();
    graph::SolveState state;
    state.name = named ? loop.carry.names[i].text : "carry";
    state.place = files_.place(loop.carry.span);
    states.push_back(state);
    starts.push_back(graph::convert(g_, carry[i].ref, Element::real));
  }
  const Ref node = recurrence_node(loop.scan ? "scan" : "fold", states, g_.close(variables, results), starts,
                                   over.total, span);
  std::vector<Tensor> values;
  for (size_t i = 0; i < carry.size(); ++i) {
    const Ref all = g_.part(node, static_cast<int>(i));
    values.push_back(
        loop.scan ? steps_of(all, carry[i].loops, carry[i].element(), over.total)
                  : from_carried(graph::at(g_, all, 0, over.total), carry[i].loops, carry[i].element()));
    check_size(values.back().type(), span);
  }
  size_t used = 0;
  return rebuild(initial, values, used);
}

Ref Elaborator::recurrence_node(const std::string& name, const std::vector<graph::SolveState>& states,
                                const graph::Lambda* step, const std::vector<Ref>& starts,
                                const Extent& total, Span span) {
  graph::SolveInfo info{};
  info.field = step;
  info.rule = graph::StepRule::recurrence;
  info.initial_observed = true;
  info.field_name = name;
  info.place = files_.place(span);
  info.states = states;
  refuse_estimates(step);
  const std::vector<Ref> controls(static_cast<size_t>(Control::count), g_.constant(0));
  const Ref times = graph::to_real(g_, g_.iota(total + Extent(1)));
  return g_.solve(info, starts, g_.constant(0), times, controls);
}

// What each step left, without what was there before the first. The loops around it come before the axis of
// the steps.
Tensor Elaborator::steps_of(Ref states, const std::vector<int>& loops, Element element, const Extent& total) {
  Ref value = graph::slice(g_, states, 0, Extent(1), total);
  std::vector<int> order;
  const int lead = static_cast<int>(loops.size());
  for (int axis = 1; axis <= lead; ++axis) order.push_back(axis);
  order.push_back(0);
  for (int axis = lead + 1; axis < value->type.rank(); ++axis) order.push_back(axis);
  return from_carried(graph::transpose(g_, value, order), loops, element);
}

Value Elaborator::stepped_stack(const Ranges& over, Span span, Scope& scope,
                                const std::function<Value(Scope&)>& body) {
  ScopePtr outer(ScopePtr(), &scope);
  // The shapes of what is stacked are known once a step has been written, in a time of its own.
  const Ref time = g_.variables({Type{}})[0];
  const size_t frame = marker_frame();
  const Value value = body(*step_scope(over, time, outer));
  std::vector<Tensor> leaves = carried(value, span);
  std::vector<Ref*> roots;
  for (Tensor& leaf : leaves) roots.push_back(&leaf.ref);
  resolve(frame, roots);
  markers_.resize(frame);

  std::vector<Type> types{Type{}};
  std::vector<Ref> results, starts;
  std::vector<graph::SolveState> states;
  for (const Tensor& leaf : leaves) {
    types.push_back({leaf.ref->type.shape, Element::real});
    results.push_back(graph::convert(g_, leaf.ref, Element::real));
    starts.push_back(graph::zeros(g_, types.back()));
    graph::SolveState state;
    state.name = "value";
    state.place = files_.place(span);
    state.quadrature = true;
    states.push_back(state);
  }
  const std::vector<Ref> variables = g_.variables(types);
  results = g_.substitute(results, {{time, variables[0]}});
  const Ref node = recurrence_node("loop", states, g_.close(variables, results), starts, over.total, span);
  std::vector<Tensor> values;
  for (size_t i = 0; i < leaves.size(); ++i) {
    const Tensor all =
        steps_of(g_.part(node, static_cast<int>(i)), leaves[i].loops, leaves[i].element(), over.total);
    std::vector<Extent> shape;
    for (const Ranges::Variable& variable : over.variables) shape.push_back(variable.count);
    for (const Extent& own : leaves[i].shape()) shape.push_back(own);
    values.push_back(reshape(all, shape));
    check_size(values.back().type(), span);
  }
  size_t used = 0;
  return rebuild(value, values, used);
}

Elaborator::Stepped Elaborator::unrolled_stack(const Ranges& over, const syntax::Iteration& iteration,
                                               Span span, Scope& scope,
                                               const std::function<Value(Scope&)>& body) {
  std::vector<Value> values;
  each_step(over, span, scope, [&](const ScopePtr& inner) {
    if (iteration.condition) {
      const Tensor wanted = condition(*iteration.condition, *inner);
      const std::optional<std::vector<double>> known = known_values(wanted.ref, span);
      if (!known || known->size() != 1)
        unsupported("a loop with a condition around a solve or derivative that varies with it", span);
      if (known->front() == 0) return;
    }
    values.push_back(body(*inner));
  });
  if (values.empty()) unsupported("a loop of no step around a solve or derivative", span);
  const Extent count(static_cast<int64_t>(values.size()));
  const Value all = stack_values(values, span, span);
  if (iteration.condition) return {all, 1, count};
  std::vector<Tensor> parts;
  for (const Tensor& part : carried(all, span)) {
    std::vector<Extent> shape = part.shape();
    shape.erase(shape.begin());
    for (size_t v = over.variables.size(); v-- > 0;) shape.insert(shape.begin(), over.variables[v].count);
    parts.push_back(reshape(part, shape));
  }
  size_t used = 0;
  return {rebuild(all, parts, used), over.variables.size(), count};
}

}  // namespace nodec::semantics
