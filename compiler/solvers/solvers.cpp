// Which writer a solve takes: every explicit Runge–Kutta tableau shares one, recurrences have theirs.
#include "compiler/solvers/solvers.hpp"

#include "compiler/solvers/adjoint.hpp"
#include "compiler/solvers/backsolve.hpp"
#include "compiler/solvers/forward.hpp"
#include "compiler/solvers/recurrence.hpp"

namespace nodec::solvers {

namespace {

class Solvers : public schedule::SolveLowering {
 public:
  void forward(schedule::Builder& b, schedule::SolveTask& task) override {
    if (task.node->as<graph::SolveInfo>().rule == graph::StepRule::recurrence)
      write_recurrence(b, task);
    else
      write_forward(b, task);
  }
  void backward(schedule::Builder& b, schedule::AdjointTask& task) override {
    const auto& info = task.solve->node->as<graph::SolveInfo>();
    const auto kind = info.adjoint;
    if (info.rule == graph::StepRule::recurrence)
      write_recurrence_adjoint(b, task);
    else if (kind == graph::AdjointKind::backsolve)
      write_backsolve(b, task);
    else
      write_adjoint(b, task);
  }
};

}  // namespace

std::unique_ptr<schedule::SolveLowering> make_solvers() { return std::make_unique<Solvers>(); }

}  // namespace nodec::solvers
