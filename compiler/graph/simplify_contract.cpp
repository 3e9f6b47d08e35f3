// Algebra of contractions: constants and repetitions leave the product.
#include <algorithm>
#include <map>
#include <set>

#include "compiler/graph/algebra.hpp"
#include "compiler/graph/op.hpp"
#include "compiler/graph/simplify.hpp"

namespace nodec::graph {
namespace {

// A product under reduction: number · Π operands, summed over the labels that the result lacks.
class Product {
 public:
  Product(Graph& g, const Contract& contract, const Type& type, const std::vector<Ref>& operands)
      : g_(g), contract_(contract), type_(type), operands_(operands) {
    for (size_t i = 0; i < operands.size(); ++i) {
      for (int axis = 0; axis < operands[i]->type.rank(); ++axis) {
        extents_.emplace(contract.operands[i][axis], operands[i]->type.shape[axis]);
      }
    }
  }

  Ref simplify() {
    for (const auto& [label, extent] : extents_) {
      if (extent == Extent(0) && summed(label)) return zeros(g_, type_);  // an empty sum
    }
    for (Ref operand : operands_) {
      if (operand->is_splat(0)) return zeros(g_, type_);  // 0 x
    }
    bool changed = false;
    for (size_t i = operands_.size(); i-- > 0;) changed |= drop_constant(i) || drop_repetition(i);
    if (changed) return rest();
    return operands_.size() == 1 ? without_sum() : nullptr;
  }

 private:
  bool summed(char label) const { return contract_.result.find(label) == std::string::npos; }

  bool occurs(char label, size_t except) const {
    for (size_t i = 0; i < operands_.size(); ++i) {
      if (i != except && contract_.operands[i].find(label) != std::string::npos) return true;
    }
    return false;
  }

  // What operand i's loss of the labels outside `kept` multiplies the sum by; nothing when that is a run-time
  // length.
  std::optional<double> repetitions(size_t i, const std::string& kept) const {
    double count = 1;
    std::set<char> lost(contract_.operands[i].begin(), contract_.operands[i].end());
    for (char label : lost) {
      if (kept.find(label) != std::string::npos || occurs(label, i) || !summed(label)) continue;
      if (!extents_.at(label).is_constant()) return {};
      count *= static_cast<double>(extents_.at(label).value());
    }
    return count;
  }

  // Σ c x = c Σ x
  bool drop_constant(size_t i) {
    auto value = splat(operands_[i]);
    auto count = value ? repetitions(i, "") : std::nullopt;
    if (!count) return false;
    number_ *= *value * *count;
    operands_.erase(operands_.begin() + i);
    contract_.operands.erase(contract_.operands.begin() + i);
    return true;
  }

  // A transpose is a matter of labels; what an expansion repeats along is not summed but counted.
  bool drop_repetition(size_t i) {
    Ref view = operands_[i];
    auto axes = view->is(Kind::view) ? whole_axes(view) : std::nullopt;
    if (!axes) return false;
    Ref source = view->operands[0];
    std::string labels;
    View squeeze;
    std::vector<Extent> shape;
    for (size_t k = 0; k < axes->size(); ++k) {
      squeeze.axes.emplace_back();
      if ((*axes)[k] < 0) continue;
      squeeze.axes.back().terms = {{static_cast<int>(shape.size()), 1}};
      shape.push_back(source->type.shape[k]);
      labels += contract_.operands[i][(*axes)[k]];
    }
    if (labels == contract_.operands[i]) return false;  // nothing but axes of extent 1 that were dropped
    auto count = repetitions(i, labels);
    if (!count) return false;
    number_ *= *count;
    operands_[i] = g_.view(source, squeeze, shape);
    contract_.operands[i] = labels;
    return true;
  }

  // The product of what is left, repeated along the result's labels that no operand has any more.
  Ref rest() {
    std::string kept;
    std::vector<int> axes;
    for (size_t axis = 0; axis < contract_.result.size(); ++axis) {
      if (!occurs(contract_.result[axis], operands_.size())) continue;
      kept += contract_.result[axis];
      axes.push_back(static_cast<int>(axis));
    }
    if (operands_.empty()) return g_.constant(number_, type_);
    Ref product = g_.contract(contract_.operands, kept, operands_);
    if (number_ != 1) {
      product = apply(g_, type_.element == Element::real ? "mul" : "integer_mul",
                      {g_.constant(number_, product->type), product});
    }
    return expand(g_, product, axes, type_.shape);
  }

  // One operand, and no sum but over extents of 1: a view.
  Ref without_sum() {
    const std::string& labels = contract_.operands[0];
    View view;
    for (char label : labels) {
      view.axes.emplace_back();
      size_t axis = contract_.result.find(label);
      if (axis != std::string::npos) {
        view.axes.back().terms = {{static_cast<int>(axis), 1}};
      } else if (extents_.at(label) != Extent(1)) {
        return nullptr;
      }
    }
    return g_.view(operands_[0], view, type_.shape);
  }

  Graph& g_;
  Contract contract_;
  const Type& type_;
  std::vector<Ref> operands_;
  std::map<char, Extent> extents_;
  double number_ = 1;
};

}  // namespace

Ref simplify_contract(Graph& g, const Contract& contract, const Type& type,
                      const std::vector<Ref>& operands) {
  return Product(g, contract, type, operands).simplify();
}

}  // namespace nodec::graph
