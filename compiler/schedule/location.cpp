// Strides of row-major tensors and of views of them.
#include "compiler/schedule/location.hpp"

namespace nodec::schedule {

using graph::Extent;

std::vector<Extent> row_major(const std::vector<Extent>& shape) {
  std::vector<Extent> strides(shape.size());
  Extent stride = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    strides[i] = stride;
    stride = stride * shape[i];
  }
  return strides;
}

Extent size_from(const std::vector<Extent>& shape, size_t first) {
  Extent size = 1;
  for (size_t i = first; i < shape.size(); ++i) size = size * shape[i];
  return size;
}

Location look(const graph::View& view, int rank, const Location& source) {
  Location result{source.buffer, source.offset, std::vector<Extent>(static_cast<size_t>(rank), 0)};
  for (size_t axis = 0; axis < view.axes.size(); ++axis) {
    result.offset = result.offset + view.axes[axis].offset * source.strides[axis];
    for (const auto& [to, coefficient] : view.axes[axis].terms) {
      result.strides[to] = result.strides[to] + Extent(coefficient) * source.strides[axis];
    }
  }
  return result;
}

bool packed_from(const Location& at, const std::vector<Extent>& shape, size_t first) {
  Extent stride = 1;
  for (size_t i = shape.size(); i-- > first;) {
    if (shape[i] != Extent(1) && at.strides[i] != stride) return false;
    stride = stride * shape[i];
  }
  return true;
}

}  // namespace nodec::schedule
