// Expressions to text: structure made visible by parentheses around every operand that is an operation.
#include <string_view>

#include "compiler/syntax/parser.hpp"
#include "compiler/syntax/print.hpp"

namespace nodec::syntax {
namespace {

std::string_view symbol(Binary op) {
  switch (op) {
    case Binary::add:
      return "+";
    case Binary::subtract:
      return "-";
    case Binary::multiply:
      return "*";
    case Binary::divide:
      return "/";
    case Binary::floor_divide:
      return "//";
    case Binary::modulo:
      return "%";
    case Binary::matmul:
      return "@";
    case Binary::power:
      return "^";
    case Binary::less:
      return "<";
    case Binary::less_equal:
      return "<=";
    case Binary::greater:
      return ">";
    case Binary::greater_equal:
      return ">=";
    case Binary::equal:
      return "==";
    case Binary::not_equal:
      return "!=";
    case Binary::logical_and:
      return "and";
    case Binary::logical_or:
      return "or";
  }
  return "?";
}

class Printer {
 public:
  explicit Printer(std::string& out) : out_(out) {}

  void operator()(const Number& n) { out_ += n.text; }
  void operator()(const String& s) { out_ += '"' + s.text + '"'; }
  void operator()(const NameRef& n) {
    out_ += n.text;
    append_primes(out_, n.primes);
  }
  void operator()(const UnaryOp& u) {
    out_ += u.op == Unary::plus ? "+" : u.op == Unary::minus ? "-" : "not ";
    operand(*u.operand);
  }
  void operator()(const BinaryOp& b) {
    operand(*b.left);
    out_ += ' ';
    out_ += symbol(b.op);
    out_ += ' ';
    operand(*b.right);
  }
  void operator()(const Call& c) {
    operand(*c.callee);
    arguments(c.arguments);
  }
  void operator()(const Member& m) {
    operand(*m.object);
    out_ += '.' + m.name.text;
  }
  void operator()(const Index& x) {
    operand(*x.object);
    out_ += '[';
    append_list(out_, x.items, ", ", [&](const IndexItem& item) {
      if (item.lo) append(out_, *item.lo);
      if (item.slice) out_ += ':';
      if (item.hi) append(out_, *item.hi);
    });
    out_ += ']';
  }
  void operator()(const Stack& s) {
    out_ += '[';
    append_list(out_, s.elements, ", ", [&](const ExprPtr& e) { append(out_, *e); });
    out_ += ']';
  }
  void operator()(const Comprehension& c) {
    out_ += '[';
    append(out_, *c.body);
    iteration(c.iteration);
    out_ += ']';
  }
  void operator()(const Tuple& t) {
    out_ += '(';
    append_list(out_, t.elements, ", ", [&](const ExprPtr& e) { append(out_, *e); });
    out_ += ')';
  }
  void operator()(const If& i) {
    out_ += "if ";
    operand(*i.condition);
    out_ += " then ";
    operand(*i.then_value);
    out_ += " else ";
    operand(*i.else_value);
  }
  void operator()(const Loop& l) {
    out_ += l.scan ? "scan " : "fold ";
    append(out_, l.carry);
    out_ += " from ";
    operand(*l.initial);
    iteration(l.iteration);
    out_ += " {";
    for (const Let& let : l.body.lets) {
      out_ += ' ';
      append(out_, let);
      out_ += ';';
    }
    out_ += " return ";
    append(out_, *l.body.result);
    out_ += " }";
  }
  void operator()(const Solve& s) {
    out_ += "solve ";
    operand(*s.system);
    clause(" from ", s.from);
    clause(" to ", s.to);
    clause(" at ", s.at);
    method(" with logdet ", s.logdet);
    method(" by ", s.by);
    method(" adjoint ", s.adjoint);
  }

  void operand(const Expr& e) {
    const bool operation = std::holds_alternative<UnaryOp>(e.node) ||
                           std::holds_alternative<BinaryOp>(e.node) || std::holds_alternative<If>(e.node) ||
                           std::holds_alternative<Loop>(e.node) || std::holds_alternative<Solve>(e.node);
    if (operation) out_ += '(';
    append(out_, e);
    if (operation) out_ += ')';
  }

  void iteration(const Iteration& i) {
    out_ += " for ";
    append_list(out_, i.variables, ", ", [&](const std::pair<Name, Range>& v) {
      out_ += v.first.text + " in ";
      append(out_, v.second);
    });
    if (i.condition) {
      out_ += " if ";
      operand(*i.condition);
    }
  }

 private:
  void clause(std::string_view word, const ExprPtr& value) {
    if (!value) return;
    out_ += word;
    operand(*value);
  }
  void method(std::string_view word, const std::optional<Method>& m) {
    if (!m) return;
    out_ += word;
    out_ += m->name.text;
    if (!m->arguments.empty()) arguments(m->arguments);
  }
  void arguments(const std::vector<Argument>& list) {
    out_ += '(';
    append_list(out_, list, ", ", [&](const Argument& a) {
      if (a.name) {
        out_ += a.name->text;
        append_primes(out_, a.name_primes);
        out_ += " = ";
      }
      append(out_, *a.value);
      if (a.comprehension) iteration(*a.comprehension);
    });
    out_ += ')';
  }

  std::string& out_;
};

}  // namespace

void append(std::string& out, const Expr& expression) { std::visit(Printer(out), expression.node); }

void append(std::string& out, const Range& range) {
  Printer printer(out);
  printer.operand(*range.lo);
  if (!range.hi) return;
  out += "..";
  printer.operand(*range.hi);
}

void append_primes(std::string& out, int primes) { out.append(static_cast<size_t>(primes), '\''); }

void append(std::string& out, const Target& target) {
  if (target.tuple) out += '(';
  append_list(out, target.names, ", ", [&](const Name& n) { out += n.text; });
  if (target.tuple) out += ')';
  append_primes(out, target.primes);
}

void append(std::string& out, const Let& let) {
  out += "let ";
  append(out, let.target);
  out += " = ";
  append(out, *let.value);
}

void append(std::string& out, const std::pair<Name, Range>& iteration) {
  out += " for " + iteration.first.text + " in ";
  append(out, iteration.second);
}

std::string print(const Expr& expression) {
  std::string out;
  append(out, expression);
  return out;
}

}  // namespace nodec::syntax
