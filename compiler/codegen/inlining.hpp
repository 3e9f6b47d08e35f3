// Chooses the functions whose calls become their bodies, and makes them so.
//
// A field of a few operations takes less time than a call and the memory that its arguments pass through: in
// place, states and stages stay in registers from one stage to the next.
#pragma once

#include <set>

#include "compiler/codegen/layout.hpp"

namespace llvm {
class Function;
}

namespace nodec::codegen {

// Straight-line functions with so few operations, counted in instructions of the machine over all of their
// calls, that their copies cost little to compile.
std::set<schedule::FunctionId> small_functions(const schedule::Program& program, const Layout& layout,
                                               int native_reals);

// Replaces all calls of a function of this module, and removes the function if it is the module's own.
void inline_calls(llvm::Function& function);

}  // namespace nodec::codegen
