// Index arithmetic: uniform indices and each lane's own, loops over shapes.
#include "compiler/schedule/tensors.hpp"

namespace nodec::schedule {

using graph::Extent;

namespace {
// A loop body that is repeated instead: as many elements, as many elementary operations in all.
constexpr int64_t unroll_elements = 8;
constexpr int64_t unroll_operations = 64;
}  // namespace

Value Tensors::integer_value(Value index) {
  return b_.type(index).kind == Kind::index ? b_.integer_of(index) : index;
}

// An integer as an index where it is uniform.
Value Tensors::index_value(Value integer) {
  const ValueType type = b_.type(integer);
  return type.kind == Kind::integer && !type.lanes ? b_.index_of(integer) : integer;
}

Value Tensors::plus(Value a, Value b) {
  if (b_.type(a).kind == b_.type(b).kind) return b_.integer_add(a, b);
  return b_.integer_add(integer_value(a), integer_value(b));
}

Value Tensors::times(Value a, Value b) {
  if (b_.type(a).kind == b_.type(b).kind) return b_.integer_mul(a, b);
  return b_.integer_mul(integer_value(a), integer_value(b));
}

Value Tensors::own(const Extent& e) {
  if (role_.uniform || !writer_.rates().varies(e)) return b_.extent(e);
  return b_.lane_extent(e);
}

Value Tensors::flat(const Location& at, const Index& index) {
  Value result = b_.extent(at.offset);
  for (size_t i = 0; i < index.size(); ++i) result = plus(result, times(index[i], b_.extent(at.strides[i])));
  return result;
}

Value Tensors::within(const std::vector<Extent>& shape, const Index& at) {
  Value mask = none;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (role_.uniform || !writer_.rates().varies(shape[i])) continue;
    const Value inside = b_.integer_less(integer_value(at[i]), own(shape[i]));
    mask = mask == none ? inside : b_.logical_and(mask, inside);
  }
  return mask;
}

bool Tensors::repeats(const Extent& size, int cost) {
  return size.is_constant() && size.value() <= unroll_elements &&
         size.value() * std::max(cost, 1) <= unroll_operations;
}

void Tensors::nest(const std::vector<Extent>& shape, int cost,
                   const std::function<void(const Index&)>& body) {
  Index at;
  const std::function<void(size_t)> loop = [&](size_t axis) {
    if (axis == shape.size()) return body(at);
    const int64_t unroll = repeats(size_from(shape, axis), cost) ? unroll_elements : 1;
    b_.each(
        shape[axis],
        [&](Value i) {
          at.push_back(i);
          loop(axis + 1);
          at.pop_back();
        },
        static_cast<int>(unroll));
  };
  loop(0);
}

}  // namespace nodec::schedule
