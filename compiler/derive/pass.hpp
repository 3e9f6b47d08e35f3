// One sweep over an expression, forward or backward, with any number of directions.
#pragma once

#include <vector>

#include "compiler/derive/derive.hpp"
#include "compiler/derive/directions.hpp"

namespace nodec::derive {

// As vjp and jvp; tangents and cotangents carry the lead axes. Null stands for zero, also in the results.
std::vector<Ref> sweep_back(Directions& d, const std::vector<Ref>& outputs,
                            const std::vector<Ref>& cotangents, const std::vector<Ref>& wrt, Refusal& refusal,
                            Over over);
std::vector<Ref> sweep_forward(Directions& d, const std::vector<Ref>& outputs, const std::vector<Ref>& wrt,
                               const std::vector<Ref>& tangents, Refusal& refusal);

// Nodes that depend on one of `wrt` through real values, operands first; `wrt` themselves count as
// independent.
std::vector<Ref> active_nodes(const std::vector<Ref>& outputs, const std::vector<Ref>& wrt);

}  // namespace nodec::derive
