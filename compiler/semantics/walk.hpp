// Walks the syntax: calls, names that are read, names that are bound.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "compiler/syntax/ast.hpp"

namespace nodec::semantics {

// Calls back for what stands below a node; exhaustive, so that a new form of syntax does not go unseen.
struct Walk {
  std::function<void(const syntax::Call&)> call;
  std::function<void(const syntax::NameRef&, source::Span)> name;  // read, in an expression
  std::function<void(const std::string&)> bound;    // by a formal, a let, a loop or a declaration
  std::function<void(const syntax::Name&)> method;  // of `by`

  void operator()(const syntax::ExprPtr& expr) const {
    if (!expr) return;
    if (auto* reference = std::get_if<syntax::NameRef>(&expr->node); reference && name)
      name(*reference, expr->span);
    std::visit([&](const auto& node) { inside(node); }, expr->node);
  }
  void operator()(const std::vector<syntax::ExprPtr>& list) const {
    for (const auto& expr : list) (*this)(expr);
  }
  void operator()(const std::vector<syntax::Argument>& list) const {
    for (const auto& argument : list) {
      (*this)(argument.value);
      if (argument.comprehension) (*this)(*argument.comprehension);
    }
  }
  void operator()(const syntax::Iteration& iteration) const {
    for (const auto& [variable, range] : iteration.variables) {
      bind(variable);
      (*this)(range.lo);
      (*this)(range.hi);
    }
    (*this)(iteration.condition);
  }
  void operator()(const syntax::Body& body) const {
    for (const auto& let : body.lets) inside(let);
    (*this)(body.result);
  }
  void operator()(const std::optional<syntax::Method>& method) const {
    if (method) (*this)(method->arguments);
  }
  void by(const std::optional<syntax::Method>& used) const {
    if (used && method) method(used->name);
    (*this)(used);
  }
  void operator()(const std::vector<syntax::Formal>& formals) const {
    for (const auto& formal : formals) {
      bind(formal.name);
      if (formal.type) (*this)(*formal.type);
      (*this)(formal.default_value);
    }
  }
  void operator()(const std::vector<syntax::Option>& options) const {
    for (const auto& option : options) (*this)(option.value);
  }
  void operator()(const std::vector<syntax::DeclPtr>& members) const {
    for (const auto& member : members) (*this)(*member);
  }
  void operator()(const std::vector<syntax::Name>& names) const {
    for (const auto& one : names) bind(one);
  }
  void operator()(const syntax::TypeExpr& type) const {
    (*this)(type.shape);
    (*this)(type.lo);
    (*this)(type.hi);
  }
  void bind(const syntax::Name& bound_name) const {
    if (bound) bound(bound_name.text);
  }
  void inside(const syntax::Let& let) const {
    (*this)(let.target.names);
    (*this)(let.value);
  }

  void inside(const syntax::Number&) const {}
  void inside(const syntax::String&) const {}
  void inside(const syntax::NameRef&) const {}
  void inside(const syntax::UnaryOp& op) const { (*this)(op.operand); }
  void inside(const syntax::BinaryOp& op) const {
    (*this)(op.left);
    (*this)(op.right);
  }
  void inside(const syntax::Call& call) const {
    if (this->call) this->call(call);
    (*this)(call.callee);
    (*this)(call.arguments);
  }
  void inside(const syntax::Member& member) const { (*this)(member.object); }
  void inside(const syntax::Index& index) const {
    (*this)(index.object);
    for (const auto& item : index.items) {
      (*this)(item.lo);
      (*this)(item.hi);
    }
  }
  void inside(const syntax::Stack& stack) const { (*this)(stack.elements); }
  void inside(const syntax::Comprehension& comprehension) const {
    (*this)(comprehension.body);
    (*this)(comprehension.iteration);
  }
  void inside(const syntax::Tuple& tuple) const { (*this)(tuple.elements); }
  void inside(const syntax::If& choice) const {
    (*this)(choice.condition);
    (*this)(choice.then_value);
    (*this)(choice.else_value);
  }
  void inside(const syntax::Loop& loop) const {
    (*this)(loop.carry.names);
    (*this)(loop.initial);
    (*this)(loop.iteration);
    (*this)(loop.body);
  }
  void inside(const syntax::Solve& solve) const {
    (*this)(solve.system);
    (*this)(solve.from);
    (*this)(solve.to);
    (*this)(solve.at);
    by(solve.by);
    (*this)(solve.adjoint);
  }

  void operator()(const syntax::Decl& decl) const {
    std::visit([&](const auto& node) { declared(node); }, decl.node);
  }
  void declared(const syntax::Use&) const {}
  void declared(const syntax::TableauDecl&) const {}  // its coefficients are read when a solve names it
  void declared(const syntax::DimDecl& dim) const {
    bind(dim.name);
    (*this)(dim.value);
  }
  void declared(const syntax::ConstDecl& constant) const {
    bind(constant.name);
    if (constant.type) (*this)(*constant.type);
    (*this)(constant.value);
  }
  void declared(const syntax::ParamDecl& parameter) const {
    bind(parameter.name);
    (*this)(parameter.type);
    (*this)(parameter.value);  // an initializer's name is no expression's
  }
  void declared(const syntax::SampleDecl& sample) const {
    bind(sample.name);
    if (sample.type) (*this)(*sample.type);
  }
  void declared(const syntax::VarDecl& variable) const {
    bind(variable.name);
    (*this)(variable.type);
    (*this)(variable.value);
  }
  void declared(const syntax::FnDecl& function) const {
    (*this)(function.shape_variables);
    (*this)(function.formals);
    (*this)(function.body);
  }
  void declared(const syntax::Apply& apply) const {
    (*this)(apply.shape_variables);
    (*this)(apply.formals);
    (*this)(apply.body);
  }
  void declared(const syntax::LayerDecl& layer) const {
    (*this)(layer.formals);
    (*this)(layer.members);
  }
  void declared(const syntax::FieldDecl& field) const {
    (*this)(field.formals);
    (*this)(field.members);
  }
  void declared(const syntax::ModelDecl& model) const { (*this)(model.members); }
  void declared(const syntax::Instance& instance) const {
    bind(instance.name);
    if (instance.index) bind(*instance.index);
    (*this)(instance.value);
  }
  void declared(const syntax::Let& let) const { inside(let); }
  void declared(const syntax::Equation& equation) const { (*this)(equation.value); }
  void declared(const syntax::AlgebraicEquation& equation) const { (*this)(equation.value); }
  void declared(const syntax::Diffusion& diffusion) const { (*this)(diffusion.value); }
  void declared(const syntax::Event& event) const {
    (*this)(event.left);
    (*this)(event.right);
    for (const auto& reset : event.resets) (*this)(reset.value);
  }
  void declared(const syntax::Output& output) const { (*this)(output.value); }
  void declared(const syntax::Metric& metric) const { (*this)(metric.value); }
  void declared(const syntax::Loss& loss) const { (*this)(loss.value); }
  void declared(const syntax::Train& train) const { (*this)(train.options); }
};

}  // namespace nodec::semantics
