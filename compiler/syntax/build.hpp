// Parse tree to abstract syntax: one statement at a time.
#pragma once

#include <utility>
#include <vector>

#include "compiler/syntax/ast.hpp"
#include "compiler/syntax/tokens.hpp"

namespace nodec::syntax {

class Builder {
 public:
  Builder(int32_t file, Problems& problems) : file_(file), problems_(problems) {}

  // Appends what a statement declares. A statement that the parser or this builder refused appends nothing.
  void statement(Parser::StatementContext* context, std::vector<DeclPtr>& out);
  // Null when refused.
  ExprPtr whole_expression(Parser::ExpressionContext* context);

 private:
  struct Refused {};  // thrown when a problem has been added, caught per statement

  [[noreturn]] void refuse(Span at, std::string text);

  // ---- pieces (build.cpp)
  Span span(antlr4::ParserRuleContext* context) const;
  Span span(antlr4::Token* token) const;
  Span span(antlr4::tree::TerminalNode* node) const { return span(node->getSymbol()); }
  Name name(Parser::NameContext* context) const;
  Target target(Parser::TargetContext* context);
  TypeExpr type(Parser::TypeContext* context);
  std::vector<Formal> formals(Parser::FormalsContext* context);
  std::vector<Name> shape_variables(Parser::ShapeVariablesContext* context);
  Let let(Parser::LetContext* context);
  Body block(Parser::BlockContext* context);
  Body definition(Parser::DefinitionContext* context);
  std::vector<Option> options(Parser::Options_Context* context);
  std::vector<DeclPtr> members(Parser::BodyContext* context);

  // ---- declarations (build.cpp)
  void declaration(Parser::DeclarationContext* context, std::vector<DeclPtr>& out);
  void variables(Parser::VariablesContext* context, std::vector<DeclPtr>& out);
  void parameters(Parser::ParametersContext* context, std::vector<DeclPtr>& out);
  void samples(Parser::SamplesContext* context, std::vector<DeclPtr>& out);
  decltype(Decl::node) single(Parser::DeclarationContext* context);
  Use use(Parser::UseContext* context);
  Event event(Parser::EventContext* context);
  Instance instance(Parser::InstanceContext* context);

  // ---- expressions (build_expression.cpp)
  ExprPtr expression(Parser::ExpressionContext* context);
  ExprPtr operand(Parser::OperandContext* context);
  ExprPtr primary(Parser::OperandContext* context);
  // What an operator, a call, an index or a member makes of what stands to its left.
  ExprPtr extended(ExprPtr left, Parser::OperandContext* context);
  ExprPtr binary(Parser::BinaryContext* context, ExprPtr left);
  ExprPtr call(Parser::CallContext* context, ExprPtr callee);
  ExprPtr indexed(Parser::IndexedContext* context, ExprPtr object);
  ExprPtr leaf(Parser::OperandContext* context);
  ExprPtr unary(Parser::UnaryContext* context);
  ExprPtr stack(Parser::StackContext* context);
  ExprPtr parentheses(Parser::ParenthesesContext* context);
  ExprPtr tuple(Parser::ParenthesesContext* context);
  ExprPtr conditional(Parser::ConditionalContext* context);
  ExprPtr loop(Parser::LoopContext* context);
  ExprPtr solve(Parser::SolveContext* context);
  void clause(Parser::ClauseContext* context, Solve& solve);
  Method method(Parser::MethodContext* context);
  Iteration iteration(Parser::IterationContext* context);
  Iteration comprehension(Parser::ComprehensionContext* context);
  std::pair<Name, Range> variable_in(Parser::VariableInContext* context);
  std::vector<Argument> arguments(Parser::ArgumentsContext* context);
  IndexItem index_item(Parser::IndexContext* context);
  Number number(antlr4::tree::TerminalNode* node);

  // Counts levels of nesting; refuses too many.
  void enter(antlr4::ParserRuleContext* context, size_t levels);
  // The expression that a nullable context stands for.
  ExprPtr optional(Parser::ExpressionContext* context) { return context ? expression(context) : nullptr; }
  ExprPtr optional(Parser::OperandContext* context) { return context ? operand(context) : nullptr; }
  template <class Node>
  ExprPtr make(Span at, Node node) const {
    return std::make_shared<const Expr>(Expr{std::move(node), at});
  }

  int32_t file_;
  Problems& problems_;
  int depth_ = 0;  // of the expression being built
};

}  // namespace nodec::syntax
