// The solver that every explicit Runge–Kutta tableau shares.
#include "compiler/solvers/solvers.hpp"

#include "compiler/solvers/adjoint.hpp"
#include "compiler/solvers/backsolve.hpp"
#include "compiler/solvers/forward.hpp"

namespace nodec::solvers {

namespace {

class RungeKutta : public schedule::SolveLowering {
 public:
  void forward(schedule::Builder& b, schedule::SolveTask& task) override { write_forward(b, task); }
  void backward(schedule::Builder& b, schedule::AdjointTask& task) override {
    const auto kind = task.solve->node->as<graph::SolveInfo>().adjoint;
    if (kind == graph::AdjointKind::backsolve)
      write_backsolve(b, task);
    else
      write_adjoint(b, task);
  }
};

}  // namespace

std::unique_ptr<schedule::SolveLowering> make_solvers() { return std::make_unique<RungeKutta>(); }

}  // namespace nodec::solvers
