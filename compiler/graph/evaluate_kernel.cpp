// One tensor node with known extents -> a function from operand values to the node's value.
#include "compiler/graph/evaluate_kernel.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "compiler/graph/op.hpp"

namespace nodec::graph {
namespace {

using Index = std::vector<int64_t>;

int64_t product(const Index& shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

// Row-major strides.
Index strides_of(const Index& shape) {
  Index strides(shape.size());
  int64_t stride = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= shape[i];
  }
  return strides;
}

// The next index in row-major order; false after the last.
bool advance(Index& index, const Index& shape) {
  for (size_t i = shape.size(); i-- > 0;) {
    if (++index[i] < shape[i]) return true;
    index[i] = 0;
  }
  return false;
}

double invalid(const Type& type) {
  return type.element == Element::real ? std::numeric_limits<double>::quiet_NaN() : 0.0;
}

Kernel map_kernel(const Node& node) {
  const Op& op = *node.as<Map>().op;
  const size_t arity = node.operands.size();
  return [&op, arity](const Tensor* const* operands, Tensor& result) {
    std::array<double, 4> x{};
    for (size_t e = 0; e < result.values.size(); ++e) {
      for (size_t i = 0; i < arity; ++i) x[i] = operands[i]->values[e];
      result.values[e] = op.reference(x.data());
    }
  };
}

// The result's labels first, then those that are summed; an operand's stride along a label that repeats in it
// is the sum of the strides, which walks the diagonal.
Kernel contract_kernel(const Node& node, const Lengths& lengths) {
  const Contract& contract = node.as<Contract>();
  std::string labels = contract.result;
  for (const std::string& operand : contract.operands)
    for (char label : operand)
      if (labels.find(label) == std::string::npos) labels += label;
  const size_t outer = contract.result.size(), count = node.operands.size();
  Index extents(labels.size(), 1);
  std::vector<Index> strides(count, Index(labels.size(), 0));
  for (size_t i = 0; i < count; ++i) {
    const Index shape = resolve(node.operands[i]->type.shape, lengths);
    const Index own = strides_of(shape);
    for (size_t axis = 0; axis < shape.size(); ++axis) {
      const size_t label = labels.find(contract.operands[i][axis]);
      extents[label] = shape[axis];
      strides[i][label] += own[axis];
    }
  }
  return [=](const Tensor* const* operands, Tensor& result) {
    const Index outer_extents(extents.begin(), extents.begin() + static_cast<std::ptrdiff_t>(outer));
    const Index inner_extents(extents.begin() + static_cast<std::ptrdiff_t>(outer), extents.end());
    const bool empty = product(inner_extents) == 0;
    Index position(outer, 0);
    std::vector<int64_t> start(count), at(count);
    for (double& value : result.values) {
      for (size_t i = 0; i < count; ++i) {
        start[i] = 0;
        for (size_t label = 0; label < outer; ++label) start[i] += position[label] * strides[i][label];
      }
      double sum = 0;
      Index inner(inner_extents.size(), 0);
      bool more = !empty;
      while (more) {
        double term = 1;
        for (size_t i = 0; i < count; ++i) {
          at[i] = start[i];
          for (size_t label = 0; label < inner.size(); ++label)
            at[i] += inner[label] * strides[i][outer + label];
          term *= operands[i]->values[static_cast<size_t>(at[i])];
        }
        sum += term;
        more = advance(inner, inner_extents);
      }
      value = sum;
      advance(position, outer_extents);
    }
  };
}

// Calls visit(flat index of the affine side, flat index of the other side); −1 where the index falls outside.
template <class Visit>
void walk_affine(const View& view, const Index& mapped_shape, const Index& walked_shape,
                 const Lengths& lengths, const Tensor* const* operands, Visit visit) {
  if (product(walked_shape) == 0) return;
  const Index strides = strides_of(mapped_shape);
  Index offsets;
  for (const AxisMap& axis : view.axes) {
    int64_t offset = axis.offset.evaluate(lengths);
    if (axis.dynamic) offset += static_cast<int64_t>(operands[axis.dynamic]->values[0]);
    offsets.push_back(offset);
  }
  Index index(walked_shape.size(), 0);
  int64_t walked = 0;
  do {
    int64_t mapped = 0;
    bool inside = true;
    for (size_t axis = 0; axis < view.axes.size(); ++axis) {
      int64_t i = offsets[axis];
      for (const auto& [walked_axis, coefficient] : view.axes[axis].terms)
        i += coefficient * index[static_cast<size_t>(walked_axis)];
      inside = inside && i >= 0 && i < mapped_shape[axis];
      mapped += i * strides[axis];
    }
    visit(inside ? mapped : -1, walked++);
  } while (advance(index, walked_shape));
}

Kernel view_kernel(const Node& node, const Lengths& lengths) {
  const View view = node.as<View>();
  const Index source = resolve(node.operands[0]->type.shape, lengths);
  const double outside = view.fill ? 0.0 : invalid(node.type);
  return [=](const Tensor* const* operands, Tensor& result) {
    walk_affine(view, source, result.shape, lengths, operands, [&](int64_t from, int64_t to) {
      result.values[static_cast<size_t>(to)] =
          from < 0 ? outside : operands[0]->values[static_cast<size_t>(from)];
    });
  };
}

Kernel place_kernel(const Node& node, const Lengths& lengths) {
  const View view = node.as<View>();
  const Index updates = resolve(node.operands[0]->type.shape, lengths);
  return [=](const Tensor* const* operands, Tensor& result) {
    std::fill(result.values.begin(), result.values.end(), 0.0);
    walk_affine(view, result.shape, updates, lengths, operands, [&](int64_t to, int64_t from) {
      if (to >= 0) result.values[static_cast<size_t>(to)] += operands[0]->values[static_cast<size_t>(from)];
    });
  };
}

// The flat index that the e-th elements of the index operands name, or −1 outside the shape.
int64_t indexed(const Tensor* const* indices, const Index& shape, size_t e) {
  int64_t flat = 0;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    const int64_t i = static_cast<int64_t>(indices[axis]->values[e]);
    if (i < 0 || i >= shape[axis]) return -1;
    flat = flat * shape[axis] + i;
  }
  return flat;
}

Kernel gather_kernel(const Node& node) {
  const double outside = invalid(node.type);
  return [outside](const Tensor* const* operands, Tensor& result) {
    for (size_t e = 0; e < result.values.size(); ++e) {
      const int64_t from = indexed(operands + 1, operands[0]->shape, e);
      result.values[e] = from < 0 ? outside : operands[0]->values[static_cast<size_t>(from)];
    }
  };
}

void scatter_add(const Tensor* const* operands, Tensor& result) {
  std::fill(result.values.begin(), result.values.end(), 0.0);
  for (size_t e = 0; e < operands[0]->values.size(); ++e) {
    const int64_t to = indexed(operands + 1, result.shape, e);
    if (to >= 0) result.values[static_cast<size_t>(to)] += operands[0]->values[e];
  }
}

Kernel concat_kernel(const Node& node) {
  const size_t axis = static_cast<size_t>(node.as<Axis>().axis), count = node.operands.size();
  return [axis, count](const Tensor* const* operands, Tensor& result) {
    int64_t blocks = 1;
    for (size_t i = 0; i < axis; ++i) blocks *= result.shape[i];
    auto to = result.values.begin();
    for (int64_t block = 0; block < blocks; ++block)
      for (size_t i = 0; i < count; ++i) {
        const int64_t width = operands[i]->size() / blocks;
        to = std::copy_n(operands[i]->values.begin() + block * width, width, to);
      }
  };
}

double reduced(Reduction reduction, double so_far, double x) {
  switch (reduction) {
    case Reduction::max:
      return std::isnan(x) || x > so_far ? x : so_far;
    case Reduction::min:
      return std::isnan(x) || x < so_far ? x : so_far;
    default:
      return so_far * x;
  }
}

Kernel reduce_kernel(const Node& node, const Lengths& lengths) {
  const Reduce reduce = node.as<Reduce>();
  const Index shape = resolve(node.operands[0]->type.shape, lengths);
  // The stride in the result along each axis of the operand; 0 along those that are reduced.
  Index kept_shape, kept_strides(shape.size(), 0);
  std::vector<size_t> kept;
  for (size_t axis = 0; axis < shape.size(); ++axis)
    if (std::find(reduce.axes.begin(), reduce.axes.end(), static_cast<int>(axis)) == reduce.axes.end()) {
      kept.push_back(axis);
      kept_shape.push_back(shape[axis]);
    }
  const Index strides = strides_of(kept_shape);
  for (size_t i = 0; i < kept.size(); ++i) kept_strides[kept[i]] = strides[i];
  const double infinity = std::numeric_limits<double>::infinity();
  const double start = reduce.reduction == Reduction::max    ? -infinity
                       : reduce.reduction == Reduction::min  ? infinity
                       : reduce.reduction == Reduction::prod ? 1.0
                                                             : 0.0;
  return [=](const Tensor* const* operands, Tensor& result) {
    std::fill(result.values.begin(), result.values.end(), start);
    std::vector<double> best(result.values.size(), -infinity);
    if (product(shape) == 0) return;
    Index index(shape.size(), 0);
    size_t from = 0;
    do {
      int64_t to = 0;
      for (size_t axis = 0; axis < shape.size(); ++axis) to += index[axis] * kept_strides[axis];
      const double x = operands[0]->values[from++];
      double& value = result.values[static_cast<size_t>(to)];
      if (reduce.reduction != Reduction::argmax) {
        value = std::isnan(value) ? value : reduced(reduce.reduction, value, x);
        continue;
      }
      double& largest =
          best[static_cast<size_t>(to)];  // the first of equals, the first NaN before everything
      if (std::isnan(largest) || !(x > largest || std::isnan(x))) continue;
      largest = x;
      value = static_cast<double>(index[static_cast<size_t>(reduce.axes[0])]);
    } while (advance(index, shape));
  };
}

template <class Values>
const typename Values::mapped_type& find(const Values& values, const typename Values::key_type& key,
                                         const std::string& what) {
  const auto found = values.find(key);
  if (found == values.end()) throw std::out_of_range("no value for " + what);
  return found->second;
}

}  // namespace

std::vector<int64_t> resolve(const std::vector<Extent>& shape, const Lengths& lengths) {
  Index numbers;
  for (const Extent& extent : shape) numbers.push_back(extent.evaluate(lengths));
  return numbers;
}

Tensor make_tensor(std::vector<int64_t> shape) {
  const int64_t size = product(shape);
  return {std::move(shape), std::vector<double>(static_cast<size_t>(size), 0.0)};
}

Kernel make_kernel(const Node& node, const Lengths& lengths) {
  switch (node.kind) {
    case Kind::map:
      return map_kernel(node);
    case Kind::contract:
      return contract_kernel(node, lengths);
    case Kind::view:
      return view_kernel(node, lengths);
    case Kind::place:
      return place_kernel(node, lengths);
    case Kind::gather:
      return gather_kernel(node);
    case Kind::scatter_add:
      return scatter_add;
    case Kind::concat:
      return concat_kernel(node);
    case Kind::reduce:
      return reduce_kernel(node, lengths);
    case Kind::reshape:
      return [](const Tensor* const* operands, Tensor& result) { result.values = operands[0]->values; };
    default:
      throw std::out_of_range("no kernel for %" + std::to_string(node.id));
  }
}

Tensor leaf_value(const Node& node, const Environment& sample, size_t batch) {
  switch (node.kind) {
    case Kind::constant: {
      Tensor result = make_tensor(resolve(node.type.shape, sample.lengths));
      const std::vector<double>& values = node.as<Constant>().values;
      for (size_t e = 0; e < result.values.size(); ++e)
        result.values[e] = values.size() == 1 ? values[0] : values[e];
      return result;
    }
    case Kind::parameter:
      return find(sample.parameters, node.as<Leaf>().name, "parameter " + node.as<Leaf>().name);
    case Kind::data:
      return find(sample.data, node.as<Leaf>().name, "data " + node.as<Leaf>().name);
    case Kind::setting: {
      const auto found = sample.settings.find(node.as<Leaf>().name);
      if (found != sample.settings.end()) return Tensor::scalar(found->second);
      return Tensor::scalar(node.as<Leaf>().name == "batch" ? static_cast<double>(batch) : 0.0);
    }
    case Kind::random: {
      const int stream = node.as<Random>().stream;
      return find(sample.random, stream, "random stream " + std::to_string(stream));
    }
    case Kind::length:
      return Tensor::scalar(static_cast<double>(node.as<Length>().extent.evaluate(sample.lengths)));
    case Kind::iota: {
      Tensor result = make_tensor(resolve(node.type.shape, sample.lengths));
      std::iota(result.values.begin(), result.values.end(), 0.0);
      return result;
    }
    default:
      throw std::out_of_range("no value for %" + std::to_string(node.id));
  }
}

}  // namespace nodec::graph
