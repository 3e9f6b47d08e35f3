// The abstract syntax of `.node` files, as written: no name is resolved, no shape known.
//
// In: nothing. Out: plain data, owned by the file's tree, each node with its span.
// Never here: ANTLR types (parser.cpp owns them) and anything about meaning.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "compiler/source/diagnostics.hpp"

namespace nodec::syntax {

using source::Span;

struct Expr;
using ExprPtr = std::shared_ptr<const Expr>;

// A name as written, with its place. Primes are not part of the text.
struct Name {
  std::string text;
  Span span;
};

// ---- expressions -----------------------------------------------------------------------------------------
enum class Unary : uint8_t { plus, minus, logical_not };
enum class Binary : uint8_t {
  add,
  subtract,
  multiply,
  divide,
  floor_divide,
  modulo,
  matmul,
  power,
  less,
  less_equal,
  greater,
  greater_equal,
  equal,
  not_equal,
  logical_and,
  logical_or
};

struct Number {
  double value;
  bool integer;      // written without point and exponent
  std::string text;  // as written
};
struct String {
  std::string text;  // without the quotes
};
struct NameRef {
  std::string text;
  int primes = 0;  // z' has 1
};
struct UnaryOp {
  Unary op;
  ExprPtr operand;
};
struct BinaryOp {
  Binary op;
  ExprPtr left, right;
  Span op_span;
};
struct Range {  // lo..hi, or an array when hi is absent
  ExprPtr lo, hi;
};
struct Iteration {  // for NAME in RANGE, …
  std::vector<std::pair<Name, Range>> variables;
  ExprPtr condition;  // may be null
};
struct Argument {  // name = value, value, or value for …
  std::optional<Name> name;
  int name_primes = 0;  // q' = v0
  ExprPtr value;
  std::optional<Iteration> comprehension;
};
struct Call {
  ExprPtr callee;
  std::vector<Argument> arguments;
};
struct Member {  // object.name
  ExprPtr object;
  Name name;
};
struct IndexItem {
  bool slice = false;
  ExprPtr lo, hi;  // an index is lo; a slice has either, both or none
  Span span;
};
struct Index {
  ExprPtr object;
  std::vector<IndexItem> items;
};
struct Stack {  // [a, b, c]
  std::vector<ExprPtr> elements;
};
struct Comprehension {  // [e for i in …]
  ExprPtr body;
  Iteration iteration;
};
struct Tuple {  // (a, b)
  std::vector<ExprPtr> elements;
};
struct If {
  ExprPtr condition, then_value, else_value;
};

// The left side of `let`: one name (with a prime in event resets) or a tuple of names; "_" skips.
struct Target {
  std::vector<Name> names;
  bool tuple = false;
  int primes = 0;
  Span span;
};
struct Let {
  Target target;
  ExprPtr value;
  Span span;
};
// `= e` or `{ let …; return e }`.
struct Body {
  std::vector<Let> lets;
  ExprPtr result;
};
struct Loop {  // fold or scan
  bool scan;
  Target carry;
  ExprPtr initial;
  Iteration iteration;
  Body body;
};
struct Option {  // name.path = value
  std::vector<Name> path;
  ExprPtr value;
  Span span;
};
struct Method {  // dopri5(rtol = 1e-6)
  Name name;
  std::vector<Argument> arguments;
  Span span;
};
struct Solve {
  ExprPtr system;                             // F(z = a, u = c), a Call; the parser guarantees a Call
  ExprPtr from, to, at;                       // null when absent
  std::optional<Method> by, adjoint, logdet;  // logdet: name "exact" when no estimator is named
  Span logdet_span;
};

struct Expr {
  std::variant<Number, String, NameRef, UnaryOp, BinaryOp, Call, Member, Index, Stack, Comprehension, Tuple,
               If, Loop, Solve>
      node;
  Span span;
};

// ---- types -----------------------------------------------------------------------------------------------
struct TypeExpr {
  bool integer = false;
  std::vector<ExprPtr> shape;
  // `in (lo, hi)` is an open interval; `in lo..hi` a range without its end.
  ExprPtr lo, hi;
  bool interval = false;
  Span span;
};

// ---- declarations and members ----------------------------------------------------------------------------
struct DimDecl {
  Name name;
  ExprPtr value;
};
struct ConstDecl {
  Name name;
  std::optional<TypeExpr> type;
  ExprPtr value;
};
struct ParamDecl {
  Name name;
  TypeExpr type;
  ExprPtr value;        // = e
  ExprPtr initializer;  // ~ normal(0, 0.1)
};
struct VarDecl {  // one of `state`, `input`, `data`
  Name name;
  TypeExpr type;
  ExprPtr value;
};
struct SampleDecl {
  Name name;
  std::optional<TypeExpr> type;
  ExprPtr distribution;  // may be null
};
enum class FormalKind : uint8_t { value, dim, dims, function, layer };  // `k: dim`, `sizes: dim[]`, `act: fn`
struct Formal {
  Name name;
  FormalKind kind = FormalKind::value;
  std::optional<TypeExpr> type;
  ExprPtr default_value;
};
struct FnDecl {
  Name name;
  std::vector<Name> shape_variables;
  std::vector<Formal> formals;
  Body body;
};
struct Apply {
  std::vector<Name> shape_variables;
  std::vector<Formal> formals;
  Body body;
  Span span;
};
struct Instance {  // layer NAME[k] = e for k in 0..n
  bool field;
  Name name;
  std::optional<Name> index;
  ExprPtr value;
  std::optional<std::pair<Name, Range>> iteration;
};
struct Equation {  // z' = e  (order 1), q'' = e (order 2)
  Name state;
  int order;
  ExprPtr value;
};
struct AlgebraicEquation {  // 0 = g
  ExprPtr value;
};
struct Diffusion {
  Name state;
  ExprPtr value;
};
struct EventReset {
  bool stop;
  Target target;
  ExprPtr value;
};
struct Event {
  ExprPtr left, right;
  enum class Direction : uint8_t { both, rising, falling } direction = Direction::both;
  std::optional<std::pair<Name, Range>> iteration;
  std::vector<EventReset> resets;
};
struct Output {
  Name name;
  ExprPtr value;  // null: `output x`
};
struct Metric {
  Name name;
  ExprPtr value;
};
struct Loss {
  ExprPtr value;
};
struct Train {
  std::vector<Option> options;
};

struct Decl;
using DeclPtr = std::shared_ptr<const Decl>;

struct Use {
  bool stdlib;  // use nn; otherwise use "file"
  std::string path;
  std::optional<Name> alias;
};
struct StateDecl : VarDecl {};
struct InputDecl : VarDecl {};
struct DataDecl : VarDecl {};
struct LayerDecl {
  Name name;
  std::vector<Formal> formals;
  std::vector<DeclPtr> members;
};
struct FieldDecl {
  Name name;
  bool is_template = false;
  std::vector<Formal> formals;
  std::vector<DeclPtr> members;
};
struct ModelDecl {
  Name name;
  std::vector<DeclPtr> members;
};
struct TableauDecl {
  Name name;
  std::vector<Option> options;
};

// A declaration at top level or a member of a body; which may stand where is checked by semantics.
// A statement that declares several names (`state q: real, p: real`) gives one Decl each.
struct Decl {
  std::variant<Use, DimDecl, ConstDecl, ParamDecl, FnDecl, LayerDecl, FieldDecl, ModelDecl, TableauDecl,
               Instance, StateDecl, InputDecl, DataDecl, SampleDecl, Let, Apply, Equation, AlgebraicEquation,
               Diffusion, Event, Output, Metric, Loss, Train>
      node;
  Span span;
};

struct File {
  int32_t id = -1;  // in source::Files
  std::vector<DeclPtr> declarations;
};

}  // namespace nodec::syntax
