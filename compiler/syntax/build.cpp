// Declarations: parse tree to abstract syntax.
#include "compiler/syntax/build.hpp"

#include <algorithm>
#include <optional>
#include <string>

namespace nodec::syntax {

void Builder::refuse(Span at, std::string text) {
  problems_.syntax(at, std::move(text));
  throw Refused{};
}

void Builder::statement(Parser::StatementContext* context, std::vector<DeclPtr>& out) {
  if (context->exception || !context->declaration()) return;
  const int depth = depth_;
  try {
    declaration(context->declaration(), out);
  } catch (const Refused&) {
    depth_ = depth;
  }
}

ExprPtr Builder::whole_expression(Parser::ExpressionContext* context) {
  try {
    return expression(context);
  } catch (const Refused&) {
    return nullptr;
  }
}

// ---- pieces
// ------------------------------------------------------------------------------------------------
Span Builder::span(antlr4::Token* token) const {
  const auto* t = static_cast<const Token*>(token);
  return {file_, t->begin, t->end};
}

Span Builder::span(antlr4::ParserRuleContext* context) const {
  return source::join(span(context->start), span(context->stop ? context->stop : context->start));
}

Name Builder::name(Parser::NameContext* context) const {
  return {std::string(static_cast<const Token*>(context->start)->view()), span(context)};
}

Target Builder::target(Parser::TargetContext* context) {
  Target target{
      {}, context->LEFT_PAREN() != nullptr, static_cast<int>(context->PRIME().size()), span(context)};
  for (auto* n : context->name()) target.names.push_back(name(n));
  return target;
}

TypeExpr Builder::type(Parser::TypeContext* context) {
  TypeExpr type{context->INT() != nullptr, {}, nullptr, nullptr, false, span(context)};
  if (auto* shape = context->shape()) {
    for (auto* extent : shape->expression()) type.shape.push_back(expression(extent));
  }
  if (auto* bounds = context->bounds()) {
    type.interval = bounds->LEFT_PAREN() != nullptr;
    type.lo = type.interval ? expression(bounds->expression(0)) : operand(bounds->operand(0));
    type.hi = type.interval ? expression(bounds->expression(1)) : operand(bounds->operand(1));
  }
  return type;
}

std::vector<Formal> Builder::formals(Parser::FormalsContext* context) {
  std::vector<Formal> list;
  if (!context) return list;
  for (auto* c : context->formal()) {
    Formal formal{name(c->name()), FormalKind::value, std::nullopt, optional(c->expression())};
    if (auto* kind = c->formalType()) {
      if (kind->type()) {
        formal.type = type(kind->type());
      } else if (kind->DIM()) {
        formal.kind = kind->LEFT_BRACKET() ? FormalKind::dims : FormalKind::dim;
      } else {
        formal.kind = kind->FN() ? FormalKind::function : FormalKind::layer;
      }
    }
    list.push_back(std::move(formal));
  }
  return list;
}

std::vector<Name> Builder::shape_variables(Parser::ShapeVariablesContext* context) {
  std::vector<Name> names;
  if (!context) return names;
  for (auto* n : context->name()) names.push_back(name(n));
  return names;
}

Let Builder::let(Parser::LetContext* context) {
  Let let{target(context->target()), nullptr, span(context)};
  if (let.target.primes > 0) {
    refuse(let.target.span, "'let' cannot name a derivative; an equation has no 'let'");
  }
  let.value = expression(context->expression());
  return let;
}

Body Builder::block(Parser::BlockContext* context) {
  Body body;
  for (auto* l : context->let()) body.lets.push_back(let(l));
  body.result = expression(context->expression());
  return body;
}

Body Builder::definition(Parser::DefinitionContext* context) {
  if (context->block()) return block(context->block());
  return {{}, expression(context->expression())};
}

std::vector<Option> Builder::options(Parser::Options_Context* context) {
  std::vector<Option> list;
  for (auto* c : context->option()) {
    Option option{{}, expression(c->expression()), span(c)};
    for (auto* part : c->optionPath()->children) {
      if (auto* n = dynamic_cast<Parser::NameContext*>(part)) {
        option.path.push_back(name(n));
      } else if (auto* t = dynamic_cast<antlr4::tree::TerminalNode*>(part);
                 t && t->getSymbol()->getType() == Parser::NUMBER) {
        option.path.push_back({t->getText(), span(t)});  // hidden[0] is the path hidden.0
      }
    }
    list.push_back(std::move(option));
  }
  return list;
}

std::vector<DeclPtr> Builder::members(Parser::BodyContext* context) {
  std::vector<DeclPtr> out;
  for (auto* s : context->statement()) statement(s, out);
  return out;
}

// ---- declarations
// ------------------------------------------------------------------------------------------
void Builder::declaration(Parser::DeclarationContext* context, std::vector<DeclPtr>& out) {
  if (auto* v = context->variables()) return variables(v, out);
  if (auto* p = context->parameters()) return parameters(p, out);
  if (auto* s = context->samples()) return samples(s, out);
  if (auto* dims = context->dim()) {
    for (auto* d : dims->dimItem()) {
      out.push_back(
          std::make_shared<const Decl>(Decl{DimDecl{name(d->name()), optional(d->expression())}, span(d)}));
    }
    return;
  }
  out.push_back(std::make_shared<const Decl>(Decl{single(context), span(context)}));
}

void Builder::variables(Parser::VariablesContext* context, std::vector<DeclPtr>& out) {
  for (auto* c : context->variable()) {
    VarDecl variable{name(c->name()), type(c->type()), optional(c->expression())};
    Decl decl{StateDecl{variable}, span(c)};
    if (context->INPUT()) decl.node = InputDecl{variable};
    if (context->DATA()) decl.node = DataDecl{variable};
    out.push_back(std::make_shared<const Decl>(std::move(decl)));
  }
}

void Builder::parameters(Parser::ParametersContext* context, std::vector<DeclPtr>& out) {
  for (auto* c : context->parameter()) {
    ParamDecl parameter{name(c->name()), type(c->type()), optional(c->expression()), optional(c->operand())};
    out.push_back(std::make_shared<const Decl>(Decl{std::move(parameter), span(c)}));
  }
}

void Builder::samples(Parser::SamplesContext* context, std::vector<DeclPtr>& out) {
  for (auto* c : context->sample()) {
    SampleDecl sample{name(c->name()), std::nullopt, optional(c->operand())};
    if (c->type()) sample.type = type(c->type());
    out.push_back(std::make_shared<const Decl>(Decl{std::move(sample), span(c)}));
  }
}

decltype(Decl::node) Builder::single(Parser::DeclarationContext* context) {
  if (auto* c = context->let()) return let(c);
  if (auto* c = context->use()) return use(c);
  if (auto* c = context->event()) return event(c);
  if (auto* c = context->instance()) return instance(c);
  if (auto* c = context->constant()) {
    ConstDecl constant{name(c->name()), std::nullopt, optional(c->expression())};
    if (c->type()) constant.type = type(c->type());
    return constant;
  }
  if (auto* c = context->function()) {
    return FnDecl{name(c->name()), shape_variables(c->shapeVariables()), formals(c->formals()),
                  definition(c->definition())};
  }
  if (auto* c = context->apply()) {
    return Apply{shape_variables(c->shapeVariables()), formals(c->formals()), definition(c->definition()),
                 span(c)};
  }
  if (auto* c = context->layer()) {
    return LayerDecl{name(c->name()), formals(c->formals()), members(c->body())};
  }
  if (auto* c = context->field()) {
    return FieldDecl{name(c->name()), c->formals() != nullptr, formals(c->formals()), members(c->body())};
  }
  if (auto* c = context->model()) return ModelDecl{name(c->name()), members(c->body())};
  if (auto* c = context->tableau()) return TableauDecl{name(c->name()), options(c->options_())};
  if (auto* c = context->equation()) {
    const int order = static_cast<int>(c->PRIME().size());
    if (order > 2) {
      refuse(source::join(span(c->name()), span(c->PRIME().back())),
             "an equation of order " + std::to_string(order) + "; write one of order 1 or 2 for each state");
    }
    return Equation{name(c->name()), order, expression(c->expression())};
  }
  if (auto* c = context->algebraicEquation()) {
    if (number(c->NUMBER()).value != 0) {
      refuse(span(c->NUMBER()), "the left side of an equation is z', z'' or 0");
    }
    return AlgebraicEquation{expression(c->expression())};
  }
  if (auto* c = context->diffusion()) return Diffusion{name(c->name()), expression(c->expression())};
  if (auto* c = context->output()) return Output{name(c->name()), optional(c->expression())};
  if (auto* c = context->metric()) return Metric{name(c->name()), expression(c->expression())};
  if (auto* c = context->train()) return Train{options(c->options_())};
  return Loss{expression(context->loss()->expression())};
}

Use Builder::use(Parser::UseContext* context) {
  Use use{context->STRING() == nullptr, {}, std::nullopt};
  if (use.stdlib) {
    use.path = name(context->name(0)).text;
  } else {
    const std::string quoted = context->STRING()->getText();
    use.path = quoted.substr(1, quoted.size() - 2);
  }
  if (context->AS()) use.alias = name(context->name().back());
  return use;
}

Instance Builder::instance(Parser::InstanceContext* context) {
  const auto names = context->name();
  Instance instance{context->FIELD() != nullptr, name(names[0]), std::nullopt, operand(context->operand()),
                    std::nullopt};
  if (names.size() > 1) instance.index = name(names[1]);
  if (auto* i = context->iterationOfOne()) instance.iteration = variable_in(i->variableIn());
  return instance;
}

Event Builder::event(Parser::EventContext* context) {
  Event event{
      operand(context->operand(0)), operand(context->operand(1)), Event::Direction::both, std::nullopt, {}};
  if (context->RISING()) event.direction = Event::Direction::rising;
  if (context->FALLING()) event.direction = Event::Direction::falling;
  if (auto* i = context->iterationOfOne()) event.iteration = variable_in(i->variableIn());
  for (auto* c : context->effects()->effect()) {
    EventReset reset{c->STOP() != nullptr, {}, nullptr};
    if (!reset.stop) {
      reset.target = target(c->target());
      reset.value = expression(c->expression());
    }
    event.resets.push_back(std::move(reset));
  }
  return event;
}

}  // namespace nodec::syntax
