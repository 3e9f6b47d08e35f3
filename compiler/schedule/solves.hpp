// Solves and adjoints of a pool function: buffers around them, compiled fields and pullbacks for the solvers
// to call.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <vector>

#include "compiler/schedule/solving.hpp"
#include "compiler/schedule/tensors.hpp"

namespace nodec::schedule {

class Solves {
 public:
  // `recorded`: the solves that an adjoint unwinds.
  Solves(ProgramWriter& writer, SolveLowering& solvers, std::set<graph::Ref> recorded);
  ~Solves();

  // A Tensors::Structured.
  void write(Tensors& tensors, graph::Ref node);

 private:
  class Field;
  struct Solve {
    SolveTask task;
    std::unique_ptr<Field> field;
  };
  void write_solve(Tensors& tensors, graph::Ref node);
  void write_adjoint(Tensors& tensors, graph::Ref node);
  void describe(graph::Ref node);

  ProgramWriter& writer_;
  SolveLowering& solvers_;
  std::set<graph::Ref> recorded_;
  std::map<graph::Ref, std::unique_ptr<Solve>> solves_;
  // Compiled field functions by lambda and what they capture; equal ones are one.
  struct Compiled {
    FunctionId function = none;
    std::vector<graph::Ref> captured;
  };
  std::map<const graph::Lambda*, Compiled> fields_;
};

}  // namespace nodec::schedule
