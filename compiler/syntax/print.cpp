// Declarations to text: one a line, bodies indented. This is what `--emit=ast` prints.
#include "compiler/syntax/print.hpp"

#include "compiler/syntax/parser.hpp"

namespace nodec::syntax {
namespace {

class Printer {
 public:
  explicit Printer(std::string& out, int depth) : out_(out), depth_(depth) {}

  void line(const Decl& declaration) {
    indent();
    std::visit(*this, declaration.node);
    out_ += '\n';
  }

  void operator()(const Use& u) {
    out_ += "use " + (u.stdlib ? u.path : '"' + u.path + '"');
    if (u.alias) out_ += " as " + u.alias->text;
  }
  void operator()(const DimDecl& d) {
    out_ += "dim " + d.name.text;
    value(" = ", d.value);
  }
  void operator()(const ConstDecl& c) {
    out_ += "const " + c.name.text;
    type(c.type);
    value(" = ", c.value);
  }
  void operator()(const ParamDecl& p) {
    out_ += "param " + p.name.text;
    type(p.type);
    value(" = ", p.value);
    value(" ~ ", p.initializer);
  }
  void operator()(const StateDecl& v) { variable("state ", v); }
  void operator()(const InputDecl& v) { variable("input ", v); }
  void operator()(const DataDecl& v) { variable("data ", v); }
  void operator()(const SampleDecl& s) {
    out_ += "sample " + s.name.text;
    type(s.type);
    value(" ~ ", s.distribution);
  }
  void operator()(const FnDecl& f) {
    out_ += "fn " + f.name.text;
    shape_variables(f.shape_variables);
    formals(f.formals);
    body(f.body);
  }
  void operator()(const Apply& a) {
    out_ += "apply";
    shape_variables(a.shape_variables);
    formals(a.formals);
    body(a.body);
  }
  void operator()(const LayerDecl& l) {
    out_ += "layer " + l.name.text;
    formals(l.formals);
    members(l.members);
  }
  void operator()(const FieldDecl& f) {
    out_ += "field " + f.name.text;
    if (f.is_template) formals(f.formals);
    members(f.members);
  }
  void operator()(const ModelDecl& m) {
    out_ += "model " + m.name.text;
    members(m.members);
  }
  void operator()(const TableauDecl& t) {
    out_ += "tableau " + t.name.text;
    options(t.options);
  }
  void operator()(const Train& t) {
    out_ += "train";
    options(t.options);
  }
  void operator()(const Instance& i) {
    out_ += i.field ? "field " : "layer ";
    out_ += i.name.text;
    if (i.index) out_ += '[' + i.index->text + ']';
    value(" = ", i.value);
    if (i.iteration) append(out_, *i.iteration);
  }
  void operator()(const Let& l) { append(out_, l); }
  void operator()(const Equation& e) {
    out_ += e.state.text;
    append_primes(out_, e.order);
    value(" = ", e.value);
  }
  void operator()(const AlgebraicEquation& e) { value("0 = ", e.value); }
  void operator()(const Diffusion& d) {
    out_ += "diffusion " + d.state.text;
    value(" = ", d.value);
  }
  void operator()(const Event& e) {
    value("event ", e.left);
    value(" = ", e.right);
    if (e.direction == Event::Direction::rising) out_ += " rising";
    if (e.direction == Event::Direction::falling) out_ += " falling";
    if (e.iteration) append(out_, *e.iteration);
    for (const EventReset& reset : e.resets) {
      new_line();
      if (reset.stop) {
        out_ += "stop";
      } else {
        append(out_, reset.target);
        value(" = ", reset.value);
      }
    }
  }
  void operator()(const Output& o) {
    out_ += "output " + o.name.text;
    value(" = ", o.value);
  }
  void operator()(const Metric& m) {
    out_ += "metric " + m.name.text;
    value(" = ", m.value);
  }
  void operator()(const Loss& l) { value("loss ", l.value); }

 private:
  void indent() { out_.append(static_cast<size_t>(2 * depth_), ' '); }
  void new_line() {
    out_ += '\n';
    out_.append(static_cast<size_t>(2 * depth_ + 2), ' ');
  }
  void value(std::string_view before, const ExprPtr& e) {
    if (!e) return;
    out_ += before;
    append(out_, *e);
  }
  void type(const std::optional<TypeExpr>& t) {
    if (t) type(*t);
  }
  void type(const TypeExpr& t) {
    out_ += t.integer ? ": int" : ": real";
    if (!t.shape.empty()) {
      out_ += '[';
      append_list(out_, t.shape, ", ", [&](const ExprPtr& e) { append(out_, *e); });
      out_ += ']';
    }
    if (!t.lo) return;
    out_ += t.interval ? " in (" : " in ";
    if (t.interval) {
      append(out_, *t.lo);
      value(", ", t.hi);
      out_ += ')';
    } else {
      append(out_, Range{t.lo, t.hi});
    }
  }
  void variable(std::string_view word, const VarDecl& v) {
    out_ += word;
    out_ += v.name.text;
    type(v.type);
    value(" = ", v.value);
  }
  void shape_variables(const std::vector<Name>& names) {
    if (names.empty()) return;
    out_ += '[';
    append_list(out_, names, ", ", [&](const Name& n) { out_ += n.text; });
    out_ += ']';
  }
  void formals(const std::vector<Formal>& list) {
    out_ += '(';
    append_list(out_, list, ", ", [&](const Formal& f) {
      static constexpr std::string_view kinds[] = {"", ": dim", ": dim[]", ": fn", ": layer"};
      out_ += f.name.text;
      out_ += kinds[static_cast<size_t>(f.kind)];
      type(f.type);
      value(" = ", f.default_value);
    });
    out_ += ')';
  }
  void body(const Body& b) {
    if (b.lets.empty()) return value(" = ", b.result);
    for (const Let& let : b.lets) {
      new_line();
      append(out_, let);
    }
    new_line();
    value("return ", b.result);
  }
  void members(const std::vector<DeclPtr>& list) {
    for (const DeclPtr& member : list) {
      out_ += '\n';
      Printer inner(out_, depth_ + 1);
      inner.indent();
      std::visit(inner, member->node);
    }
  }
  void options(const std::vector<Option>& list) {
    for (const Option& option : list) {
      new_line();
      append_list(out_, option.path, ".", [&](const Name& n) { out_ += n.text; });
      value(" = ", option.value);
    }
  }

  std::string& out_;
  int depth_;
};

}  // namespace

std::string print(const File& file) {
  std::string out;
  for (const DeclPtr& declaration : file.declarations) Printer(out, 0).line(*declaration);
  return out;
}

}  // namespace nodec::syntax
