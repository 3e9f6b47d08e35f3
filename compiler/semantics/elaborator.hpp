// The work of this layer: walks the AST and builds the graph. Split over the .cpp files named at each group.
//
// A mistake is reported where it is found and then thrown as Abandon to the enclosing statement, whose names
// count as failed from then on: what reads them is abandoned without a second message.
#pragma once

#include <deque>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "compiler/derive/derive.hpp"
#include "compiler/graph/graph.hpp"
#include "compiler/graph/limit.hpp"
#include "compiler/graph/tableau.hpp"
#include "compiler/semantics/module.hpp"
#include "compiler/semantics/value.hpp"

namespace nodec::semantics {

using source::Id;
using syntax::Expr;

struct Abandon {};

// Thrown by what no axis can stand for, a solve that varies with these loops, to the innermost of them: its
// steps are then taken one after the other.
struct TakesSteps {
  std::vector<int> loops;
};

// While it lives, errors at places inside a template or a function are given a note that says which use of
// it they are about: the text is right for some of its uses and wrong for this one.
class UseOf {
 public:
  UseOf(source::Diagnostics& diagnostics, Span inside, Span at, std::string words)
      : diagnostics_(diagnostics),
        before_(diagnostics.all().size()),
        inside_(inside),
        at_(at),
        words_(std::move(words)) {}
  ~UseOf() { diagnostics_.note_since(before_, inside_, at_, words_); }
  UseOf(const UseOf&) = delete;
  UseOf& operator=(const UseOf&) = delete;

 private:
  source::Diagnostics& diagnostics_;
  size_t before_;
  Span inside_, at_;
  std::string words_;
};

// Gives a variable its value back at the end of a block, also when that is abandoned.
template <class T>
struct Restored {
  T& place;
  T old;
  explicit Restored(T& variable) : place(variable), old(variable) {}
  Restored(T& variable, T value) : place(variable), old(std::move(variable)) { place = std::move(value); }
  ~Restored() { place = std::move(old); }
  Restored(const Restored&) = delete;
  Restored& operator=(const Restored&) = delete;
};

// An argument of a call: its value and where it stands.
struct Actual {
  std::string name;  // "" when positional
  Value value;
  const Expr* text = nullptr;
  Span span;
  Span name_span;
};
struct CallSite {
  std::string name;
  Span span, callee;
  std::vector<Actual> arguments;
};

// A method as `by` wants it.
struct MethodUse {
  const graph::Tableau* tableau = nullptr;
  std::string name;
  graph::StepRule rule = graph::StepRule::adaptive;
  std::vector<Ref> controls;      // of Control::count; the adjoint's are filled in by solve
  std::vector<std::string> norm;  // states that the norm is restricted to; empty: all
  Span norm_span;
};

constexpr int64_t largest_array = int64_t{1} << 31;
// What makes a step of a loop, a scope with its names, an instance with its paths cost in steps of
// elaboration.
constexpr int64_t work_of_instance = 60;
constexpr int64_t most_known = 1'000'000;  // elements of an array that is computed while checking
constexpr int deepest = 1400;
constexpr int most_axes = 16;
constexpr int64_t unrolled_steps = 16;  // of a fold that could be a loop

class Elaborator {
 public:
  Elaborator(Module& module, const Options& options, const Reader& reader, source::Files& files,
             source::Diagnostics& diagnostics);
  void run(const syntax::File& file);
  // A model of a field alone: its states and inputs are the data (what has a default and is not given keeps
  // it).
  Model field_model(const Field& field, const std::set<std::string>& given);

 private:
  friend class Builtins;

  // ---- warnings.cpp, remarks.cpp: what is right and worth a word
  void check_tolerance(const std::string& option, Ref value, Span span);
  void warn_of_parameters_without_gradient(const syntax::File& file);
  // Reported when remarks are wanted, about what the user wrote.
  template <class... A>
  void remark(Id id, Span span, A&&... arguments) {
    if (options_.remarks && !stdlib_files_.contains(span.file))
      diagnostics_.report(id, span, std::forward<A>(arguments)...);
  }
  void remark_on_method(const std::string& field, Span span, const MethodUse& method,
                        const graph::SolveInfo& info, bool method_chosen, bool adjoint_chosen);
  void remark_on_trace(const std::vector<Ref>& variables, const std::vector<Ref>& results,
                       const Extent& elements, Span span);
  void remark_on_field(const Field& field);
  void remark_on_jacobian(const Tensor& result, const Tensor& by, Span span);

  // ---- modules.cpp: files and top-level declarations
  struct LoadedFile {
    std::shared_ptr<const syntax::File> file;
    ScopePtr scope;
    Span from;  // the `use` that is loading it
  };
  void declare_file(const syntax::File& file, const ScopePtr& scope, bool main);
  void declare(const syntax::DeclPtr& decl, const ScopePtr& scope);
  void import(const syntax::Use& use, Span span, const ScopePtr& scope);
  // With `only`, of stdlib/tableaux.node that method alone; null when it has none of the name.
  LoadedFile* load(const syntax::Use& use, Span span, const std::string& only = "");
  void add_binding(const ScopePtr& scope, const std::string& name, Span span, std::function<Value()> make);
  void note_differentiated(const syntax::File& file);
  void check_unapplied(const syntax::Decl& decl, Scope& scope);
  void check_defines();

  // ---- scope.cpp: names
  Binding* find(Scope& scope, const std::string& name);
  Value lookup(Scope& scope, const std::string& name, Span span);
  Value force(Binding& binding, const std::string& name, Span use);
  void bind(Scope& scope, const std::string& name, Span span, Value value);
  std::vector<std::string> visible_names(Scope& scope);
  [[noreturn]] void unknown(const std::string& what, const std::string& name, Span span,
                            const std::vector<std::string>& candidates);
  // "did you mean …?", with the replacement, where one of the candidates is near.
  void suggest(source::Diagnostic& diagnostic, const std::string& name, Span span,
               const std::vector<std::string>& candidates) const;
  template <class... A>
  [[noreturn]] void fail(Id id, Span span, A&&... arguments) {
    diagnostics_.report(id, span, std::forward<A>(arguments)...);
    throw Abandon{};
  }
  [[noreturn]] void unsupported(const std::string& what, Span span) {
    fail(Id::not_supported_yet, span, what);
  }
  // Ends the statement when the program has asked for more work than it may.
  void count_work(Span span, int64_t steps = 1);
  // Told once: what else the program asks for is too much for the same reason.
  [[noreturn]] void expands(Span span, size_t limit, const char* what);
  [[noreturn]] void expands(const graph::TooManyNodes& found, Span span) {
    expands(span, found.limit, found.what);
  }

  // ---- shapes.cpp: loops, broadcasting, integers
  std::vector<int> union_of(const std::vector<int>& a, const std::vector<int>& b) const;
  std::vector<Extent> extents(const std::vector<int>& loops) const;
  // The value with axes for `loops` (a superset of its own) and its own shape broadcast to `shape`.
  Ref fit(const Tensor& x, const std::vector<int>& loops, const std::vector<Extent>& shape);
  Ref fit(const Tensor& x, const std::vector<int>& loops) { return fit(x, loops, x.shape()); }
  // The shape that both broadcast to, or a diagnostic with both.
  std::vector<Extent> broadcast(const Tensor& a, Span a_span, const Tensor& b, Span b_span, Span at,
                                const std::string& what);
  void check_size(const Type& type, Span span);
  Tensor tensor_of(Ref ref, std::vector<int> loops = {});
  Tensor number(double value);
  Tensor integer(const Extent& value);
  Tensor from_affine(const Affine& affine);
  Ref affine_ref(const Affine& affine);
  Ref length(const Extent& extent);
  Tensor elementwise(std::string_view op, std::vector<Tensor> operands, const std::vector<Span>& spans,
                     Span at, const std::string& what);
  Tensor real(const Tensor& x);
  Tensor arithmetic_operand(const Tensor& x, Span span, const std::string& what);
  std::optional<Affine> combine(std::string_view op, const Tensor& a, const Tensor& b);
  Tensor sum(const Tensor& x, const std::vector<int>& own_axes);
  // Products and sums by labels over own axes; loops' labels are added.
  Tensor contract(const std::vector<std::string>& labels, const std::string& result,
                  const std::vector<Tensor>& operands);
  Tensor reshape(const Tensor& x, std::vector<Extent> shape);
  // The own axes of x rearranged by an index map: for each own axis of x its map over the axes of `shape`.
  Tensor view(const Tensor& x, std::vector<graph::AxisMap> axes, std::vector<Extent> shape);

  // ---- expressions.cpp, operators.cpp
  Value evaluate(const Expr& expr, Scope& scope);
  Tensor tensor(const Expr& expr, Scope& scope);
  Tensor as_tensor(const Value& value, Span span);
  Tensor scalar(const Expr& expr, Scope& scope, const std::string& what);
  Tensor condition(const Expr& expr, Scope& scope);
  Extent dimension(const Expr& expr, Scope& scope);
  Extent dimension(const Tensor& x, Span span);
  int64_t constant_integer(const Expr& expr, Scope& scope, const std::string& what);
  double constant_real(const Expr& expr, Scope& scope, const std::string& what);
  std::string describe(const Value& value);
  Value name_reference(const syntax::NameRef& name, Span span, Scope& scope);
  Value special_name(const std::string& name);
  Value member(const syntax::Member& member, Span span, Scope& scope);
  Value unary(const syntax::UnaryOp& op, Span span, Scope& scope);
  Value binary(const syntax::BinaryOp& op, Span span, Scope& scope);
  Tensor binary_values(syntax::Binary op, const Tensor& a, Span a_span, const Tensor& b, Span b_span,
                       Span at);
  void warn_of_equal_reals(const Tensor& a, const Tensor& b, Span at, const char* symbol);
  Tensor power(const Tensor& base, Span base_span, const Tensor& exponent, Span exponent_span, Span at);
  Tensor product(const Tensor& a, Span a_span, const Tensor& b, Span b_span, Span at);
  Tensor integer_power(const Tensor& base, int64_t exponent);
  Value conditional(const syntax::If& choice, Span span, Scope& scope);
  Value choose(const Tensor& condition, const Value& a, Span a_span, const Value& b, Span b_span, Span at);
  Value stack_of(const std::vector<Tensor>& parts, const std::vector<Span>& spans, Span span);
  void bind_target(const syntax::Target& target, const Value& value, Span value_span, Scope& scope);

  // ---- indexing.cpp
  Value index(const syntax::Index& index, Span span, Scope& scope);
  Tensor index_tensor(const Tensor& x, Span x_span, const std::vector<syntax::IndexItem>& items, Span span,
                      Scope& scope);
  struct IndexedAxis {
    Affine start;
    std::optional<Tensor> gathered;  // an index that is no linear function of the loops
    bool vanishes = false;           // an index, not a slice
    bool fill = false;               // may leave the array where a condition does not hold
    Extent length;
    std::vector<int> loops;
    Span span;
  };
  IndexedAxis index_axis(const syntax::IndexItem& item, const Extent& n, Scope& scope);
  IndexedAxis slice_axis(const syntax::IndexItem& item, const Extent& n, Scope& scope);
  Tensor gather_axes(const Tensor& x, const std::vector<IndexedAxis>& axes, const std::vector<int>& loops);
  Tensor view_axes(const Tensor& x, const std::vector<IndexedAxis>& axes, const std::vector<int>& loops,
                   Span span);
  static std::vector<Extent> kept_extents(const std::vector<IndexedAxis>& axes);
  Tensor index_operand(const Expr& expr, Scope& scope);
  Tensor from_end(const Tensor& k, const Extent& n, Span at);
  Affine extreme(const Affine& x, bool largest) const;
  bool fits(const Extent& slack, Span at, const std::string& what, const Extent& n);
  void check_guarded(const Tensor& k, const Extent& n, Span at);
  // Bounds of an index made of run-time ints whose ranges are known: least and largest value.
  std::optional<std::pair<Extent, Extent>> bounds_of(const Affine& index) const;

  // ---- loops.cpp
  struct OpenLoops {
    ScopePtr scope;
    std::vector<int> loops;
    std::optional<Tensor> condition;
  };
  OpenLoops open_loops(const syntax::Iteration& iteration, const ScopePtr& scope);
  std::pair<Extent, Extent> range(const syntax::Range& range, Scope& scope);
  Value comprehension(const syntax::Comprehension& comprehension, Span span, Scope& scope);
  Tensor reduction(const std::string& name, const Expr& body, const syntax::Iteration& iteration, Span span,
                   Scope& scope);
  Value fold(const syntax::Loop& loop, Span span, Scope& scope);
  // What a fold runs over.
  struct Ranges {
    struct Variable {
      const syntax::Name* name;
      Extent lo, count;
      std::optional<Tensor> array;
    };
    std::vector<Variable> variables;
    Extent total = 1;
  };
  Ranges ranges(const syntax::Iteration& iteration, Scope& scope);
  // What a loop stacked that took its steps one after the other: `axes` first axes of `count` elements in
  // all.
  struct Stepped {
    Value all;
    size_t axes;
    Extent count;
  };
  // Puts back what was there when it was made: of an attempt that is to be made another way.
  std::function<void()> undo();
  // Runs `lifted` and gives nothing, unless that meets what varies with the loops that it opened and has no
  // axis: then the values of `body`, step by step.
  std::optional<Stepped> lifted_or_stepped(const std::function<void(OpenLoops&)>& lifted,
                                           const std::function<Value(Scope&)>& body,
                                           const syntax::Iteration& iteration, Span span, Scope& scope);
  Value stacked(const Value& body, const OpenLoops& open, const syntax::Comprehension& comprehension,
                Span span);
  Tensor reduced(const std::string& name, const Tensor& stacked, const std::vector<int>& axes, Span span,
                 const std::function<Tensor()>& count);
  Value unrolled_fold(const syntax::Loop& loop, Value carry, const Ranges& over, Span span, Scope& scope);
  Tensor close_stack(const Tensor& body, const std::vector<int>& loops);

  // ---- recurrences.cpp
  Value recurrence(const syntax::Loop& loop, const Value& initial, const Ranges& over, Span span,
                   Scope& scope);
  ScopePtr step_scope(const Ranges& over, Ref time, const ScopePtr& outer);
  // The body's values for all steps, taken one after the other, stacked by axes for the loop variables.
  Value stepped_stack(const Ranges& over, Span span, Scope& scope, const std::function<Value(Scope&)>& body);
  // The same with the steps written out, those alone that a condition wants.
  Stepped unrolled_stack(const Ranges& over, const syntax::Iteration& iteration, Span span, Scope& scope,
                         const std::function<Value(Scope&)>& body);
  void each_step(const Ranges& over, Span span, Scope& scope,
                 const std::function<void(const ScopePtr&)>& step);
  Value stack_values(const std::vector<Value>& values, Span each, Span span);
  Ref recurrence_node(const std::string& name, const std::vector<graph::SolveState>& states,
                      const graph::Lambda* step, const std::vector<Ref>& starts, const Extent& total,
                      Span span);
  Tensor steps_of(Ref states, const std::vector<int>& loops, graph::Element element, const Extent& total);
  std::vector<Tensor> carried(const Value& value, Span span);
  Tensor from_carried(Ref ref, const std::vector<int>& loops, graph::Element element);

  // ---- markers.cpp: names that derivatives are taken by
  Tensor mark(const std::string& name, const Tensor& x);
  // Puts back what the markers from `frame` on stand for, but for `kept`.
  void resolve(size_t frame, const std::vector<Ref*>& roots, Ref kept = nullptr);
  size_t marker_frame() const { return markers_.size(); }

  // ---- calls.cpp
  Value call(const syntax::Call& call, Span span, Scope& scope);
  Value apply_function(const Function& function, CallSite& site);
  Value apply_layer(const LayerInstance& layer, CallSite& site);
  ScopePtr bind_formals(const std::vector<syntax::Formal>& formals,
                        const std::vector<syntax::Name>& shape_variables, const ScopePtr& outer,
                        CallSite& site, const std::string& what);
  Value formal_value(const syntax::Formal& formal, const Actual& actual,
                     const std::vector<syntax::Name>& shape_variables, Scope& scope);
  void match_shape(const syntax::Formal& formal, const Tensor& x, Span span,
                   const std::vector<syntax::Name>& shape_variables, Scope& scope);
  Value body(const syntax::Body& body, const ScopePtr& scope);
  std::vector<Actual> actuals(const std::vector<syntax::Argument>& arguments, Scope& scope);
  Value field_call(FieldInstance& field, const syntax::Call& call, Span span, Scope& scope);

  // ---- builtins.cpp and builtins_*.cpp
  bool is_builtin(const std::string& name) const;
  bool is_derivative(const std::string& name) const;
  const std::vector<std::string>& builtin_names() const;
  Value call_builtin(const std::string& name, const syntax::Call& call, CallSite& site, Scope& scope);
  Value derivative(const std::string& name, const syntax::Call& call, Span span, Scope& scope);

  // ---- declarations.cpp
  // Binds a name at once; what fails leaves it failed.
  void define(const ScopePtr& scope, const std::string& name, Span span, std::function<Value()> make);
  Type type_of(const syntax::TypeExpr& type, Scope& scope);
  void require_sizes(const Type& type, const syntax::TypeExpr& written, const std::string& what);
  Ref initial_value(const Tensor& value, const Type& type, Span span, const std::string& name,
                    Span type_span);
  void check_inside(const syntax::ParamDecl& decl, const ParameterDecl& parameter);
  double default_start(const syntax::ParamDecl& decl, Scope& scope);
  Value dim_value(const syntax::DimDecl& decl, Scope& scope);
  Value const_value(const syntax::ConstDecl& decl, Scope& scope, Span span);
  Value param(const syntax::ParamDecl& decl, const ScopePtr& scope, Span span);
  Initializer initializer(const syntax::ParamDecl& decl, const Type& type, Scope& scope);
  Value instance(const syntax::Instance& decl, const ScopePtr& scope, Span span);
  Value instantiate(const syntax::Instance& decl, const std::string& path, const std::string& source_path,
                    const ScopePtr& scope);
  std::shared_ptr<LayerInstance> make_layer(const LayerTemplate& layer, const std::string& path,
                                            const std::string& source_path, CallSite& site);
  bool common_member(const syntax::DeclPtr& decl, const ScopePtr& scope);
  void guarded(const std::function<void()>& statement);
  // Also where the statement makes too many nodes outside of an expression.
  void guarded(Span span, const std::function<void()>& statement);

  // ---- field.cpp
  std::shared_ptr<FieldInstance> make_field(const syntax::FieldDecl& decl, const ScopePtr& outer,
                                            const std::string& path, const std::string& source_path,
                                            CallSite* arguments);
  void check_field(FieldInstance& field);
  FieldInstance::Member variable(const syntax::VarDecl& decl, Scope& scope, const std::string& what,
                                 bool sized);
  void lazy_let(const syntax::Let& let, const ScopePtr& scope, Span span);
  // Derivative of each state, given t (if it is), states and inputs in order.
  std::vector<Tensor> right_hand_side(const FieldInstance& field, const Tensor* time,
                                      const std::vector<Tensor>& states, const std::vector<Tensor>& inputs,
                                      Span use);
  FieldInstance& field_of(const Expr& callee, Scope& scope);
  struct Binds {
    std::vector<Tensor> states, inputs;
    std::optional<Tensor> time;
  };
  Binds field_arguments(FieldInstance& field, const syntax::Call& call, Span span, Scope& scope, bool solve);

  // ---- logdet.cpp
  Ref trace(const syntax::Method& estimator, Span span, const std::vector<Ref>& derivatives,
            const std::vector<Ref>& states, Scope& scope);
  Ref estimate(const syntax::Method& estimator, Span span, const std::vector<Ref>& derivatives,
               const std::vector<Ref>& states, Scope& scope, derive::Refusal& refusal);
  std::vector<Ref> probe_noise(const std::vector<Type>& types, int64_t probes, bool normal, Span span);
  void refuse_estimates(const graph::Lambda* step);

  // ---- solve.cpp, methods.cpp
  Value solve(const syntax::Solve& solve, Span span, Scope& scope);
  void check_times(const syntax::Solve& solve, Ref t0, Ref times);
  // The elements of a value that depends on nothing given at run time, where they are not too many to
  // compute.
  std::optional<std::vector<double>> known_values(Ref ref, Span span);
  void adjoint_of(const syntax::Method* written, MethodUse& method, graph::SolveInfo& info, Scope& scope);
  MethodUse method(const syntax::Method* written, Extent elements, Scope& scope);
  const graph::Tableau* tableau(const std::string& name, Span span, Scope& scope);
  const graph::Tableau* make_tableau(const syntax::TableauDecl& decl, Scope& scope);
  std::vector<double> numbers(const Expr& expr, Scope& scope);
  std::vector<std::vector<double>> rows(const Expr& expr, Scope& scope);
  Tensor positive(const Expr& expr, Scope& scope, const std::string& what, bool zero_allowed);
  bool takes_gradient(Ref value) const;
  bool reads(const std::vector<Ref>& roots, Ref variable) const;

  // ---- model.cpp, train.cpp
  Tensor output_value(const Tensor& x, Span at);
  void any_output(const std::string& name, const Value& value, Span at, Model& model);
  std::set<std::string> lengths_of_shared_data(const syntax::ModelDecl& decl) const;
  void model(const syntax::ModelDecl& decl, Span span, const ScopePtr& outer);
  Value data(const syntax::DataDecl& decl, Model& model, Scope& scope, Span span);
  static std::set<std::string> asked_observed(const syntax::ModelDecl& decl);
  Tensor observed(const Expr& expr, Scope& scope);
  Value sample(const syntax::SampleDecl& decl, Model& model, Scope& scope, Span span);
  Ref averaged(const Tensor& x);
  TrainSpec train(const syntax::Train& train, Span span, Scope& scope);
  std::string path_of(const Expr& expr, Scope& scope);
  std::string parameter_group(std::string path, Span span, Scope& scope);
  void model_let(const syntax::Let& let, const ScopePtr& scope);
  // All nodes that the roots reach, inside lambdas too.
  std::vector<Ref> everything(const std::vector<Ref>& roots) const;
  void finish(Model& model, size_t frame);
  std::vector<ParameterDecl> parameters_read(const std::vector<Ref>& roots) const;

  Module& module_;
  graph::Graph& g_;
  const Options& options_;
  const Reader& reader_;
  source::Files& files_;
  source::Diagnostics& diagnostics_;

  std::map<std::string, LoadedFile> loaded_;
  std::vector<std::string> loading_;
  std::set<int32_t> stdlib_files_;
  std::vector<syntax::ExprPtr> kept_expressions_;
  std::unordered_set<std::string> differentiated_;  // names that some derivative is taken by
  std::set<std::string> defined_;                   // -D names that were found
  std::vector<std::string> definable_;

  std::vector<Extent> loop_extents_;  // by loop
  std::vector<Tensor> guards_;        // conditions under which the expression is read
  struct Marker {
    Ref variable;
    Tensor value;
  };
  std::vector<Marker> markers_;
  std::map<std::string, Span> length_spans_;
  std::set<std::string> shared_lengths_;                     // that only data shared by all samples give
  std::map<Ref, std::pair<Extent, Extent>> integer_bounds_;  // of data and samples; looked up, never iterated

  std::set<std::string> asked_observed_;  // data that the model asks of which entries are present
  std::map<Ref, Tensor> observed_;        // by such a datum's value; looked up, never iterated

  std::unordered_set<Ref>
      step_numbers_;  // of recurrences: they are inside their range whenever they are read

  std::vector<ParameterDecl> parameters_;
  std::vector<DataDecl> const_data_;
  std::map<const syntax::TableauDecl*, const graph::Tableau*> tableaux_;
  std::map<const syntax::SampleDecl*, int> streams_;
  std::vector<Span> estimates_;  // of traces in the model: where each stream of their noise is asked for
  std::map<const void*, int> active_;  // functions being applied
  std::vector<SolveUse> solves_;
  Model* model_ = nullptr;
  bool in_metric_ = false, in_field_ = false;
  int depth_ = 0;
  int64_t work_ = 0;
};

}  // namespace nodec::semantics
