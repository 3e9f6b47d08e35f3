// Comprehensions and reductions become axes of the graph, unless a solve varies with them; short folds are
// unrolled.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "compiler/graph/algebra.hpp"
#include "compiler/graph/evaluate.hpp"
#include "compiler/semantics/elaborator.hpp"

namespace nodec::semantics {

using graph::Element;
using graph::Kind;

std::pair<Extent, Extent> Elaborator::range(const syntax::Range& range, Scope& scope) {
  auto bound = [&](const Expr& expr) {
    Tensor x = tensor(expr, scope);
    if (x.affine && !x.affine->loops.empty()) unsupported("a range that depends on another loop", expr.span);
    return dimension(expr, scope);
  };
  std::pair<Extent, Extent> result{bound(*range.lo), bound(*range.hi)};
  Extent length = result.second - result.first;
  if (length.is_constant() && length.value() < 0) {
    fail(Id::range_backward, source::join(range.lo->span, range.hi->span), result.first.text(),
         result.second.text());
  }
  if (!length.is_constant() && !length.nonnegative() && model_) {
    const Span at = source::join(range.lo->span, range.hi->span);
    const std::string text = result.first.text() + ".." + result.second.text();
    model_->requirements.push_back({length, text, result.second, at});
  }
  return result;
}

Elaborator::OpenLoops Elaborator::open_loops(const syntax::Iteration& iteration, const ScopePtr& scope) {
  OpenLoops result;
  result.scope = std::make_shared<Scope>();
  result.scope->parent = scope;
  for (const auto& [name, over] : iteration.variables) {
    const int loop = static_cast<int>(loop_extents_.size());
    if (over.hi) {
      auto [lo, hi] = range(over, *result.scope);
      loop_extents_.push_back(hi - lo);
      result.loops.push_back(loop);
      if (name.text != "_")
        bind(*result.scope, name.text, name.span, {from_affine(Affine{lo, {{loop, 1}}, {}})});
      continue;
    }
    Tensor array = tensor(*over.lo, *result.scope);
    if (array.rank() == 0) fail(Id::loop_over_scalar, over.lo->span, array.type().text());
    // The array's first own axis follows its loops already: it becomes the new, innermost loop as it stands.
    loop_extents_.push_back(array.shape()[0]);
    result.loops.push_back(loop);
    Tensor element{array.ref, array.loops, std::nullopt};
    element.loops.push_back(loop);
    if (name.text != "_") bind(*result.scope, name.text, name.span, {mark(name.text, element)});
  }
  if (iteration.condition) {
    Tensor c = condition(*iteration.condition, *result.scope);
    if (c.rank() != 0) fail(Id::condition_not_scalar, iteration.condition->span, c.type().text());
    result.condition = c;
  }
  return result;
}

Tensor Elaborator::close_stack(const Tensor& body, const std::vector<int>& loops) {
  std::vector<int> all = union_of(body.loops, loops);
  Tensor result{fit(body, all), all, std::nullopt};
  // The loops that close are the innermost, so their axes stand right before the body's own.
  result.loops.resize(all.size() - loops.size());
  return result;
}

std::function<void()> Elaborator::undo() {
  const size_t requirements = model_ ? model_->requirements.size() : 0;
  return [this, diagnostics = diagnostics_, frame = marker_frame(), solves = solves_.size(), requirements] {
    diagnostics_ = diagnostics;
    markers_.resize(frame);
    solves_.erase(solves_.begin() + static_cast<std::ptrdiff_t>(solves), solves_.end());
    if (!model_) return;
    auto& all = model_->requirements;
    all.erase(all.begin() + static_cast<std::ptrdiff_t>(requirements), all.end());
  };
}

std::optional<Elaborator::Stepped> Elaborator::lifted_or_stepped(
    const std::function<void(OpenLoops&)>& lifted, const std::function<Value(Scope&)>& body,
    const syntax::Iteration& iteration, Span span, Scope& scope) {
  ScopePtr outer(ScopePtr(), &scope);
  OpenLoops open = open_loops(iteration, outer);
  const std::function<void()> undo = this->undo();
  try {
    Restored<std::vector<Tensor>> guards(guards_);
    if (open.condition) guards_.push_back(*open.condition);
    lifted(open);
    return {};
  } catch (const TakesSteps& found) {
    const bool own = std::any_of(found.loops.begin(), found.loops.end(), [&](int loop) {
      return std::find(open.loops.begin(), open.loops.end(), loop) != open.loops.end();
    });
    if (!own) throw;
  }
  undo();
  const Ranges over = ranges(iteration, scope);
  const bool few = over.total.is_constant() && over.total.value() <= unrolled_steps;
  if (iteration.condition && !few)
    unsupported("a loop with a condition around a solve or derivative that varies with it", span);
  if (!iteration.condition) {
    try {
      return Stepped{stepped_stack(over, span, scope, body), over.variables.size(), over.total};
    } catch (const Abandon&) {
      // The steps may be of different kinds, such as an instance each.
      if (!few) throw;
    }
    undo();
  }
  return unrolled_stack(over, iteration, span, scope, body);
}

Value Elaborator::comprehension(const syntax::Comprehension& comprehension, Span span, Scope& scope) {
  Value result;
  const auto lifted = [&](OpenLoops& open) {
    result = stacked(evaluate(*comprehension.body, *open.scope), open, comprehension, span);
  };
  const auto body = [&](Scope& inner) {
    const Value value = evaluate(*comprehension.body, inner);
    carried(value, comprehension.body->span);
    return value;
  };
  const std::optional<Stepped> steps = lifted_or_stepped(lifted, body, comprehension.iteration, span, scope);
  return steps ? steps->all : result;
}

// The body's value with the loops' axes as its own first ones, or one axis of those that the condition wants.
Value Elaborator::stacked(const Value& body, const OpenLoops& open,
                          const syntax::Comprehension& comprehension, Span span) {
  std::function<Value(const Value&)> close = [&](const Value& value) -> Value {
    if (auto* tuple = value.as<Value::TupleValue>()) {
      Value::TupleValue result;
      for (const Value& part : tuple->parts) result.parts.push_back(close(part));
      return {result};
    }
    Tensor stacked = close_stack(as_tensor(value, comprehension.body->span), open.loops);
    check_size(stacked.type(), span);
    if (!open.condition) return {stacked};
    // One axis of those for which the condition holds: their number must be known here.
    const Tensor condition = close_stack(*open.condition, open.loops);
    const std::vector<Extent> extents = condition.shape();
    const bool sized =
        std::all_of(extents.begin(), extents.end(), [](const Extent& e) { return e.is_constant(); });
    if (!sized || condition.ref->base != graph::Base::constant || !condition.ref->free.empty() ||
        !condition.loops.empty()) {
      fail(Id::filter_not_constant, comprehension.iteration.condition->span);
    }
    const std::optional<std::vector<double>> known = known_values(condition.ref, span);
    if (!known) expands(span, most_known, "elements to choose from");
    const std::vector<double>& truth = *known;
    const auto count = static_cast<int64_t>(truth.size());
    std::vector<double> kept;
    for (int64_t i = 0; i < count; ++i) {
      if (truth[static_cast<size_t>(i)] != 0) kept.push_back(static_cast<double>(i));
    }
    std::vector<Extent> rest = stacked.shape();
    rest.erase(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(open.loops.size()));
    std::vector<Extent> flat = rest, filtered = rest;
    flat.insert(flat.begin(), Extent(count));
    const Extent length(static_cast<int64_t>(kept.size()));
    filtered.insert(filtered.begin(), length);
    Tensor source = reshape(stacked, flat);
    Type index_type{{length}, Element::integer};
    if (kept.empty()) return {Tensor{fit(number(0), source.loops, filtered), source.loops, std::nullopt}};
    Tensor which{g_.constant(kept, index_type), {}, std::nullopt};
    std::vector<Ref> indices;
    for (int loop : source.loops) {
      indices.push_back(fit({g_.iota(loop_extents_[loop]), {loop}, std::nullopt}, source.loops, filtered));
    }
    for (size_t a = 0; a < flat.size(); ++a) {
      std::vector<Extent> along(flat.size() - a, Extent(1));
      along[0] = filtered[a];
      Tensor counter = a == 0 ? which : Tensor{g_.iota(flat[a]), {}, std::nullopt};
      indices.push_back(fit(reshape(counter, along), source.loops, filtered));
    }
    return {Tensor{g_.gather(source.ref, indices), source.loops, std::nullopt}};
  };
  return close(body);
}

Tensor Elaborator::reduction(const std::string& name, const Expr& body, const syntax::Iteration& iteration,
                             Span span, Scope& scope) {
  const auto term = [&](Scope& inner) -> Value {
    Tensor x = arithmetic_operand(tensor(body, inner), body.span, "the argument of '" + name + "'");
    return {x.element() == Element::integer && name != "mean" ? x : real(x)};
  };
  const auto axes_of = [](size_t count) {
    std::vector<int> axes(count);
    std::iota(axes.begin(), axes.end(), 0);
    return axes;
  };
  Tensor result;
  const auto lifted = [&](OpenLoops& open) {
    Tensor x = *term(*open.scope).as<Tensor>();
    if (open.condition) {
      const double infinity = std::numeric_limits<double>::infinity();
      const double identity = name == "prod" ? 1 : name == "max" ? -infinity : name == "min" ? infinity : 0;
      Tensor neutral = x.element() == Element::integer && std::abs(identity) < infinity
                           ? integer(Extent(static_cast<int64_t>(identity)))
                           : number(identity);
      x = elementwise("where", {*open.condition, x, neutral}, {span, span, span}, span, "the branches");
    }
    Tensor all = close_stack(x, open.loops);
    check_size(all.type(), span);
    const std::vector<int> axes = axes_of(open.loops.size());
    result = reduced(name, all, axes, span, [&] {
      Extent product(1);
      for (int loop : open.loops) product = product * loop_extents_[loop];
      if (!open.condition) return real(integer(product));
      Tensor ones =
          elementwise("where", {*open.condition, number(1), number(0)}, {span, span, span}, span, "");
      return sum(close_stack(ones, open.loops), axes);
    });
  };
  const std::optional<Stepped> steps = lifted_or_stepped(lifted, term, iteration, span, scope);
  if (!steps) return result;
  return reduced(name, *steps->all.as<Tensor>(), axes_of(steps->axes), span,
                 [&] { return real(integer(steps->count)); });
}

Tensor Elaborator::reduced(const std::string& name, const Tensor& stacked, const std::vector<int>& axes,
                           Span span, const std::function<Tensor()>& count) {
  if (name == "sum") return sum(stacked, axes);
  if (name == "mean") return elementwise("div", {sum(stacked, axes), count()}, {span, span}, span, "");
  const graph::Reduction how = name == "max"   ? graph::Reduction::max
                               : name == "min" ? graph::Reduction::min
                                               : graph::Reduction::prod;
  std::vector<int> all = axes;
  for (int& axis : all) axis += static_cast<int>(stacked.loops.size());
  return tensor_of(g_.reduce(stacked.ref, how, all), stacked.loops);
}

Elaborator::Ranges Elaborator::ranges(const syntax::Iteration& iteration, Scope& scope) {
  Ranges result;
  for (const auto& [name, over] : iteration.variables) {
    Ranges::Variable variable{&name, Extent(0), Extent(0), std::nullopt};
    if (over.hi) {
      auto [lo, hi] = range(over, scope);
      variable.lo = lo;
      variable.count = hi - lo;
    } else {
      variable.array = tensor(*over.lo, scope);
      if (variable.array->rank() == 0)
        fail(Id::loop_over_scalar, over.lo->span, variable.array->type().text());
      variable.count = variable.array->shape()[0];
    }
    result.total = result.total * variable.count;
    result.variables.push_back(std::move(variable));
  }
  return result;
}

Value Elaborator::fold(const syntax::Loop& loop, Span span, Scope& scope) {
  Value carry = evaluate(*loop.initial, scope);
  const Ranges over = ranges(loop.iteration, scope);
  if (over.total.is_constant()) {
    // Steps that the text can tell apart are written out where there are few of them, where the field, which
    // holds no loop of its own, wants it, and where the steps are of different kinds.
    const bool few = over.total.value() <= unrolled_steps || in_field_;
    if (few) {
      remark(Id::loop_unrolled, span, over.total.text(), in_field_ ? "it stands in a field" : "they are few");
      return unrolled_fold(loop, std::move(carry), over, span, scope);
    }
    const std::function<void()> undo = this->undo();
    try {
      Value result = recurrence(loop, carry, over, span, scope);
      remark(Id::loop_kept, span, "it has " + over.total.text() + " steps of one kind");
      return result;
    } catch (const Abandon&) {
      undo();
    }
    remark(Id::loop_unrolled, span, over.total.text(), "they differ in what they index or carry");
    return unrolled_fold(loop, std::move(carry), over, span, scope);
  }
  remark(Id::loop_kept, span, "data give its length " + over.total.text());
  return recurrence(loop, carry, over, span, scope);
}

void Elaborator::each_step(const Ranges& over, Span span, Scope& scope,
                           const std::function<void(const ScopePtr&)>& step) {
  ScopePtr outer(ScopePtr(), &scope);
  // Every combination of the loop variables, in order; the last varies fastest.
  int64_t total = 1;
  for (const Ranges::Variable& variable : over.variables) {
    const int64_t count = variable.count.value();
    if (count > 0 && total > options_.work / count)
      expands(span, static_cast<size_t>(options_.work), "steps of elaboration");
    total *= count;
  }
  for (int64_t i = 0; i < total; ++i) {
    count_work(span);
    auto inner = std::make_shared<Scope>();
    inner->parent = outer;
    int64_t rest = i;
    for (size_t v = over.variables.size(); v-- > 0;) {
      const Ranges::Variable& variable = over.variables[v];
      const int64_t k = rest % variable.count.value();
      rest /= variable.count.value();
      if (variable.name->text == "_") continue;
      Value value;
      if (variable.array) {
        std::vector<graph::AxisMap> axes{{Extent(k), {}, 0}};
        std::vector<Extent> shape = variable.array->shape();
        shape.erase(shape.begin());
        for (size_t a = 0; a < shape.size(); ++a) axes.push_back({Extent(0), {{static_cast<int>(a), 1}}, 0});
        Tensor row = view(*variable.array, axes, shape);
        value = {tensor_of(row.ref, row.loops)};
      } else {
        value = {integer(variable.lo + Extent(k))};
      }
      bind(*inner, variable.name->text, variable.name->span, value);
    }
    step(inner);
  }
}

Value Elaborator::stack_values(const std::vector<Value>& values, Span each, Span span) {
  auto* tuple = values[0].as<Value::TupleValue>();
  if (!tuple) {
    std::vector<Tensor> parts;
    for (const Value& value : values) parts.push_back(as_tensor(value, each));
    return stack_of(parts, std::vector<Span>(parts.size(), each), span);
  }
  Value::TupleValue result;
  for (size_t p = 0; p < tuple->parts.size(); ++p) {
    std::vector<Value> parts;
    for (const Value& value : values) {
      auto* same = value.as<Value::TupleValue>();
      if (!same || same->parts.size() != tuple->parts.size())
        fail(Id::tuple_size, each, tuple->parts.size(), describe(value));
      parts.push_back(same->parts[p]);
    }
    result.parts.push_back(stack_values(parts, each, span));
  }
  return {result};
}

Value Elaborator::unrolled_fold(const syntax::Loop& loop, Value carry, const Ranges& over, Span span,
                                Scope& scope) {
  std::vector<Value> history;
  each_step(over, span, scope, [&](const ScopePtr& inner) {
    bind_target(loop.carry, carry, loop.initial->span, *inner);
    carry = body(loop.body, inner);
    if (loop.scan) history.push_back(carry);
  });
  if (!loop.scan) return carry;
  if (history.empty()) unsupported("a scan of no step", span);
  return stack_values(history, loop.body.result->span, span);
}

}  // namespace nodec::semantics
