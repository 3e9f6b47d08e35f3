// Expressions: parse tree to abstract syntax. Chains of operators, indices and calls lean to the left in the
// parse tree; they are walked in a loop, so that only what is nested in the text recurses here.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "compiler/syntax/build.hpp"

namespace nodec::syntax {
namespace {

Binary binary_operator(size_t type) {
  switch (type) {
    case Parser::PLUS:
      return Binary::add;
    case Parser::MINUS:
      return Binary::subtract;
    case Parser::STAR:
      return Binary::multiply;
    case Parser::SLASH:
      return Binary::divide;
    case Parser::FLOOR_DIVIDE:
      return Binary::floor_divide;
    case Parser::PERCENT:
      return Binary::modulo;
    case Parser::MATMUL:
      return Binary::matmul;
    case Parser::POWER:
      return Binary::power;
    case Parser::LESS:
      return Binary::less;
    case Parser::LESS_EQUAL:
      return Binary::less_equal;
    case Parser::GREATER:
      return Binary::greater;
    case Parser::GREATER_EQUAL:
      return Binary::greater_equal;
    case Parser::EQUAL:
      return Binary::equal;
    case Parser::NOT_EQUAL:
      return Binary::not_equal;
    case Parser::AND:
      return Binary::logical_and;
    default:
      return Binary::logical_or;
  }
}

bool is_comparison(Binary op) { return op >= Binary::less && op <= Binary::not_equal; }

Parser::OperandContext* left_of(Parser::OperandContext* context) {
  const auto child = context->children.empty() ? nullptr : context->children.front();
  return dynamic_cast<Parser::OperandContext*>(child);
}

}  // namespace

// One function a construct: those on the path from one nesting level to the next keep small frames, so that a
// thousand levels fit on any stack, also in builds with sanitizers.
ExprPtr Builder::expression(Parser::ExpressionContext* context) {
  if (auto* c = dynamic_cast<Parser::PlainContext*>(context)) return operand(c->operand());
  enter(context, 1);
  ExprPtr result;
  if (auto* c = dynamic_cast<Parser::ConditionalContext*>(context)) {
    result = conditional(c);
  } else if (auto* s = dynamic_cast<Parser::SolveContext*>(context)) {
    result = solve(s);
  } else {
    result = loop(dynamic_cast<Parser::LoopContext*>(context));
  }
  --depth_;
  return result;
}

void Builder::enter(antlr4::ParserRuleContext* context, size_t levels) {
  depth_ += static_cast<int>(std::min<size_t>(levels, 2 * nesting_limit));
  if (depth_ <= nesting_limit) return;
  const Span at = span(context);
  problems_.add(source::Id::nesting_too_deep, at.begin, at.end, std::to_string(nesting_limit));
  throw Refused{};
}

ExprPtr Builder::conditional(Parser::ConditionalContext* context) {
  const auto parts = context->expression();
  If node{expression(parts[0]), expression(parts[1]), expression(parts[2])};
  return make(span(context), std::move(node));
}

ExprPtr Builder::loop(Parser::LoopContext* context) {
  Loop loop{context->SCAN() != nullptr, target(context->target()), expression(context->expression()),
            iteration(context->iteration()), block(context->block())};
  if (loop.carry.primes > 0) refuse(loop.carry.span, "a loop cannot carry a derivative");
  return make(span(context), std::move(loop));
}

ExprPtr Builder::operand(Parser::OperandContext* context) {
  std::vector<Parser::OperandContext*> spine;
  Parser::OperandContext* innermost = context;
  while (auto* left = left_of(innermost)) {
    spine.push_back(innermost);
    innermost = left;
  }
  const int depth = depth_;
  enter(context, spine.size() + 1);
  ExprPtr result = primary(innermost);
  for (; !spine.empty(); spine.pop_back()) {
    --depth_;
    result = extended(std::move(result), spine.back());
  }
  depth_ = depth;
  return result;
}

ExprPtr Builder::extended(ExprPtr left, Parser::OperandContext* context) {
  if (auto* b = dynamic_cast<Parser::BinaryContext*>(context)) return binary(b, std::move(left));
  if (auto* c = dynamic_cast<Parser::CallContext*>(context)) return call(c, std::move(left));
  if (auto* m = dynamic_cast<Parser::MemberContext*>(context)) {
    return make(span(m), Member{std::move(left), name(m->name())});
  }
  return indexed(dynamic_cast<Parser::IndexedContext*>(context), std::move(left));
}

ExprPtr Builder::call(Parser::CallContext* context, ExprPtr callee) {
  return make(span(context), Call{std::move(callee), arguments(context->arguments())});
}

ExprPtr Builder::indexed(Parser::IndexedContext* context, ExprPtr object) {
  Index index{std::move(object), {}};
  for (auto* item : context->index()) index.items.push_back(index_item(item));
  return make(span(context), std::move(index));
}

ExprPtr Builder::binary(Parser::BinaryContext* context, ExprPtr left) {
  const Binary op = binary_operator(context->op->getType());
  // A parenthesized comparison is another kind of context: only `a < b < c` is refused.
  if (auto* chained = dynamic_cast<Parser::BinaryContext*>(left_of(context));
      chained && is_comparison(op) && is_comparison(binary_operator(chained->op->getType()))) {
    auto& problem = problems_.syntax(span(context->op), "comparisons do not chain");
    problem.note(problem.span, "write 'a < b and b < c'");
    const auto* middle = chained->operand(1);
    if (middle->start == middle->stop)
      problem.fix({file_, problem.span.begin, problem.span.begin}, "and " + middle->start->getText() + " ");
    throw Refused{};
  }
  const Span at = span(context);
  BinaryOp node{op, std::move(left), operand(context->operand(1)), span(context->op)};
  return make(at, std::move(node));
}

ExprPtr Builder::primary(Parser::OperandContext* context) {
  if (auto* c = dynamic_cast<Parser::ParenthesesContext*>(context)) return parentheses(c);
  if (auto* c = dynamic_cast<Parser::UnaryContext*>(context)) return unary(c);
  if (auto* c = dynamic_cast<Parser::StackContext*>(context)) return stack(c);
  return leaf(context);
}

ExprPtr Builder::leaf(Parser::OperandContext* context) {
  const Span at = span(context);
  if (auto* c = dynamic_cast<Parser::NameUseContext*>(context)) {
    return make(at, NameRef{name(c->name()).text, static_cast<int>(c->PRIME().size())});
  }
  if (auto* c = dynamic_cast<Parser::NumberContext*>(context)) return make(at, number(c->NUMBER()));
  const std::string quoted = dynamic_cast<Parser::StringContext*>(context)->STRING()->getText();
  return make(at, String{quoted.substr(1, quoted.size() - 2)});
}

ExprPtr Builder::unary(Parser::UnaryContext* context) {
  const size_t op = context->op->getType();
  const Unary kind = op == Parser::PLUS    ? Unary::plus
                     : op == Parser::MINUS ? Unary::minus
                                           : Unary::logical_not;
  return make(span(context), UnaryOp{kind, operand(context->operand())});
}

ExprPtr Builder::stack(Parser::StackContext* context) {
  const auto elements = context->expression();
  if (context->comprehension()) {
    Comprehension node{expression(elements[0]), comprehension(context->comprehension())};
    return make(span(context), std::move(node));
  }
  Stack stack;
  for (auto* element : elements) stack.elements.push_back(expression(element));
  return make(span(context), std::move(stack));
}

ExprPtr Builder::parentheses(Parser::ParenthesesContext* context) {
  const auto elements = context->expression();
  return elements.size() == 1 ? expression(elements[0]) : tuple(context);
}

ExprPtr Builder::tuple(Parser::ParenthesesContext* context) {
  Tuple tuple;
  for (auto* element : context->expression()) tuple.elements.push_back(expression(element));
  return make(span(context), std::move(tuple));
}

ExprPtr Builder::solve(Parser::SolveContext* context) {
  Solve solve;
  solve.system = operand(context->operand());
  if (!std::holds_alternative<Call>(solve.system->node)) {
    problems_.syntax(solve.system->span, "'solve' takes a field with its initial values")
        .note(solve.system->span, "such as 'solve F(z = z0)'");
    throw Refused{};
  }
  std::vector<Parser::ClauseContext*> before;
  for (auto* c : context->clause()) {
    for (auto* first : before) {
      if (first->start->getType() != c->start->getType()) continue;
      problems_.syntax(span(c), "a second '" + c->start->getText() + "' in one 'solve'")
          .note(span(first), "the first one");
      throw Refused{};
    }
    before.push_back(c);
    clause(c, solve);
  }
  return make(span(context), std::move(solve));
}

void Builder::clause(Parser::ClauseContext* context, Solve& solve) {
  switch (context->start->getType()) {
    case Parser::FROM:
      solve.from = operand(context->operand());
      break;
    case Parser::TO:
      solve.to = operand(context->operand());
      break;
    case Parser::AT:
      solve.at = operand(context->operand());
      break;
    case Parser::BY:
      solve.by = method(context->method());
      break;
    case Parser::ADJOINT:
      solve.adjoint = method(context->method());
      break;
    default:
      solve.logdet_span = span(context);
      solve.logdet = context->method()
                         ? method(context->method())
                         : Method{{"exact", span(context->LOGDET())}, {}, span(context->LOGDET())};
      break;
  }
}

Number Builder::number(antlr4::tree::TerminalNode* node) {
  Number number{0, true, node->getText()};
  number.integer = number.text.find_first_of(".eE") == std::string::npos;
  const char* end = number.text.data() + number.text.size();
  const auto read = std::from_chars(number.text.data(), end, number.value);
  if (read.ec == std::errc::result_out_of_range) {
    // Too small is zero, too large has no value.
    number.value = std::strtod(number.text.c_str(), nullptr);
    if (std::isinf(number.value)) refuse(span(node), "this number is too large for double precision");
  }
  return number;
}

Method Builder::method(Parser::MethodContext* context) {
  return {name(context->name()), arguments(context->arguments()), span(context)};
}

std::pair<Name, Range> Builder::variable_in(Parser::VariableInContext* context) {
  const auto bounds = context->range()->operand();
  return {name(context->name()), Range{operand(bounds[0]), bounds.size() > 1 ? operand(bounds[1]) : nullptr}};
}

Iteration Builder::iteration(Parser::IterationContext* context) {
  Iteration iteration;
  for (auto* v : context->variableIn()) iteration.variables.push_back(variable_in(v));
  return iteration;
}

Iteration Builder::comprehension(Parser::ComprehensionContext* context) {
  Iteration result = iteration(context->iteration());
  result.condition = optional(context->operand());
  return result;
}

std::vector<Argument> Builder::arguments(Parser::ArgumentsContext* context) {
  std::vector<Argument> list;
  if (!context) return list;
  for (auto* c : context->argument()) {
    Argument argument;
    if (c->name()) argument.name = name(c->name());
    argument.name_primes = static_cast<int>(c->PRIME().size());
    argument.value = expression(c->expression());
    if (c->comprehension()) argument.comprehension = comprehension(c->comprehension());
    list.push_back(std::move(argument));
  }
  return list;
}

IndexItem Builder::index_item(Parser::IndexContext* context) {
  IndexItem item{context->COLON() != nullptr, nullptr, nullptr, span(context)};
  bool after_colon = false;
  for (auto* part : context->children) {
    if (auto* bound = dynamic_cast<Parser::OperandContext*>(part)) {
      (after_colon ? item.hi : item.lo) = operand(bound);
    } else {
      after_colon = true;
    }
  }
  return item;
}

}  // namespace nodec::syntax
