// What a name or an expression stands for while a file is elaborated.
//
// A tensor inside a comprehension carries one leading axis for each loop that it depends on: a loop is never
// run here, it becomes an axis of the graph.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "compiler/graph/graph.hpp"
#include "compiler/semantics/module.hpp"
#include "compiler/source/diagnostics.hpp"
#include "compiler/syntax/ast.hpp"

namespace nodec::semantics {

// An integer as offset + Σ coefficient · loop variable + Σ coefficient · run-time int. It tells what a shape,
// a slice's length or a view's index map is.
struct Affine {
  Extent offset;
  std::vector<std::pair<int, int64_t>> loops;   // loop, coefficient; loops ascending
  std::vector<std::pair<Ref, int64_t>> opaque;  // scalars that depend on no loop
  bool fixed() const { return loops.empty() && opaque.empty(); }
  bool constant() const { return fixed() && offset.is_constant(); }
};

Affine operator+(const Affine& a, const Affine& b);
Affine operator*(const Affine& a, int64_t factor);
inline Affine operator-(const Affine& a, const Affine& b) { return a + b * -1; }

struct Tensor {
  Ref ref = nullptr;
  std::vector<int> loops;        // the loops whose axes lead ref's shape, ascending
  std::optional<Affine> affine;  // of an int scalar, where known

  graph::Element element() const { return ref->type.element; }
  int rank() const { return ref->type.rank() - static_cast<int>(loops.size()); }
  // Shape and type of one iteration's value.
  std::vector<Extent> shape() const;
  Type type() const { return {shape(), element()}; }
  // The value of a compile-time integer.
  std::optional<int64_t> integer() const;
};

struct Scope;
using ScopePtr = std::shared_ptr<Scope>;
struct Value;

struct DimList {  // an argument `sizes: dim[]`
  std::vector<Extent> dims;
};
struct Function {
  const syntax::FnDecl* decl;
  ScopePtr scope;
};
struct Builtin {  // a function of the language, by name
  std::string name;
};
struct LayerTemplate {
  const syntax::LayerDecl* decl;
  ScopePtr scope;
};
struct LayerInstance {
  const syntax::LayerDecl* decl;
  ScopePtr scope;
  std::string path;
};
struct FieldTemplate {
  const syntax::FieldDecl* decl;
  ScopePtr scope;
};
struct FieldInstance {
  const syntax::FieldDecl* decl;
  ScopePtr scope;  // its dims, consts, parameters and layers
  std::string name;
  struct Member {
    std::string name;  // q, or q' when `q''` made it a state
    Type type;
    Ref default_value = nullptr;
    Span span;
  };
  std::vector<Member> states, inputs;
  // Of each state; null: the next state is its derivative (q of `q'' = a`).
  std::vector<const syntax::Equation*> equations;
  bool failed = false;
};
struct Namespace {
  ScopePtr scope;
};
struct TableauName {
  const syntax::TableauDecl* decl;
  ScopePtr scope;
};
struct ModelName {};
struct Failed {};  // its declaration was wrong and has been reported

struct Value {
  struct TupleValue {
    std::vector<Value> parts;
  };
  struct ArrayValue {  // layers or fields, NAME[k]
    std::vector<Value> instances;
  };
  std::variant<Failed, Tensor, TupleValue, DimList, Function, Builtin, LayerTemplate,
               std::shared_ptr<LayerInstance>, ArrayValue, FieldTemplate, std::shared_ptr<FieldInstance>,
               Namespace, TableauName, ModelName>
      node;

  template <class T>
  const T* as() const {
    return std::get_if<T>(&node);
  }
};

// A name's meaning, found when it is first asked for.
struct Binding {
  enum class State : uint8_t { ready, pending, running };
  Value value;
  Span span;
  State state = State::ready;
  std::function<Value()> make;  // of a pending one
  bool imported = false;        // by `use`: not handed on to those who use this file
};

struct Scope {
  ScopePtr parent;
  std::map<std::string, Binding> names;
  std::string path, source_path;  // before the parameters declared here: "" or "flow.net.hidden.0."
};

}  // namespace nodec::semantics
