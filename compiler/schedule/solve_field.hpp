// A solve's field and its pullback -> functions of the program, compiled when a solver first calls them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "compiler/schedule/solves.hpp"
#include "compiler/schedule/state_layout.hpp"

namespace nodec::schedule {

// Whether a recurrence's step holds solves of its own.
bool holds_solve(const graph::Lambda* lambda);

// A function's body is a lambda's: arguments are the lambda's variables, results, and what it captures.
class Solves::Field : public FieldCode {
 public:
  // Where the cotangent of the i-th captured operand goes.
  struct Destination {
    int result;   // of the pullback lambda
    Location to;  // an accumulator, or a buffer of the pool to be passed
    bool passed;
  };

  Field(Solves& owner, Tensors& tensors, graph::Ref solve, bool again);

  void adjoint(graph::Ref node, std::vector<Destination> destinations);
  // What evaluations leave is for this adjoint's pullback.
  void tape(graph::Ref adjoint);
  // Compiles what the solver will call.
  void prepare() { field(states_.quadratures() > 0); }
  void prepare_pull() { pullback({true, false, true, left_rows_ > 0}); }

  void evaluate(Builder& b, Value t, Rows z, const Slopes& k, Rows activations) override;
  int64_t activations() override { return left_rows_; }
  void pull(Builder& b, Value t, Rows z, const Slopes& kappa, Rows z_bar, Rows t_bar, bool frontier,
            Rows activations) override;
  void within(Builder& b, Value running) override;

 private:
  // What a pullback gives.
  struct Pulled {
    bool state, time, frontier, left;  // left: given the activations
    auto operator<=>(const Pulled&) const = default;
  };

  const Compiled& field(bool quadratures);
  const Compiled& pullback(const Pulled& pulled);
  void capture(Builder& b, const Compiled& compiled, std::vector<CallArgument>& arguments);
  BufferId argument(FunctionId function, const std::string& name, const graph::Extent& size,
                    Kind kind = Kind::real);
  void append_argument(Function& function, BufferId id);
  // What the function's own solves are written in.
  Scope scope_of(const graph::Lambda* lambda, bool again) const;
  // A recurrence's functions are told which lanes still take steps.
  void mask(Compiled& compiled, Scope& scope);
  Tensors::Structured structured(Scope& scope);
  void finish(Tensors& body, Compiled& compiled);
  void compile_field(const graph::Lambda* lambda, Compiled& compiled, bool quadratures);
  // Where the activations are in an argument of the function, each without gaps.
  std::vector<Location> places_of_left(Compiled& compiled);
  void compile_pull(Compiled& compiled, const Pulled& pulled);

  Solves& owner_;
  Tensors& tensors_;
  const bool again_;
  graph::Ref solve_, adjoint_ = nullptr;
  const StateLayout states_;
  std::vector<Destination> destinations_;
  std::map<Pulled, Compiled> pulls_;
  // Of a taped solve: what evaluations leave, row after row.
  std::vector<graph::Ref> left_;
  int64_t left_rows_ = 0;
  BufferId time_ = none, running_ = none;
};

}  // namespace nodec::schedule
