// Declarations that may stand anywhere: dims, consts, parameters, layers and their instances.
#include <algorithm>
#include <cmath>

#include "compiler/graph/algebra.hpp"
#include "compiler/semantics/elaborator.hpp"

namespace nodec::semantics {

using graph::Element;
using graph::Kind;

namespace {

// More nested instances of one template than this are taken for recursion.
constexpr int most_nested_instances = 40;

}  // namespace

void Elaborator::define(const ScopePtr& scope, const std::string& name, Span span,
                        std::function<Value()> make) {
  const bool fresh = !scope->names.contains(name);
  add_binding(scope, name, span, std::move(make));
  if (fresh) guarded([&] { force(scope->names.at(name), name, span); });
}

Type Elaborator::type_of(const syntax::TypeExpr& type, Scope& scope) {
  Type result;
  result.element = type.integer ? Element::integer : Element::real;
  for (const auto& extent : type.shape) {
    Extent e = dimension(*extent, scope);
    if (e.is_constant() && e.value() < 0) fail(Id::negative_extent, extent->span, e.text());
    result.shape.push_back(e);
  }
  check_size(result, type.span);
  return result;
}

void Elaborator::require_sizes(const Type& type, const syntax::TypeExpr& written, const std::string& what) {
  for (size_t a = 0; a < type.shape.size(); ++a) {
    if (type.shape[a].is_constant()) continue;
    const std::string atom = type.shape[a].atoms().front();
    const auto declared = length_spans_.find(atom);
    const Span at = declared == length_spans_.end() ? written.shape[a]->span : declared->second;
    diagnostics_.report(Id::dim_needs_value, written.shape[a]->span, atom, what)
        .note(at, "give it a value: 'dim " + atom + " = …', or -D " + atom + "=… on the command line");
    throw Abandon{};
  }
}

Value Elaborator::dim_value(const syntax::DimDecl& decl, Scope& scope) {
  const std::string& name = decl.name.text;
  auto given = options_.dims.find(name);
  if (given != options_.dims.end()) {
    defined_.insert(name);
    if (given->second < 0) fail(Id::negative_extent, decl.name.span, std::to_string(given->second));
    return {integer(Extent(given->second))};
  }
  if (options_.consts.contains(name)) {
    defined_.insert(name);
    fail(Id::define_not_integer, decl.name.span, name, options_.consts.at(name));
  }
  if (!decl.value) {
    length_spans_.emplace(name, decl.name.span);
    return {integer(Extent::length(name))};
  }
  Extent value = dimension(*decl.value, scope);
  if (value.is_constant() && value.value() < 0) fail(Id::negative_extent, decl.value->span, value.text());
  return {integer(value)};
}

Value Elaborator::const_value(const syntax::ConstDecl& decl, Scope& scope, Span span) {
  const std::string& name = decl.name.text;
  std::optional<Type> type;
  if (decl.type) type = type_of(*decl.type, scope);
  std::optional<double> given;
  if (auto found = options_.consts.find(name); found != options_.consts.end()) given = found->second;
  if (auto found = options_.dims.find(name); found != options_.dims.end())
    given = static_cast<double>(found->second);
  std::optional<Tensor> value;
  if (given) {
    defined_.insert(name);
    value = std::floor(*given) == *given && std::abs(*given) < 1e15 && (!decl.value || !type)
                ? integer(Extent(static_cast<int64_t>(*given)))
                : number(*given);
  } else if (decl.value) {
    value = tensor(*decl.value, scope);
  }
  if (!value) {
    if (!type) fail(Id::const_needs_type, span, name);
    const_data_.push_back({name, *type, std::nullopt, decl.name.span, true});
    return {tensor_of(g_.data(name, *type, true))};
  }
  const Span from = decl.value ? decl.value->span : decl.name.span;
  for (Ref node : everything({value->ref})) {
    // A const may be made of consts that are read from the data, and of nothing else that a run gives.
    const bool given_by_run = node->is(Kind::parameter) || node->is(Kind::setting) ||
                              node->is(Kind::random) || node->is(Kind::variable);
    const bool datum = node->is(Kind::data) &&
                       std::none_of(const_data_.begin(), const_data_.end(), [&](const DataDecl& constant) {
                         return constant.name == node->as<graph::Leaf>().name;
                       });
    if (given_by_run || datum) fail(Id::not_constant_value, from, "the const '" + name + "'");
  }
  if (!type) return {*value};
  return {tensor_of(initial_value(*value, *type, from, name, decl.type->span))};
}

Ref Elaborator::initial_value(const Tensor& value, const Type& type, Span span, const std::string& name,
                              Span type_span) {
  std::vector<Extent> both;
  const bool fits = graph::broadcast_shapes(value.shape(), type.shape, both) && both == type.shape;
  const bool element = type.element == Element::integer ? value.element() == Element::integer
                                                        : value.element() != Element::boolean;
  if (!fits || !element) {
    diagnostics_.report(Id::value_type, span, value.type().text(), name, type.text())
        .note(type_span, "'" + name + "' is declared here as " + type.text());
    throw Abandon{};
  }
  return fit(type.element == Element::real ? real(value) : value, value.loops, type.shape);
}

Value Elaborator::param(const syntax::ParamDecl& decl, const ScopePtr& scope, Span span) {
  ParameterDecl parameter;
  parameter.path = scope->path + decl.name.text;
  parameter.source_path = scope->source_path + decl.name.text;
  parameter.type = type_of(decl.type, *scope);
  parameter.span = span;
  if (decl.type.integer) fail(Id::param_not_real, decl.type.span, decl.name.text);
  require_sizes(parameter.type, decl.type, "a parameter");
  if (decl.type.lo) {
    if (!decl.type.interval) fail(Id::param_range, decl.type.span);
    parameter.interval = Interval{constant_real(*decl.type.lo, *scope, "an interval's end"),
                                  constant_real(*decl.type.hi, *scope, "an interval's end")};
    if (!(parameter.interval->lo < parameter.interval->hi)) {
      fail(Id::interval_empty, decl.type.span, parameter.interval->lo, parameter.interval->hi);
    }
  }
  parameter.initializer = initializer(decl, parameter.type, *scope);
  if (parameter.interval) check_inside(decl, parameter);
  parameters_.push_back(parameter);
  return {tensor_of(g_.parameter(parameter.path, parameter.type))};
}

void Elaborator::check_inside(const syntax::ParamDecl& decl, const ParameterDecl& parameter) {
  const Initializer& initial = parameter.initializer;
  if (initial.kind != Initializer::Kind::value || !initial.value->is(Kind::constant)) return;
  for (double x : initial.value->as<graph::Constant>().values) {
    if (x > parameter.interval->lo && x < parameter.interval->hi) continue;
    diagnostics_
        .report(Id::value_outside_interval, decl.value ? decl.value->span : decl.name.span, x,
                parameter.interval->lo, parameter.interval->hi)
        .note(decl.type.span, "the interval is open");
    throw Abandon{};
  }
}

Initializer Elaborator::initializer(const syntax::ParamDecl& decl, const Type& type, Scope& scope) {
  Initializer result;
  using Kind = Initializer::Kind;
  struct Known {
    const char* name;
    Kind kind;
    size_t arguments;
  };
  static constexpr Known known[] = {
      {"normal", Kind::normal, 2},
      {"uniform", Kind::uniform, 2},
      {"glorot_uniform", Kind::glorot_uniform, 0},
      {"glorot_normal", Kind::glorot_normal, 0},
      {"kaiming_uniform", Kind::kaiming_uniform, 0},
      {"orthogonal", Kind::orthogonal, 0},
  };
  // '=' and '~' taken for each other.
  auto sign = [&](const Expr& after) {
    const Span before = decl.type.span;
    if (!before.known() || before.end > after.span.begin) return Span{};
    const size_t at = files_.text(before.file).find_first_of("=~", before.end);
    const auto begin = static_cast<uint32_t>(at);
    return at < after.span.begin ? Span{before.file, begin, begin + 1} : Span{};
  };
  if (decl.value) {
    auto* call = std::get_if<syntax::Call>(&decl.value->node);
    auto* name = call ? std::get_if<syntax::NameRef>(&call->callee->node) : nullptr;
    const bool random =
        name && !find(scope, name->text) &&
        std::any_of(std::begin(known), std::end(known), [&](const Known& k) { return name->text == k.name; });
    if (random) {
      diagnostics_.report(Id::unknown_name, call->callee->span, "function", name->text)
          .note(call->callee->span, "a random start is written '~ " + name->text + "(…)'")
          .fix(sign(*decl.value), "~");
      throw Abandon{};
    }
  }
  if (!decl.initializer) {
    Tensor value = decl.value ? tensor(*decl.value, scope) : number(default_start(decl, scope));
    const Span span = decl.value ? decl.value->span : decl.name.span;
    if (value.ref->base != graph::Base::constant || !value.ref->free.empty()) {
      fail(Id::not_constant_value, span, "the initial value of '" + decl.name.text + "'");
    }
    result.value = initial_value(value, type, span, decl.name.text, decl.type.span);
    return result;
  }
  const Expr& written = *decl.initializer;
  auto* call = std::get_if<syntax::Call>(&written.node);
  auto* name = std::get_if<syntax::NameRef>(call ? &call->callee->node : &written.node);
  const Known* found = nullptr;
  std::vector<std::string> names;
  for (const Known& k : known) {
    if (name && name->text == k.name) found = &k;
    names.emplace_back(k.name);
  }
  if (!name) {
    diagnostics_.report(Id::not_an_initializer, written.span)
        .note(written.span, "a value to start from is written '= …'")
        .fix(sign(written), "=");
    throw Abandon{};
  }
  if (!found) unknown("initializer", name->text, call ? call->callee->span : written.span, names);
  const size_t count = call ? call->arguments.size() : 0;
  if (count != found->arguments) {
    fail(Id::argument_count, written.span, found->name,
         std::to_string(found->arguments) + (found->arguments == 1 ? " argument" : " arguments"), count);
  }
  result.kind = found->kind;
  if (count == 2) {
    result.a = constant_real(*call->arguments[0].value, scope, "an initializer's argument");
    result.b = constant_real(*call->arguments[1].value, scope, "an initializer's argument");
    const Span second = call->arguments[1].value->span;
    if (result.kind == Kind::normal && !(result.b >= 0))
      fail(Id::must_be_positive, second, "the standard deviation", result.b);
    if (result.kind == Kind::uniform && !(result.a <= result.b))
      fail(Id::interval_empty, written.span, result.a, result.b);
  }
  if ((result.kind != Kind::normal && result.kind != Kind::uniform) && type.rank() < 2) {
    diagnostics_.report(Id::initializer_rank, written.span, found->name, type.text())
        .note(decl.type.span, "'" + decl.name.text + "' is declared here as " + type.text());
    throw Abandon{};
  }
  if (decl.type.lo) {
    diagnostics_.report(Id::initializer_interval, written.span, decl.name.text)
        .note(decl.type.span, "the interval is here");
    throw Abandon{};
  }
  return result;
}

double Elaborator::default_start(const syntax::ParamDecl& decl, Scope& scope) {
  if (!decl.type.lo) return 0;
  const double lo = constant_real(*decl.type.lo, scope, "an interval's end");
  const double hi = constant_real(*decl.type.hi, scope, "an interval's end");
  if (std::isfinite(lo) && std::isfinite(hi)) return 0.5 * (lo + hi);
  return std::isfinite(lo) ? lo + 1 : std::isfinite(hi) ? hi - 1 : 0;
}

Value Elaborator::instance(const syntax::Instance& decl, const ScopePtr& scope, Span span) {
  const std::string &name = decl.name.text, path = scope->path + name,
                    source_path = scope->source_path + name;
  if (!decl.index) return instantiate(decl, path + ".", source_path + ".", scope);
  if (!decl.iteration || decl.iteration->first.text != decl.index->text) {
    fail(Id::instance_index, decl.index->span, decl.index->text);
  }
  if (!decl.iteration->second.hi) unsupported("an array of instances over an array", span);
  auto [lo, hi] = range(decl.iteration->second, *scope);
  const Extent length = hi - lo;
  if (!length.is_constant() || !lo.is_constant()) {
    fail(Id::not_a_constant, span, "the number of instances", "a constant integer",
         "the length " + length.text());
  }
  Value::ArrayValue array;
  for (int64_t k = 0; k < length.value(); ++k) {
    count_work(span);
    auto inner = std::make_shared<Scope>();
    inner->parent = scope;
    bind(*inner, decl.index->text, decl.index->span, {integer(lo + Extent(k))});
    const std::string position = std::to_string(k);
    array.instances.push_back(
        instantiate(decl, path + "." + position + ".", source_path + "[" + position + "].", inner));
  }
  return {array};
}

Value Elaborator::instantiate(const syntax::Instance& decl, const std::string& path,
                              const std::string& source_path, const ScopePtr& scope) {
  const Expr& written = *decl.value;
  auto* call = std::get_if<syntax::Call>(&written.node);
  Value value = evaluate(call ? *call->callee : written, *scope);
  const char* wanted = decl.field ? "field" : "layer";
  if (call) {
    CallSite site;
    site.span = written.span;
    site.callee = call->callee->span;
    site.name = decl.name.text;
    const auto* layer = value.as<LayerTemplate>();
    const auto* field = value.as<FieldTemplate>();
    if ((layer && !decl.field) || (field && decl.field)) {
      const void* made = layer ? static_cast<const void*>(layer->decl) : field->decl;
      Restored<int> count(active_[made], active_[made] + 1);
      if (active_[made] > most_nested_instances) {
        const syntax::Name& itself = layer ? layer->decl->name : field->decl->name;
        diagnostics_.report(Id::recursion, site.callee, itself.text).note(itself.span, "it is defined here");
        throw Abandon{};
      }
      count_work(written.span, work_of_instance);
      site.arguments = actuals(call->arguments, *scope);
      if (layer) return {make_layer(*layer, path, source_path, site)};
      return {make_field(*field->decl, field->scope, path, source_path, &site)};
    }
  } else {
    // A second name of an instance shares its parameters.
    if (!decl.field && value.as<std::shared_ptr<LayerInstance>>()) return value;
    if (decl.field && value.as<std::shared_ptr<FieldInstance>>()) return value;
  }
  fail(Id::not_a_template, written.span, wanted, describe(value));
}

std::shared_ptr<LayerInstance> Elaborator::make_layer(const LayerTemplate& layer, const std::string& path,
                                                      const std::string& source_path, CallSite& site) {
  Span inside = layer.decl->name.span;
  if (!layer.decl->members.empty()) inside = source::join(inside, layer.decl->members.back()->span);
  const UseOf use(diagnostics_, inside, site.span,
                  "in this instance of the layer '" + layer.decl->name.text + "'");
  auto instance = std::make_shared<LayerInstance>();
  instance->decl = layer.decl;
  instance->path = path;
  instance->scope =
      bind_formals(layer.decl->formals, {}, layer.scope, site, "the layer '" + layer.decl->name.text + "'");
  instance->scope->path = path;
  instance->scope->source_path = source_path;
  const syntax::Apply* apply = nullptr;
  Span apply_span;
  for (const auto& member : layer.decl->members) {
    guarded([&] {
      if (common_member(member, instance->scope)) return;
      auto* found = std::get_if<syntax::Apply>(&member->node);
      if (!found) fail(Id::misplaced, member->span, "a layer");
      if (apply) {
        diagnostics_.report(Id::defined_twice, found->span, "apply")
            .note(apply_span, "it is defined here first");
      }
      apply = found;
      apply_span = found->span;
    });
  }
  if (!apply) fail(Id::layer_without_apply, layer.decl->name.span, layer.decl->name.text);
  return instance;
}

bool Elaborator::common_member(const syntax::DeclPtr& decl, const ScopePtr& scope) {
  if (auto* dim = std::get_if<syntax::DimDecl>(&decl->node)) {
    define(scope, dim->name.text, dim->name.span, [=, this] { return dim_value(*dim, *scope); });
  } else if (auto* constant = std::get_if<syntax::ConstDecl>(&decl->node)) {
    define(scope, constant->name.text, constant->name.span,
           [=, this] { return const_value(*constant, *scope, decl->span); });
  } else if (auto* parameter = std::get_if<syntax::ParamDecl>(&decl->node)) {
    define(scope, parameter->name.text, parameter->name.span,
           [=, this] { return param(*parameter, scope, decl->span); });
  } else if (auto* made = std::get_if<syntax::Instance>(&decl->node)) {
    define(scope, made->name.text, made->name.span, [=, this] { return instance(*made, scope, decl->span); });
  } else {
    return false;
  }
  return true;
}

}  // namespace nodec::semantics
