// Calls of the language's functions: elementwise ones come from the op registry, the others from the rows.
#include "compiler/semantics/builtins.hpp"

#include <algorithm>
#include <array>

#include "compiler/graph/algebra.hpp"
#include "compiler/graph/op.hpp"
#include "compiler/semantics/vocabulary.hpp"

namespace nodec::semantics {

using graph::Element;

namespace {

constexpr std::array derivatives = {"grad", "jacobian", "div", "jvp", "vjp"};
constexpr std::array reducers = {"sum", "mean", "prod", "max", "min"};
// Functions of the language that this version refuses.
constexpr std::array later = {"conv", "conv_transpose", "avg_pool", "max_pool"};

template <class List>
bool contains(const List& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

std::string argument_count(int least, int most) {
  if (least == most) return std::to_string(least) + (least == 1 ? " argument" : " arguments");
  if (most > 1000) return "at least " + std::to_string(least) + (least == 1 ? " argument" : " arguments");
  return std::to_string(least) + " to " + std::to_string(most) + " arguments";
}

}  // namespace

Builtins::Builtins(Elaborator& elaborator, std::string name, CallSite& site)
    : e(elaborator), g(elaborator.g_), name_(std::move(name)), site_(site) {
  for (const Actual& actual : site_.arguments)
    (actual.name.empty() ? positional_ : named_).push_back(&actual);
}

const Builtins::Row* Builtins::find(std::string_view name) {
  for (auto rows : {reductions(), arrangements(), tables(), algebra()}) {
    for (const Row& row : rows) {
      if (row.name == name) return &row;
    }
  }
  return nullptr;
}

Value Builtins::run(const Row& row) {
  const int n = static_cast<int>(count());
  if (n < row.least || n > row.most) {
    e.diagnostics_.report(Id::argument_count, span(), name_, argument_count(row.least, row.most), n)
        .note(site_.callee, "it is called as " + std::string(row.call));
    throw Abandon{};
  }
  for (const Actual* actual : named_) {
    const std::string padded = " " + std::string(row.keywords) + " ";
    if (padded.find(" " + actual->name + " ") == std::string::npos) {
      std::vector<std::string> names;
      std::string word;
      for (char c : std::string(row.keywords) + " ") {
        if (c != ' ') {
          word += c;
        } else if (!word.empty()) {
          names.push_back(std::exchange(word, ""));
        }
      }
      e.unknown("argument of '" + name_ + "':", actual->name, actual->name_span, names);
    }
  }
  return row.build(*this);
}

Value Builtins::run_op() {
  const graph::Op& op = graph::op(name_);
  if (!named_.empty()) e.unknown("argument of '" + name_ + "':", named_[0]->name, named_[0]->name_span, {});
  if (static_cast<int>(count()) != op.arity) {
    e.diagnostics_.report(Id::argument_count, span(), name_, argument_count(op.arity, op.arity), count());
    throw Abandon{};
  }
  std::vector<Tensor> operands;
  for (size_t i = 0; i < count(); ++i) operands.push_back(number(i));
  return {map(name_, operands)};
}

Tensor Builtins::number(size_t i) {
  return e.arithmetic_operand(e.as_tensor(positional_[i]->value, at(i)), at(i),
                              "the argument of '" + name_ + "'");
}

Tensor Builtins::real(size_t i) { return e.real(number(i)); }

Extent Builtins::extent(size_t i) { return e.dimension(tensor(i), at(i)); }

bool Builtins::has(std::string_view name) const {
  return std::any_of(named_.begin(), named_.end(), [&](const Actual* a) { return a->name == name; });
}

Tensor Builtins::keyword(std::string_view name) {
  for (const Actual* actual : named_) {
    if (actual->name == name) return e.as_tensor(actual->value, actual->span);
  }
  throw Abandon{};
}

int Builtins::axis_index(const Value& value, Span at, int rank) {
  const Tensor* x = value.as<Tensor>();
  if (!x || !x->integer()) fail(Id::not_a_constant, at, "an axis", "a constant integer", describe(value));
  int64_t axis = *x->integer();
  if (axis < 0) axis += rank;
  if (axis < 0 || axis >= rank) fail(Id::axis_out_of_range, at, *x->integer(), rank);
  return static_cast<int>(axis);
}

std::vector<int> Builtins::axes(const Tensor& x, bool all) {
  std::vector<int> result;
  for (const Actual* actual : named_) {
    if (actual->name != "axis") continue;
    if (auto* tuple = actual->value.as<Value::TupleValue>()) {
      for (const Value& part : tuple->parts) result.push_back(axis_index(part, actual->span, x.rank()));
    } else {
      result.push_back(axis_index(actual->value, actual->span, x.rank()));
    }
    std::sort(result.begin(), result.end());
    if (std::adjacent_find(result.begin(), result.end()) != result.end()) fail(Id::axis_twice, actual->span);
    return result;
  }
  if (!all && x.rank() == 0) fail(Id::needs_axis, span(), name_, x.type().text());
  for (int a = all ? 0 : x.rank() - 1; a < x.rank(); ++a) result.push_back(a);
  return result;
}

Value Builtins::done(const Tensor& x) {
  e.check_size(x.type(), span());
  return {x};
}

Tensor Builtins::map(std::string_view op, std::vector<Tensor> operands) {
  std::vector<Span> spans;
  for (size_t i = 0; i < operands.size(); ++i) spans.push_back(i < count() ? at(i) : span());
  return e.elementwise(op, std::move(operands), spans, span(), "the arguments of '" + name_ + "'");
}

Tensor Builtins::padded(const Tensor& x, int own_axis, const Extent& before, const Extent& after) {
  const int axis = own_axis + static_cast<int>(x.loops.size());
  return {graph::pad(g, x.ref, axis, before, after), x.loops, std::nullopt};
}

Tensor Builtins::reduce(const Tensor& x, graph::Reduction how, std::vector<int> own) {
  if (own.empty()) return x;
  for (int& axis : own) axis += static_cast<int>(x.loops.size());
  return e.tensor_of(g.reduce(x.ref, how, own), x.loops);
}

Tensor Builtins::keep_axes(const Tensor& reduced, const Tensor& x, const std::vector<int>& own) {
  std::vector<Extent> shape = x.shape();
  for (int axis : own) shape[static_cast<size_t>(axis)] = Extent(1);
  return reshape(reduced, shape);
}

Tensor Builtins::joined(const std::vector<Tensor>& parts) {
  std::vector<int> loops;
  for (const Tensor& part : parts) loops = e.union_of(loops, part.loops);
  std::vector<Ref> refs;
  for (const Tensor& part : parts) refs.push_back(e.fit(part, loops));
  return {refs.size() == 1 ? refs[0] : g.concat(refs, static_cast<int>(loops.size())), loops, std::nullopt};
}

Tensor Builtins::pick(const Tensor& x, const Tensor& k) {
  std::vector<int> loops = e.union_of(x.loops, k.loops);
  std::vector<Extent> rest = x.shape();
  rest.erase(rest.begin());
  std::vector<Ref> indices;
  for (int loop : x.loops) {
    Tensor counter{g.iota(e.loop_extents_[static_cast<size_t>(loop)]), {loop}, std::nullopt};
    indices.push_back(e.fit(counter, loops, rest));
  }
  indices.push_back(e.fit(k, loops, rest));
  for (size_t a = 0; a < rest.size(); ++a) {
    std::vector<Extent> along(rest.size() - a, Extent(1));
    along[0] = rest[a];
    indices.push_back(e.fit(reshape({g.iota(rest[a]), {}, std::nullopt}, along), loops, rest));
  }
  return e.tensor_of(g.gather(x.ref, indices), loops);
}

Tensor Builtins::product(const Tensor& a, const Tensor& b) {
  return e.product(a, at(0), b, at(std::min<size_t>(1, count() - 1)), span());
}

Tensor Builtins::stop(const Tensor& x) { return map("stop_gradient", {x}); }

std::pair<Tensor, Tensor> Builtins::aligned(const Tensor& a, const Tensor& b) {
  std::vector<Extent> shape = e.broadcast(a, at(0), b, at(1), span(), "the arguments of '" + name_ + "'");
  return {spread(a, shape), spread(b, shape)};
}

void Builtins::refuse_pair(Id id, const Tensor& a, size_t i, const Tensor& b, size_t j) {
  e.diagnostics_.report(id, span(), name_, a.type().text(), b.type().text())
      .note(at(i), "this is " + a.type().text())
      .note(at(j), "this is " + b.type().text());
  throw Abandon{};
}

bool Elaborator::is_derivative(const std::string& name) const { return contains(derivatives, name); }

bool Elaborator::is_builtin(const std::string& name) const {
  if (contains(derivatives, name) || contains(later, name) || name == "average" || name == "int" ||
      name == "observed")
    return true;
  if (Builtins::find(name)) return true;
  const graph::Op* op = graph::find_op(name);
  return op && op->callable;
}

const std::vector<std::string>& function_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list(derivatives.begin(), derivatives.end());
    list.insert(list.end(), {"average", "int", "observed"});
    for (auto rows :
         {Builtins::reductions(), Builtins::arrangements(), Builtins::tables(), Builtins::algebra()}) {
      for (const auto& row : rows) list.emplace_back(row.name);
    }
    for (const graph::Op& op : graph::ops()) {
      if (op.callable) list.emplace_back(op.name);
    }
    return list;
  }();
  return names;
}

const std::vector<std::string>& Elaborator::builtin_names() const { return function_names(); }

Value Elaborator::call_builtin(const std::string& name, const syntax::Call& call, CallSite& site,
                               Scope& scope) {
  count_work(site.span);
  if (contains(later, name)) unsupported("'" + name + "'", site.callee);
  if (contains(derivatives, name)) {
    return derivative(name, call, site.span, scope);
  }
  if (name == "observed") {
    if (call.arguments.size() != 1)
      fail(Id::argument_count, site.span, name, "1 argument", call.arguments.size());
    if (call.arguments[0].name || call.arguments[0].comprehension)
      fail(Id::observed_of, call.arguments[0].value->span);
    return {observed(*call.arguments[0].value, scope)};
  }
  const bool loops = std::any_of(call.arguments.begin(), call.arguments.end(),
                                 [](const syntax::Argument& a) { return a.comprehension.has_value(); });
  if (loops && contains(reducers, name)) {
    if (call.arguments.size() != 1 || call.arguments[0].name) fail(Id::comprehension_argument, site.span);
    return {reduction(name, *call.arguments[0].value, *call.arguments[0].comprehension, site.span, scope)};
  }
  Restored<bool> metric(in_metric_, in_metric_ && name != "average");
  const bool outside = name == "average" && !metric.old;
  if (outside) fail(Id::average_outside_metric, site.callee);
  site.arguments = actuals(call.arguments, scope);
  Builtins builtins(*this, name, site);
  if (name == "int") {
    if (builtins.count() != 1) fail(Id::argument_count, site.span, name, "1 argument", builtins.count());
    Tensor x = builtins.number(0);
    if (x.element() == Element::integer) return {x};
    return {tensor_of(graph::apply(g_, "to_integer", {x.ref}), x.loops)};
  }
  if (name == "average") {
    if (builtins.count() != 1) fail(Id::argument_count, site.span, name, "1 argument", builtins.count());
    Tensor x = builtins.real(0);
    if (!x.loops.empty()) unsupported("'average' inside a loop", site.span);
    return {tensor_of(averaged(x))};
  }
  if (const Builtins::Row* row = Builtins::find(name)) return builtins.run(*row);
  return builtins.run_op();
}

}  // namespace nodec::semantics
