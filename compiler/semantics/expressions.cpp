// Expressions: what each form of the syntax means; operators stand in operators.cpp, calls in calls.cpp.
#include <cmath>
#include <limits>
#include <numbers>

#include "compiler/graph/algebra.hpp"
#include "compiler/semantics/elaborator.hpp"

namespace nodec::semantics {

using graph::Element;
using graph::Kind;

Value Elaborator::evaluate(const Expr& expr, Scope& scope) try {
  Restored<int> depth(depth_, depth_ + 1);
  if (depth_ > deepest) fail(Id::nesting_too_deep, expr.span, deepest);
  count_work(expr.span);
  if (auto* number = std::get_if<syntax::Number>(&expr.node)) {
    if (number->integer && number->value < 9007199254740992.0) {
      return {integer(Extent(static_cast<int64_t>(number->value)))};
    }
    return {this->number(number->value)};
  }
  if (auto* name = std::get_if<syntax::NameRef>(&expr.node)) return name_reference(*name, expr.span, scope);
  if (auto* op = std::get_if<syntax::UnaryOp>(&expr.node)) return unary(*op, expr.span, scope);
  if (auto* op = std::get_if<syntax::BinaryOp>(&expr.node)) return binary(*op, expr.span, scope);
  if (auto* call = std::get_if<syntax::Call>(&expr.node)) return this->call(*call, expr.span, scope);
  if (auto* member = std::get_if<syntax::Member>(&expr.node)) return this->member(*member, expr.span, scope);
  if (auto* index = std::get_if<syntax::Index>(&expr.node)) return this->index(*index, expr.span, scope);
  if (auto* choice = std::get_if<syntax::If>(&expr.node)) return conditional(*choice, expr.span, scope);
  if (auto* loop = std::get_if<syntax::Loop>(&expr.node)) return fold(*loop, expr.span, scope);
  if (auto* solve = std::get_if<syntax::Solve>(&expr.node)) return this->solve(*solve, expr.span, scope);
  if (auto* comprehension = std::get_if<syntax::Comprehension>(&expr.node)) {
    return this->comprehension(*comprehension, expr.span, scope);
  }
  if (auto* stack = std::get_if<syntax::Stack>(&expr.node)) {
    std::vector<Tensor> parts;
    std::vector<Span> spans;
    for (const auto& element : stack->elements) {
      parts.push_back(tensor(*element, scope));
      spans.push_back(element->span);
    }
    return stack_of(parts, spans, expr.span);
  }
  if (auto* tuple = std::get_if<syntax::Tuple>(&expr.node)) {
    Value::TupleValue parts;
    for (const auto& element : tuple->elements) parts.parts.push_back(evaluate(*element, scope));
    return {parts};
  }
  fail(Id::string_out_of_place, expr.span);
} catch (const graph::TooManyNodes& found) {
  expands(found, expr.span);
}

Tensor Elaborator::tensor(const Expr& expr, Scope& scope) {
  return as_tensor(evaluate(expr, scope), expr.span);
}

Tensor Elaborator::as_tensor(const Value& value, Span span) {
  if (const Tensor* x = value.as<Tensor>()) return *x;
  if (const DimList* list = value.as<DimList>()) {
    std::vector<Tensor> parts;
    for (const Extent& e : list->dims) parts.push_back(integer(e));
    Value stacked = stack_of(parts, std::vector<Span>(parts.size(), span), span);
    return *stacked.as<Tensor>();
  }
  if (value.as<Failed>()) throw Abandon{};
  fail(Id::not_a_number, span, describe(value));
}

Tensor Elaborator::scalar(const Expr& expr, Scope& scope, const std::string& what) {
  Tensor x = tensor(expr, scope);
  if (x.rank() != 0 || x.element() == Element::boolean)
    fail(Id::not_a_scalar, expr.span, what, x.type().text());
  return x;
}

Tensor Elaborator::condition(const Expr& expr, Scope& scope) {
  Tensor x = tensor(expr, scope);
  if (x.element() != Element::boolean) fail(Id::not_a_condition, expr.span, x.type().text());
  return x;
}

std::string Elaborator::describe(const Value& value) {
  if (const Tensor* x = value.as<Tensor>()) return x->type().text();
  if (auto* tuple = value.as<Value::TupleValue>()) return "a tuple of " + std::to_string(tuple->parts.size());
  if (value.as<DimList>()) return "a list of dimensions";
  if (value.as<Function>() || value.as<Builtin>()) return "a function";
  if (value.as<LayerTemplate>()) return "a layer without an instance";
  if (value.as<std::shared_ptr<LayerInstance>>()) return "a layer";
  if (value.as<Value::ArrayValue>()) return "an array of instances";
  if (value.as<FieldTemplate>()) return "a field without an instance";
  if (value.as<std::shared_ptr<FieldInstance>>()) return "a field";
  if (value.as<Namespace>()) return "a file's name";
  if (value.as<TableauName>()) return "a method";
  return "a model";
}

Value Elaborator::special_name(const std::string& name) {
  if (name == "pi") return {number(std::numbers::pi)};
  if (name == "inf") return {number(std::numeric_limits<double>::infinity())};
  if (name == "training")
    return {tensor_of(graph::apply(g_, "not_equal", {g_.setting(name), g_.constant(0)}))};
  if (name == "step" || name == "epoch" || name == "samples") return {tensor_of(g_.setting(name))};
  if (is_builtin(name)) return {Builtin{name}};
  return {Failed{}};
}

Value Elaborator::name_reference(const syntax::NameRef& name, Span span, Scope& scope) {
  if (name.primes == 0) return lookup(scope, name.text, span);
  const std::string primed = name.text + std::string(static_cast<size_t>(name.primes), '\'');
  if (Binding* binding = find(scope, primed)) {
    Value value = force(*binding, primed, span);
    if (value.as<Failed>()) throw Abandon{};
    return value;
  }
  fail(Id::no_derivative_here, span, primed);
}

Value Elaborator::member(const syntax::Member& member, Span span, Scope& scope) {
  Value object = evaluate(*member.object, scope);
  Scope* inner = nullptr;
  if (auto* layer = object.as<std::shared_ptr<LayerInstance>>()) inner = (*layer)->scope.get();
  if (auto* field = object.as<std::shared_ptr<FieldInstance>>()) inner = (*field)->scope.get();
  if (auto* file = object.as<Namespace>()) inner = file->scope.get();
  if (!inner) fail(Id::no_members, span, describe(object), member.name.text);
  auto found = inner->names.find(member.name.text);
  if (found == inner->names.end()) {
    std::vector<std::string> candidates;
    for (const auto& [name, binding] : inner->names) candidates.push_back(name);
    unknown("member", member.name.text, member.name.span, candidates);
  }
  Value value = force(found->second, member.name.text, member.name.span);
  if (value.as<Failed>()) throw Abandon{};
  return value;
}

Value Elaborator::conditional(const syntax::If& choice, Span span, Scope& scope) {
  Tensor c = condition(*choice.condition, scope);
  if (c.rank() != 0) fail(Id::condition_not_scalar, choice.condition->span, c.type().text());
  // A branch that is never taken need not make sense: `if k > 0 then h[k - 1] else 0` in an unrolled loop.
  if (c.ref->is_splat(1)) return evaluate(*choice.then_value, scope);
  if (c.ref->is_splat(0)) return evaluate(*choice.else_value, scope);
  auto branch = [&](const Expr& expr, const Tensor& guard) {
    Restored<std::vector<Tensor>> guards(guards_);
    guards_.push_back(guard);
    return evaluate(expr, scope);
  };
  Value a = branch(*choice.then_value, c);
  Value b = branch(*choice.else_value, {graph::apply(g_, "not", {c.ref}), c.loops, std::nullopt});
  return choose(c, a, choice.then_value->span, b, choice.else_value->span, span);
}

Value Elaborator::choose(const Tensor& condition, const Value& a, Span a_span, const Value& b, Span b_span,
                         Span at) {
  auto* left = a.as<Value::TupleValue>();
  auto* right = b.as<Value::TupleValue>();
  if (left && right && left->parts.size() == right->parts.size()) {
    Value::TupleValue result;
    for (size_t i = 0; i < left->parts.size(); ++i) {
      result.parts.push_back(choose(condition, left->parts[i], a_span, right->parts[i], b_span, at));
    }
    return {result};
  }
  return {elementwise("where", {condition, as_tensor(a, a_span), as_tensor(b, b_span)}, {at, a_span, b_span},
                      at, "the branches")};
}

Value Elaborator::stack_of(const std::vector<Tensor>& parts, const std::vector<Span>& spans, Span span) {
  if (parts.empty()) fail(Id::empty_stack, span);
  std::vector<int> loops;
  Element element = parts[0].element();
  for (size_t i = 0; i < parts.size(); ++i) {
    loops = union_of(loops, parts[i].loops);
    if ((parts[i].element() == Element::boolean) != (element == Element::boolean)) {
      diagnostics_.report(Id::elements_differ, spans[i], parts[i].type().text(), parts[0].type().text())
          .note(spans[0], "this is " + parts[0].type().text());
      throw Abandon{};
    }
    if (parts[i].element() == Element::real) element = Element::real;
    if (parts[i].shape() != parts[0].shape()) {
      diagnostics_.report(Id::stack_shapes_differ, spans[i], parts[i].type().text(), parts[0].type().text())
          .note(spans[0], "this is " + parts[0].type().text());
      throw Abandon{};
    }
  }
  std::vector<Extent> shape = parts[0].shape();
  std::vector<Extent> one = shape;
  one.insert(one.begin(), Extent(1));
  std::vector<Ref> rows;
  for (const Tensor& part : parts) {
    Tensor x = element == Element::real ? real(part) : part;
    Tensor whole{fit(x, loops, shape), loops, std::nullopt};
    rows.push_back(reshape(whole, one).ref);
  }
  Ref joined = rows.size() == 1 ? rows[0] : g_.concat(rows, static_cast<int>(loops.size()));
  Tensor result{joined, loops, std::nullopt};
  check_size(result.type(), span);
  return {result};
}

void Elaborator::bind_target(const syntax::Target& target, const Value& value, Span value_span,
                             Scope& scope) {
  auto bind_one = [&](const syntax::Name& name, const Value& part) {
    if (name.text == "_") return;
    const Tensor* x = part.as<Tensor>();
    bind(scope, name.text, name.span, x ? Value{mark(name.text, *x)} : part);
  };
  if (!target.tuple) {
    if (target.primes > 0) fail(Id::no_derivative_here, target.span, target.names[0].text + "'");
    bind_one(target.names[0], value);
    return;
  }
  auto* tuple = value.as<Value::TupleValue>();
  const size_t have = tuple ? tuple->parts.size() : 1;
  if (!tuple || have != target.names.size()) {
    diagnostics_.report(Id::tuple_size, target.span, target.names.size(), describe(value))
        .note(value_span, "the value");
    throw Abandon{};
  }
  for (size_t i = 0; i < have; ++i) bind_one(target.names[i], tuple->parts[i]);
}

}  // namespace nodec::semantics
