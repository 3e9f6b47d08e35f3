// What an evaluation of a field leaves for its pullback.
#pragma once

#include <span>
#include <vector>

#include "compiler/graph/graph.hpp"
#include "compiler/schedule/rates.hpp"

namespace nodec::schedule {

// Values that the pullback reads, that depend on no cotangent, and that cost more to compute again than to
// load; in the order of computation. Nodes of the field's body are those of the pullback's where both bind
// their variables alike; otherwise there is nothing to leave. `captured`: what the field captures per sample.
// Every value is real, of constant size, and computed from the field's variables and what it captures.
std::vector<graph::Ref> activations(const graph::Lambda& field, const graph::Lambda& pullback,
                                    std::span<const graph::Ref> captured, const Rates& rates);

}  // namespace nodec::schedule
