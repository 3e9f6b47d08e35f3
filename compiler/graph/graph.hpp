// The graph: immutable, hash-consed tensor expressions of one sample.
//
// In: calls of Graph's builders (semantics, derive). Out: nodes with shape, element type, rate and free
// variables. Never here: a batch axis, precision, layout, syntax, calculus (derive) or an order of execution
// (schedule).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "compiler/graph/extent.hpp"
#include "compiler/graph/tableau.hpp"

namespace nodec::graph {

enum class Element : uint8_t { real, integer, boolean, tuple };

struct Type {
  std::vector<Extent> shape;
  Element element = Element::real;
  int rank() const { return static_cast<int>(shape.size()); }
  bool scalar() const { return shape.empty(); }
  // The number of elements, as a polynomial.
  Extent size() const;
  std::string text() const;  // "real[2, T]"
  friend bool operator==(const Type&, const Type&) = default;
};

// The slowest loop that determines a value (derivation.md §4): folded, once per update, once per sample. What
// depends on a variable is computed inside that variable's binder.
enum class Base : uint8_t { constant, parameter, sample };

struct Node;
struct Op;
using Ref = const Node*;

enum class Kind : uint8_t {
  constant,     // payload Constant
  parameter,    // payload Leaf: a trained value, by path (the value that the user sees)
  data,         // payload Leaf: one sample's datum, by name; base parameter when shared by all samples
  setting,      // payload Leaf: a real scalar of the run (step, epoch, samples, batch, training, …): base
                // parameter
  random,       // payload Random: standard noise of a `sample` declaration, filled in by the runtime
  length,       // payload Length: the int value of an extent
  variable,     // payload Variable: bound by a Lambda, or open while its body is being built
  iota,         // int[n]: 0, 1, …, n−1
  map,          // payload Map: an elementwise function; operands of one shape
  contract,     // payload Contract: Σ over labels that the result lacks of the product of the operands
  view,         // payload View: an affine index map; operand 0 the source, then run-time offsets
  place,        // payload View: the transpose of a view: adds its operand's elements into zeros
  reshape,      // row-major, same number of elements
  gather,       // x, then for each axis of x an int operand of the result's shape
  scatter_add,  // updates, then for each axis of the result an int operand of the updates' shape
  concat,       // payload Axis: operands joined along an axis
  reduce,       // payload Reduce: max, min, prod or argmax over axes
  solve,        // payload Solve: an initial value problem; a tuple, see SolveInfo
  adjoint,      // payload Adjoint: cotangents of a solve's operands; a tuple, see AdjointInfo
  part,         // payload Part: a component of a tuple
  batch_sum,    // Σ over the samples of the batch: sample base -> parameter base
};

struct Constant {
  std::vector<double> values;  // row-major; a single value stands for all elements
  friend bool operator==(const Constant&, const Constant&);  // by bits
};
struct Leaf {
  std::string name;
  bool shared = false;  // data without a sample axis
  friend bool operator==(const Leaf&, const Leaf&) = default;
};
enum class Distribution : uint8_t { normal, uniform };  // N(0, 1); [0, 1)
struct Random {
  int stream;
  Distribution distribution;
  friend bool operator==(const Random&, const Random&) = default;
};
struct Length {
  Extent extent;
  friend bool operator==(const Length&, const Length&) = default;
};
// binder: a unique number from open_binder upward while open; the binder's height when closed.
constexpr int open_binder = 1 << 20;
struct Variable {
  int binder, index;
  friend bool operator==(const Variable&, const Variable&) = default;
};
struct Map {
  const Op* op;
  friend bool operator==(const Map&, const Map&) = default;
};
struct Contract {
  std::vector<std::string>
      operands;        // one letter an axis, as in einsum; a letter may repeat in an operand (diagonal)
  std::string result;  // distinct letters, each of some operand
  friend bool operator==(const Contract&, const Contract&) = default;
};
// source index = offset + Σ coefficient · result index  (+ run-time operand number `dynamic`, if ≥ 1)
struct AxisMap {
  Extent offset;
  std::vector<std::pair<int, int64_t>>
      terms;        // (result axis, coefficient), axes ascending, coefficients not 0
  int dynamic = 0;  // index into the node's operands, 0: none
  friend bool operator==(const AxisMap&, const AxisMap&) = default;
};
struct View {
  std::vector<AxisMap> axes;  // one for each source axis (view) or result axis (place)
  bool fill = false;  // indices may fall outside: zero there. Otherwise they are in range, except that
                      // run-time offsets out of range are a numerical failure that names `place`
  std::string place;  // "file:line" for that failure
  friend bool operator==(const View&, const View&) = default;
};
struct Axis {
  int axis;
  friend bool operator==(const Axis&, const Axis&) = default;
};
enum class Reduction : uint8_t { max, min, prod, argmax };
struct Reduce {
  Reduction reduction;
  std::vector<int> axes;  // ascending; argmax: exactly one
  friend bool operator==(const Reduce&, const Reduce&) = default;
};
struct Part {
  int index;
  friend bool operator==(const Part&, const Part&) = default;
};

// A function with bound variables in canonical form: alpha-equal lambdas are one pointer. Every variable has
// binder == height. Owned by the graph.
struct Lambda {
  int height;
  std::vector<Type> variables;
  std::vector<Ref> results;
  Base base = Base::sample;  // of the variables
  std::vector<int> free{};   // binders of the variables that occur free, ascending
  uint64_t hash = 0, order = 0;
};

struct SolveState {
  std::string name;
  std::string place;        // "file:line" of its equation
  bool quadrature = false;  // no equation reads it
  bool in_norm = true;
  friend bool operator==(const SolveState&, const SolveState&) = default;
};
// recurrence: discrete time. `field` gives the states at the next of ts, which count up from t0; no tableau,
// no control but this: folds and scans.
enum class StepRule : uint8_t { adaptive, fixed_step, equal_steps, recurrence };
enum class AdjointKind : uint8_t { checkpoint, backsolve };
// Scalars (atol: also real[elements of all states]; stops) that steer a solve, operands in this order.
enum class Control : uint8_t {
  rtol,
  atol,
  step,  // dt (fixed_step), number of steps (equal_steps), first step or 0 to choose one (adaptive)
  max_steps,
  safety,
  min_factor,
  max_factor,
  adjoint_rtol,
  adjoint_atol,  // of backsolve
  stops,         // adaptive: times where steps end, real[n] in the order of the solve; a scalar: none
  count
};
// A solve's operands: initial value of each state, t0, ts, the controls, the frontier of `field`.
// Its parts: each state at ts, stacked: [extent of ts, …state]. With initial_observed, ts[0] is t0 and
// part[0] the initial value (the cotangent of ts[0] then belongs to the operand t0 alone). The last of ts is
// where the solve ends. ts is monotone, either way.
struct SolveInfo {
  const Lambda* field;  // (t, states…) -> derivative of each state
  std::vector<SolveState> states;
  const Tableau* tableau;  // owned by the graph
  StepRule rule = StepRule::adaptive;
  AdjointKind adjoint = AdjointKind::checkpoint;
  bool initial_observed = false;
  std::string field_name, place;  // place: "file:line" of the solve
  friend bool operator==(const SolveInfo&, const SolveInfo&) = default;

  int state_count() const { return static_cast<int>(states.size()); }
  int t0_operand() const { return state_count(); }
  int ts_operand() const { return state_count() + 1; }
  int control_operand(Control c) const { return state_count() + 2 + static_cast<int>(c); }
  int frontier_operand() const {
    return state_count() + 2 + static_cast<int>(Control::count);
  }  // the first of them
};
// An adjoint's operands: the solve, the cotangent of each of its parts, the frontier of `pullback`.
// Its parts: the cotangent of each initial value, of t0, of ts, then of each of the solve's frontier operands
// that `frontier` names (index within the solve's frontier). Per sample, also where the operand is
// parameter-base.
struct AdjointInfo {
  const Lambda* pullback;  // (t, states…, cotangent κ of each derivative…) -> cotangent of t, of each state,
                           // of each frontier operand named below
  std::vector<int> frontier;
  friend bool operator==(const AdjointInfo&, const AdjointInfo&) = default;
};

using Payload = std::variant<std::monostate, Constant, Leaf, Random, Length, Variable, Map, Contract, View,
                             Axis, Reduce, Part, SolveInfo, AdjointInfo>;

struct Node {
  Kind kind;
  Type type;  // element == tuple for solve and adjoint: see `parts`
  std::vector<Ref> operands;
  Payload payload;
  std::vector<Type> parts;  // types of a tuple's components
  Base base = Base::constant;
  std::vector<int> free{};  // binders of the variables that occur free, ascending
  int height = 0;           // of the tallest lambda inside
  uint64_t hash = 0;        // of the content
  uint64_t order = 0;  // the same without the numbers of open binders: what commutative operands are sorted
                       // by, so that no order depends on how many binders were opened before
  int id = 0;          // order of creation, for printing; never part of a decision

  template <class T>
  const T& as() const {
    return std::get<T>(payload);
  }
  bool is(Kind k) const { return kind == k; }
  // The value of a constant all of whose elements agree.
  bool is_splat(double value) const;
};

// Owns the nodes. Building simplifies: constants fold, identities vanish, equal nodes are one. Builders
// require what their comments say and do not check it (verify does); semantics has reported users' errors
// before.
class Graph {
 public:
  Graph();
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  // ---- leaves
  Ref constant(double value, const Type& type = {});
  Ref constant(std::vector<double> values, const Type& type);
  Ref parameter(const std::string& path, const Type& type);
  Ref data(const std::string& name, const Type& type, bool shared);
  Ref setting(const std::string& name);
  Ref random(int stream, Distribution distribution, const Type& type);
  // base: parameter where shared data alone bind the lengths.
  Ref length(const Extent& extent, Base base = Base::sample);
  Ref iota(const Extent& extent);
  // Fresh open variables of one binder.
  std::vector<Ref> variables(const std::vector<Type>& types, Base base = Base::sample);

  // ---- tensors. map: operands of one shape.
  Ref map(const Op& op, std::vector<Ref> operands);
  Ref contract(std::vector<std::string> labels, std::string result, std::vector<Ref> operands);
  Ref view(Ref source, View view, std::vector<Extent> shape, std::vector<Ref> offsets = {});
  Ref place(Ref updates, View view, std::vector<Extent> shape, std::vector<Ref> offsets = {});
  Ref reshape(Ref x, std::vector<Extent> shape);
  Ref gather(Ref x, std::vector<Ref> indices);
  Ref scatter_add(Ref updates, std::vector<Ref> indices, std::vector<Extent> shape);
  Ref concat(std::vector<Ref> parts, int axis);
  Ref reduce(Ref x, Reduction reduction, std::vector<int> axes);
  Ref batch_sum(Ref x);

  // ---- structured nodes
  Ref part(Ref tuple, int index);
  // initial, t0, ts, controls (Control::count of them); the frontier is found here.
  Ref solve(SolveInfo info, std::vector<Ref> initial, Ref t0, Ref ts, std::vector<Ref> controls);
  Ref adjoint(Ref solve, AdjointInfo info, std::vector<Ref> cotangents);
  const Tableau* tableau(Tableau tableau);

  // ---- binders. close: the variables are all those of one `variables` call, in order.
  const Lambda* close(const std::vector<Ref>& variables, const std::vector<Ref>& results);
  struct Opened {
    std::vector<Ref> variables, results;
  };
  Opened open(const Lambda* lambda);
  // Maximal subexpressions free of the lambda's variables and not constant; views that repeat or permute all
  // of their source (expands, transposes) and reshapes sink to it. In order of first occurrence in the
  // results.
  std::vector<Ref> frontier(const Lambda* lambda) const;
  // Rebuilds `roots` with nodes replaced; inside lambdas too (the frontier is recomputed). The keys are free
  // of closed variables. What `adjoint` differentiates with respect to must stay in its solve's frontier.
  std::vector<Ref> substitute(const std::vector<Ref>& roots,
                              const std::unordered_map<Ref, Ref>& replacements);

  size_t size() const;

  struct Store;  // store.hpp, for this layer alone

 private:
  std::unique_ptr<Store> store_;
};

// Nodes that the roots reach, operands before users; not inside lambdas.
std::vector<Ref> postorder(std::span<const Ref> roots);

// A named result of what is compiled: sample base gives one value per sample, parameter base one in all.
struct Output {
  std::string name;
  Ref value;
};

// SSA text of what the outputs reach, lambdas included: what `--emit=graph` prints.
std::string print(std::span<const Output> outputs);
// "" or the first invariant that does not hold, with the node. The invariants stand in verify.cpp's header
// comment.
std::string verify(const Graph& graph, std::span<const Output> outputs);

}  // namespace nodec::graph
