// The limits of a graph's tables.
#include "compiler/graph/limit.hpp"

#include "compiler/graph/store.hpp"

namespace nodec::graph {

void limit(Graph& g, size_t nodes) {
  constexpr size_t work_of_node = 64;
  Graph::Store& store = Graph::Store::of(g);
  store.added_nodes = nodes;
  store.nodes_limit = store.nodes.size() + nodes;
  store.work = 0;
  store.work_limit = work_of_node * nodes;
}

}  // namespace nodec::graph
