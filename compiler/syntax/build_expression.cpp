// Expressions: parse tree to abstract syntax. Chains of operators, indices and calls lean to the left in the
// parse tree; they are walked in a loop, so that only what is nested in the text recurses here.
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

ExprPtr Builder::expression(Parser::ExpressionContext* context) {
  if (auto* c = dynamic_cast<Parser::PlainContext*>(context)) return operand(c->operand());
  if (++depth_ > nesting_limit) {
    problems_.add(source::Id::nesting_too_deep, span(context).begin, span(context).end,
                  std::to_string(nesting_limit));
    throw Refused{};
  }
  ExprPtr result;
  if (auto* c = dynamic_cast<Parser::ConditionalContext*>(context)) {
    const auto parts = c->expression();
    If node{expression(parts[0]), expression(parts[1]), expression(parts[2])};
    result = make(span(c), std::move(node));
  } else if (auto* s = dynamic_cast<Parser::SolveContext*>(context)) {
    result = solve(s);
  } else {
    auto* l = dynamic_cast<Parser::LoopContext*>(context);
    Loop loop{l->SCAN() != nullptr, target(l->target()), expression(l->expression()),
              iteration(l->iteration()), block(l->block())};
    if (loop.carry.primes > 0) refuse(loop.carry.span, "a loop cannot carry a derivative");
    result = make(span(l), std::move(loop));
  }
  --depth_;
  return result;
}

ExprPtr Builder::operand(Parser::OperandContext* context) {
  std::vector<Parser::OperandContext*> spine;
  Parser::OperandContext* innermost = context;
  while (auto* left = left_of(innermost)) {
    spine.push_back(innermost);
    innermost = left;
  }
  const int depth = depth_;
  depth_ += static_cast<int>(spine.size()) + 1;
  if (depth_ > nesting_limit) {
    problems_.add(source::Id::nesting_too_deep, span(context).begin, span(context).end,
                  std::to_string(nesting_limit));
    throw Refused{};
  }
  ExprPtr result = primary(innermost);
  for (; !spine.empty(); spine.pop_back()) {
    --depth_;
    Parser::OperandContext* outer = spine.back();
    const Span at = span(outer);
    if (auto* b = dynamic_cast<Parser::BinaryContext*>(outer)) {
      result = binary(b, std::move(result));
    } else if (auto* c = dynamic_cast<Parser::CallContext*>(outer)) {
      result = make(at, Call{std::move(result), arguments(c->arguments())});
    } else if (auto* m = dynamic_cast<Parser::MemberContext*>(outer)) {
      result = make(at, Member{std::move(result), name(m->name())});
    } else {
      Index index{std::move(result), {}};
      for (auto* item : dynamic_cast<Parser::IndexedContext*>(outer)->index()) {
        index.items.push_back(index_item(item));
      }
      result = make(at, std::move(index));
    }
  }
  depth_ = depth;
  return result;
}

ExprPtr Builder::binary(Parser::BinaryContext* context, ExprPtr left) {
  const Binary op = binary_operator(context->op->getType());
  // A parenthesized comparison is another kind of context: only `a < b < c` is refused.
  if (auto* chained = dynamic_cast<Parser::BinaryContext*>(left_of(context));
      chained && is_comparison(op) && is_comparison(binary_operator(chained->op->getType()))) {
    auto& problem = problems_.syntax(span(context->op), "comparisons do not chain");
    problem.note(problem.span, "write 'a < b and b < c'");
    throw Refused{};
  }
  const Span at = span(context);
  BinaryOp node{op, std::move(left), operand(context->operand(1)), span(context->op)};
  return make(at, std::move(node));
}

ExprPtr Builder::primary(Parser::OperandContext* context) {
  const Span at = span(context);
  if (auto* c = dynamic_cast<Parser::NameUseContext*>(context)) {
    return make(at, NameRef{name(c->name()).text, static_cast<int>(c->PRIME().size())});
  }
  if (auto* c = dynamic_cast<Parser::NumberContext*>(context)) return make(at, number(c->NUMBER()));
  if (auto* c = dynamic_cast<Parser::StringContext*>(context)) {
    const std::string quoted = c->STRING()->getText();
    return make(at, String{quoted.substr(1, quoted.size() - 2)});
  }
  if (auto* c = dynamic_cast<Parser::UnaryContext*>(context)) {
    const size_t op = c->op->getType();
    const Unary kind = op == Parser::PLUS    ? Unary::plus
                       : op == Parser::MINUS ? Unary::minus
                                             : Unary::logical_not;
    return make(at, UnaryOp{kind, operand(c->operand())});
  }
  if (auto* c = dynamic_cast<Parser::StackContext*>(context)) {
    const auto elements = c->expression();
    if (c->comprehension()) {
      Comprehension node{expression(elements[0]), comprehension(c->comprehension())};
      return make(at, std::move(node));
    }
    Stack stack;
    for (auto* element : elements) stack.elements.push_back(expression(element));
    return make(at, std::move(stack));
  }
  auto* c = dynamic_cast<Parser::ParenthesesContext*>(context);
  const auto elements = c->expression();
  if (elements.size() == 1) return expression(elements[0]);
  Tuple tuple;
  for (auto* element : elements) tuple.elements.push_back(expression(element));
  return make(at, std::move(tuple));
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

ExprPtr Builder::solve(Parser::SolveContext* context) {
  Solve solve;
  solve.system = operand(context->operand());
  if (!std::holds_alternative<Call>(solve.system->node)) {
    problems_.syntax(solve.system->span, "'solve' takes a field with its initial values")
        .note(solve.system->span, "such as 'solve F(z = z0)'");
    throw Refused{};
  }
  antlr4::ParserRuleContext* seen[6] = {};
  for (auto* clause : context->clause()) {
    const size_t type = clause->start->getType();
    const int slot = type == Parser::FROM   ? 0
                     : type == Parser::TO   ? 1
                     : type == Parser::AT   ? 2
                     : type == Parser::BY   ? 3
                     : type == Parser::WITH ? 4
                                            : 5;
    if (seen[slot]) {
      const std::string word = clause->start->getText();
      problems_.syntax(span(clause), "a second '" + word + "' in one 'solve'")
          .note(span(seen[slot]), "the first one");
      throw Refused{};
    }
    seen[slot] = clause;
    if (slot == 0) solve.from = operand(clause->operand());
    if (slot == 1) solve.to = operand(clause->operand());
    if (slot == 2) solve.at = operand(clause->operand());
    if (slot == 3) solve.by = method(clause->method());
    if (slot == 4) {
      solve.logdet_span = span(clause);
      solve.logdet = clause->method() ? method(clause->method())
                                      : Method{{"exact", span(clause->LOGDET())}, {}, span(clause->LOGDET())};
    }
    if (slot == 5) solve.adjoint = method(clause->method());
  }
  return make(span(context), std::move(solve));
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
