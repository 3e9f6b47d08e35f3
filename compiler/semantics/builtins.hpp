// The language's functions: one row each, with how many arguments they take and what builds their graph.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/semantics/elaborator.hpp"

namespace nodec::semantics {

// One call of a function of the language, its arguments evaluated.
class Builtins {
 public:
  Builtins(Elaborator& elaborator, std::string name, CallSite& site);

  using Build = Value (*)(Builtins&);
  struct Row {
    std::string_view name;
    int least, most;            // positional arguments
    std::string_view keywords;  // names that it accepts, separated by blanks
    Build build;
    std::string_view call;  // how it is called, for messages
  };
  static std::span<const Row> reductions();    // builtins_reductions.cpp
  static std::span<const Row> arrangements();  // builtins_arrangements.cpp
  static std::span<const Row> tables();        // builtins_tables.cpp
  static std::span<const Row> algebra();       // builtins_algebra.cpp
  static const Row* find(std::string_view name);

  Value run(const Row& row);
  Value run_op();

  // ---- what rows build with
  size_t count() const { return positional_.size(); }
  Span span() const { return site_.span; }
  Span at(size_t i) const { return positional_[i]->span; }
  const Actual& actual(size_t i) const { return *positional_[i]; }
  Tensor tensor(size_t i) { return e.as_tensor(positional_[i]->value, at(i)); }
  Tensor number(size_t i);  // an argument that is a number or an array of numbers
  Tensor real(size_t i);    // the same as reals
  Extent extent(size_t i);  // a dimension
  Tensor keyword(std::string_view name);
  bool has(std::string_view name) const;
  // Own axes that `axis =` names, ascending; `all` or the last one when it is not given.
  std::vector<int> axes(const Tensor& x, bool all);
  int axis_index(const Value& value, Span at, int rank);
  Value done(const Tensor& x);  // after a check of its size
  Tensor map(std::string_view op, std::vector<Tensor> operands);
  const std::string& name() const { return name_; }

  Elaborator& e;
  graph::Graph& g;

  // Elaborator's tools, for rows.
  Tensor sum(const Tensor& x, const std::vector<int>& own) { return e.sum(x, own); }
  Tensor contract(const std::vector<std::string>& labels, const std::string& result,
                  const std::vector<Tensor>& x) {
    return e.contract(labels, result, x);
  }
  Tensor reshape(const Tensor& x, std::vector<Extent> shape) { return e.reshape(x, std::move(shape)); }
  Tensor view(const Tensor& x, std::vector<graph::AxisMap> axes, std::vector<Extent> shape) {
    return e.view(x, std::move(axes), std::move(shape));
  }
  Tensor padded(const Tensor& x, int own_axis, const Extent& before, const Extent& after);
  Tensor integer(const Extent& n) { return e.integer(n); }
  Tensor constant(double x) { return e.number(x); }
  Tensor as_real(const Tensor& x) { return e.real(x); }
  // x repeated to `shape` and its own loops.
  Tensor spread(const Tensor& x, const std::vector<Extent>& shape) {
    return {e.fit(x, x.loops, shape), x.loops, std::nullopt};
  }
  Tensor reduce(const Tensor& x, graph::Reduction how, std::vector<int> own);
  Tensor keep_axes(const Tensor& reduced, const Tensor& x,
                   const std::vector<int>& own);  // reduced axes as extent 1
  Tensor joined(const std::vector<Tensor>& parts);
  Tensor product(const Tensor& a, const Tensor& b);
  Tensor stop(const Tensor& x);
  void check(const Type& type, Span at) { e.check_size(type, at); }
  Tensor pick(const Tensor& x, const Tensor& k);  // x[k] along the first own axis, for an int scalar k
  template <class... A>
  [[noreturn]] void fail(source::Id id, Span at, A&&... arguments) {
    e.fail(id, at, std::forward<A>(arguments)...);
  }
  [[noreturn]] void refuse_pair(source::Id id, const Tensor& a, size_t i, const Tensor& b, size_t j);
  const Expr* text(size_t i) const { return positional_[i]->text; }
  std::string describe(const Value& value) { return e.describe(value); }
  [[noreturn]] void unsupported(const std::string& what) { e.unsupported(what, span()); }
  std::pair<Tensor, Tensor> aligned(const Tensor& a, const Tensor& b);

 private:
  std::string name_;
  CallSite& site_;
  std::vector<const Actual*> positional_, named_;
};

}  // namespace nodec::semantics
