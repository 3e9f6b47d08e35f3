// A target -> a program of nothing but independent multiply-adds in registers: what the machine can do at
// most.
//
// Its `pool` reads from Call::parameters one real each: a factor, a summand; from Call::lengths[0] how many
// rounds; it writes the accumulators' sum to Call::totals, so that nothing is left out. Factor and summand
// come at run time: with constants the code generator finds fixed points and leaves the work out.
#pragma once

#include "compiler/codegen/codegen.hpp"

namespace nodec::codegen {

Module emit_probe(bool double_precision, const Target& target);

// Floating-point operations of a round, a multiply-add being two.
int64_t probe_operations(bool double_precision, const Target& target);

}  // namespace nodec::codegen
