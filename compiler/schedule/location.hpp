// Where tensors lie in memory.
#pragma once

#include <vector>

#include "compiler/graph/graph.hpp"
#include "compiler/schedule/program.hpp"

namespace nodec::schedule {

// Element i of a tensor: buffer[offset + Σ i·stride].
struct Location {
  BufferId buffer = none;
  graph::Extent offset = 0;
  std::vector<graph::Extent> strides;
  friend bool operator==(const Location&, const Location&) = default;
};

std::vector<graph::Extent> row_major(const std::vector<graph::Extent>& shape);
// The size of the axes from `first` on.
graph::Extent size_from(const std::vector<graph::Extent>& shape, size_t first);
// The location of what an affine map of axes shows of `source`, as a tensor of `rank` axes.
Location look(const graph::View& view, int rank, const Location& source);
// True when the axes from `first` on are stored without gaps, the last with stride 1.
bool packed_from(const Location& at, const std::vector<graph::Extent>& shape, size_t first);

}  // namespace nodec::schedule
