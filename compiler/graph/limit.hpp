// How large a graph may become: what a text of a few lines expands to is refused before it fills the memory.
#pragma once

#include <cstddef>

#include "compiler/graph/graph.hpp"

namespace nodec::graph {

// Thrown by what builds, where a program expands to more than `limit` allows.
struct TooManyNodes {
  size_t limit;
  const char* what;  // "graph nodes"
};

// From now on only so many nodes more are made, in work that is in proportion; then TooManyNodes is thrown.
// At first there is no limit.
void limit(Graph& g, size_t nodes);

}  // namespace nodec::graph
