// Names are looked up from the inside out, as the elaborator does, but in the text alone: what is never
// instantiated or called is read here too.
#include "compiler/semantics/unused.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <string>

namespace nodec::semantics {
namespace {

using source::Id;
using source::Span;
using syntax::Decl;
using syntax::DeclPtr;
using syntax::ExprPtr;
using syntax::Name;

struct Declared {
  const Name* name;
  const char* kind;  // null: never worth a warning
  bool used = false;
  const syntax::TypeExpr* datum = nullptr;  // of `data`
  const void* body = nullptr;               // that it is declared in
  const syntax::Target* tuple = nullptr;    // of a let: reading one component names all
};

class Reader {
 public:
  void file(const syntax::File& file) {
    const bool complete =
        std::any_of(file.declarations.begin(), file.declarations.end(),
                    [](const DeclPtr& d) { return std::holds_alternative<syntax::ModelDecl>(d->node); });
    body(file.declarations, complete ? Where::top : Where::library);
  }

  void report(source::Diagnostics& diagnostics) const {
    std::vector<const Declared*> unused;
    for (const Declared& declared : all_) {
      const std::string& name = declared.name->text;
      if (declared.used || !declared.kind || read_tuples_.contains(declared.tuple) || name.starts_with("_") ||
          members_.contains(name))
        continue;
      if (!declared.datum || !gives_length(declared)) unused.push_back(&declared);
    }
    std::sort(unused.begin(), unused.end(),
              [](const Declared* a, const Declared* b) { return a->name->span.begin < b->name->span.begin; });
    for (const Declared* declared : unused)
      diagnostics.report(Id::unused_name, declared->name->span, declared->kind, declared->name->text);
  }

 private:
  enum class Where { top, library, inside };
  using Level = std::map<std::string, Declared*>;

  // A datum that nothing reads may still be the only one to give a length.
  bool gives_length(const Declared& datum) const {
    for (const ExprPtr& extent : datum.datum->shape) {
      auto* length = std::get_if<syntax::NameRef>(&extent->node);
      if (!length) continue;
      const bool elsewhere = std::any_of(all_.begin(), all_.end(), [&](const Declared& other) {
        return &other != &datum && other.datum && other.body == datum.body &&
               std::any_of(other.datum->shape.begin(), other.datum->shape.end(), [&](const ExprPtr& e) {
                 auto* name = std::get_if<syntax::NameRef>(&e->node);
                 return name && name->text == length->text;
               });
      });
      const auto count = reads_.find(length->text);
      if (!elsewhere && count != reads_.end() && count->second > 1) return true;
    }
    return false;
  }

  Declared* declare(const Name& name, const char* kind) {
    all_.push_back({&name, kind});
    if (name.text != "_") levels_.back()[name.text] = &all_.back();
    return &all_.back();
  }
  void declare(const syntax::Target& target) {
    for (const Name& name : target.names) {
      Declared* declared = declare(name, "the value");
      if (target.tuple) declared->tuple = &target;
    }
  }
  void read(const std::string& name) {
    ++reads_[name];
    for (size_t i = levels_.size(); i-- > 0;) {
      const auto found = levels_[i].find(name);
      if (found == levels_[i].end()) continue;
      found->second->used = true;
      if (found->second->tuple) read_tuples_.insert(found->second->tuple);
      return;
    }
  }

  struct Inside {
    Reader& reader;
    explicit Inside(Reader& r) : reader(r) { r.levels_.emplace_back(); }
    ~Inside() { reader.levels_.pop_back(); }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
  };

  // ---- bodies --------------------------------------------------------------------------------------------
  void body(const std::vector<DeclPtr>& members, Where where) {
    const Inside inside(*this);
    for (const DeclPtr& member : members) {
      const size_t before = all_.size();
      std::visit([&](const auto& node) { introduce(node, where); }, member->node);
      for (size_t i = before; i < all_.size(); ++i) all_[i].body = &members;
    }
    for (const DeclPtr& member : members) std::visit([&](const auto& node) { declared(node); }, member->node);
  }

  // What a member declares for the others, and for those inside them.
  static const char* kind(const char* word, Where where) { return where == Where::library ? nullptr : word; }
  template <class Other>
  void introduce(const Other&, Where) {}
  void introduce(const syntax::DimDecl& d, Where where) { declare(d.name, kind("the dim", where)); }
  void introduce(const syntax::ConstDecl& d, Where where) { declare(d.name, kind("the const", where)); }
  void introduce(const syntax::ParamDecl& d, Where where) { declare(d.name, kind("the parameter", where)); }
  void introduce(const syntax::FnDecl& d, Where where) { declare(d.name, kind("the function", where)); }
  void introduce(const syntax::LayerDecl& d, Where) { declare(d.name, nullptr); }
  void introduce(const syntax::FieldDecl& d, Where) { declare(d.name, nullptr); }  // `solve FIELD` names it
  void introduce(const syntax::ModelDecl& d, Where) { declare(d.name, nullptr); }
  void introduce(const syntax::TableauDecl& d, Where) { declare(d.name, nullptr); }
  void introduce(const syntax::Instance& d, Where where) {
    const bool by_command = d.field && where != Where::inside;
    declare(d.name, by_command ? nullptr : kind(d.field ? "the field" : "the layer", where));
  }
  void introduce(const syntax::StateDecl& d, Where) { declare(d.name, nullptr); }
  void introduce(const syntax::InputDecl& d, Where) { declare(d.name, "the input"); }
  void introduce(const syntax::DataDecl& d, Where) { declare(d.name, "the datum")->datum = &d.type; }
  void introduce(const syntax::SampleDecl& d, Where) { declare(d.name, "the sample"); }
  void introduce(const syntax::Let& d, Where) { declare(d.target); }
  void introduce(const syntax::Output& d, Where) {
    if (d.value) declare(d.name, nullptr);
  }

  // What a member reads.
  void declared(const syntax::Use&) {}
  void declared(const syntax::DimDecl& d) { expr(d.value); }
  void declared(const syntax::ConstDecl& d) {
    if (d.type) type(*d.type);
    expr(d.value);
  }
  void declared(const syntax::ParamDecl& d) {
    type(d.type);
    expr(d.value);
    expr(d.initializer);
  }
  void declared(const syntax::VarDecl& d) {
    type(d.type);
    expr(d.value);
  }
  void declared(const syntax::SampleDecl& d) {
    if (d.type) type(*d.type);
    expr(d.distribution);
  }
  void declared(const syntax::FnDecl& d) { function(d.shape_variables, d.formals, d.body); }
  void declared(const syntax::Apply& d) { function(d.shape_variables, d.formals, d.body); }
  void declared(const syntax::LayerDecl& d) { with_formals(d); }
  void declared(const syntax::FieldDecl& d) { with_formals(d); }
  void declared(const syntax::ModelDecl& d) { body(d.members, Where::inside); }
  void declared(const syntax::TableauDecl& d) { options(d.options); }
  void declared(const syntax::Instance& d) {
    const Inside inside(*this);
    if (d.iteration) {
      expr(d.iteration->second.lo);
      expr(d.iteration->second.hi);
    }
    if (d.index) declare(*d.index, nullptr);
    expr(d.value);
  }
  void declared(const syntax::Let& d) { expr(d.value); }
  void declared(const syntax::Equation& d) { expr(d.value); }
  void declared(const syntax::AlgebraicEquation& d) { expr(d.value); }
  void declared(const syntax::Diffusion& d) { expr(d.value); }
  void declared(const syntax::Event& d) {
    const Inside inside(*this);
    if (d.iteration) {
      declare(d.iteration->first, nullptr);
      expr(d.iteration->second.lo);
      expr(d.iteration->second.hi);
    }
    expr(d.left);
    expr(d.right);
    for (const auto& reset : d.resets) expr(reset.value);
  }
  void declared(const syntax::Output& d) {
    if (d.value)
      expr(d.value);
    else
      read(d.name.text);
  }
  void declared(const syntax::Metric& d) { expr(d.value); }
  void declared(const syntax::Loss& d) { expr(d.value); }
  void declared(const syntax::Train& d) { options(d.options); }

  template <class Template>
  void with_formals(const Template& d) {
    const Inside inside(*this);
    formals(d.formals);
    body(d.members, Where::inside);
  }
  void formals(const std::vector<syntax::Formal>& list) {
    for (const auto& formal : list) declare(formal.name, nullptr);
    for (const auto& formal : list) {
      if (formal.type) type(*formal.type);
      expr(formal.default_value);
    }
  }
  void function(const std::vector<Name>& shape_variables, const std::vector<syntax::Formal>& list,
                const syntax::Body& result) {
    const Inside inside(*this);
    for (const Name& name : shape_variables) declare(name, nullptr);
    formals(list);
    block(result);
  }
  // Lets see those before them.
  void block(const syntax::Body& block) {
    for (const auto& let : block.lets) {
      expr(let.value);
      declare(let.target);
    }
    expr(block.result);
  }
  // Paths name what is trained, from outside.
  void options(const std::vector<syntax::Option>& list) {
    for (const auto& option : list) {
      for (const Name& part : option.path) members_.insert(part.text);
      expr(option.value);
    }
  }

  // ---- expressions ---------------------------------------------------------------------------------------
  void expr(const ExprPtr& e) {
    if (e) std::visit([&](const auto& node) { visit(node); }, e->node);
  }
  void expr(const std::vector<ExprPtr>& list) {
    for (const ExprPtr& e : list) expr(e);
  }
  void type(const syntax::TypeExpr& t) {
    expr(t.shape);
    expr(t.lo);
    expr(t.hi);
  }
  void iteration(const syntax::Iteration& over) {
    for (const auto& [name, range] : over.variables) {
      expr(range.lo);
      expr(range.hi);
      declare(name, nullptr);
    }
    expr(over.condition);
  }
  void arguments(const std::vector<syntax::Argument>& list) {
    for (const auto& argument : list) {
      const Inside inside(*this);
      if (argument.comprehension) iteration(*argument.comprehension);
      expr(argument.value);
    }
  }
  void method(const std::optional<syntax::Method>& m) {
    if (!m) return;
    read(m->name.text);
    arguments(m->arguments);
  }

  void visit(const syntax::Number&) {}
  void visit(const syntax::String&) {}
  void visit(const syntax::NameRef& name) { read(name.text); }
  void visit(const syntax::UnaryOp& op) { expr(op.operand); }
  void visit(const syntax::BinaryOp& op) {
    expr(op.left);
    expr(op.right);
  }
  void visit(const syntax::Call& call) {
    expr(call.callee);
    arguments(call.arguments);
  }
  void visit(const syntax::Member& member) {
    members_.insert(member.name.text);
    expr(member.object);
  }
  void visit(const syntax::Index& index) {
    expr(index.object);
    for (const auto& item : index.items) {
      expr(item.lo);
      expr(item.hi);
    }
  }
  void visit(const syntax::Stack& stack) { expr(stack.elements); }
  void visit(const syntax::Comprehension& comprehension) {
    const Inside inside(*this);
    iteration(comprehension.iteration);
    expr(comprehension.body);
  }
  void visit(const syntax::Tuple& tuple) { expr(tuple.elements); }
  void visit(const syntax::If& choice) {
    expr(choice.condition);
    expr(choice.then_value);
    expr(choice.else_value);
  }
  void visit(const syntax::Loop& loop) {
    expr(loop.initial);
    const Inside inside(*this);
    iteration(loop.iteration);
    for (const Name& name : loop.carry.names) declare(name, nullptr);
    block(loop.body);
  }
  void visit(const syntax::Solve& solve) {
    for (const ExprPtr* e : {&solve.system, &solve.from, &solve.to, &solve.at}) expr(*e);
    for (const auto* m : {&solve.by, &solve.adjoint, &solve.logdet}) method(*m);
  }

  std::deque<Declared> all_;
  std::vector<Level> levels_;
  std::set<std::string> members_;  // a.b may mean the b of any template
  std::map<std::string, int> reads_;
  std::set<const syntax::Target*> read_tuples_;
};

}  // namespace

void warn_of_unused_names(const syntax::File& file, source::Diagnostics& diagnostics) {
  Reader reader;
  reader.file(file);
  reader.report(diagnostics);
}

}  // namespace nodec::semantics
