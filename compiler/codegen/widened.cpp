// Loops over elements, a register of them at a time: whole ones, then the rest under a mask.
//
// What varies from one iteration to the next is a vector, an index that counts up its first element's number,
// everything else a scalar. A sum is one partial sum for each element of the vector, added up at the end.
#include "compiler/codegen/function_emitter.hpp"

namespace nodec::codegen {

using namespace schedule;

int64_t FunctionEmitter::slope_of(Value v) const {
  if (!widening_) return 0;
  const auto found = widening_->slopes.find(v);
  return found == widening_->slopes.end() ? 0 : found->second;
}

llvm::Value* FunctionEmitter::counted(llvm::Value* first, int64_t slope) {
  llvm::SmallVector<llvm::Constant*, 16> steps;
  for (int e = 0; e < width_; ++e)
    steps.push_back(llvm::ConstantInt::get(first->getType(), static_cast<uint64_t>(e * slope)));
  return b_.CreateAdd(b_.CreateVectorSplat(width_, first), llvm::ConstantVector::get(steps));
}

llvm::Value* FunctionEmitter::operand_of(const Instruction& i, Value v) {
  const int64_t slope = slope_of(v);
  // A sum or difference of counted values counts, or is the same for all.
  const bool counts = slope_of(i.result) != 0 || i.opcode == Opcode::integer_sub;
  if (slope == 0 || has_lanes(values_[v])) return values_[v];
  bool evenly = counts;
  for (const Value other : i.operands) evenly &= !has_lanes(values_[other]);
  return evenly ? values_[v] : counted(values_[v], slope);
}

void FunctionEmitter::widened_loop(const Instruction& loop, const Widening& widening) {
  const int width = m_.native();
  llvm::Type* vector = m_.vector(m_.real, width);
  llvm::Value *first = operand(loop, 0), *end = operand(loop, 1);
  llvm::Value* count = b_.CreateSub(end, first);
  count = b_.CreateSelect(b_.CreateICmpSGT(count, b_.getInt64(0)), count, b_.getInt64(0));
  llvm::Value* whole = b_.CreateAdd(first, b_.CreateAnd(count, b_.getInt64(-width)));
  const auto* known = llvm::dyn_cast<llvm::ConstantInt>(count);
  const int64_t elements = known ? known->getSExtValue() : -1;

  widening_ = &widening;
  Carried sums(widening.sums.size(), llvm::Constant::getNullValue(vector));
  const auto pass = [&](llvm::Value* at, Carried carried) {
    width_ = width;
    values_[loop.result] = at;
    widened_region(loop, widening, carried);
    width_ = 1;
    return carried;
  };
  const auto rest = [&](llvm::Value* at, Carried carried) {
    llvm::SmallVector<llvm::Constant*, 16> numbers;
    for (int e = 0; e < width; ++e) numbers.push_back(b_.getInt32(static_cast<uint32_t>(e)));
    llvm::Value* left = b_.CreateTrunc(b_.CreateSub(end, at), b_.getInt32Ty());
    elements_ = b_.CreateICmpSLT(llvm::ConstantVector::get(numbers), b_.CreateVectorSplat(width, left));
    carried = pass(at, carried);
    elements_ = nullptr;
    return carried;
  };
  if (known && elements < 2 * width) {
    if (elements >= width) sums = pass(first, sums);
    if (elements % width != 0) sums = rest(whole, sums);
  } else {
    sums = counted_loop(b_, first, whole, width, sums, pass);
    // At most once: the step is the width.
    if (!known || elements % width != 0) sums = counted_loop(b_, whole, end, width, sums, rest);
  }
  widening_ = nullptr;

  for (size_t n = 0; n < sums.size(); ++n) {
    const BufferId id = widening.sums[n].buffer;
    llvm::Value* total = b_.CreateFAdd(load(id, b_.getInt64(0)), sum_of_elements(sums[n]));
    store(id, b_.getInt64(0), total, nullptr);
  }
}

void FunctionEmitter::widened_region(const Instruction& loop, const Widening& widening, Carried& sums) {
  for (const Instruction& i : loop.regions[0]) {
    size_t sum = 0;
    while (sum < sums.size() && widening.sums[sum].buffer != i.buffer) ++sum;
    if (i.opcode == Opcode::load && sum < sums.size()) {
      values_[i.result] = sums[sum];
    } else if (i.opcode == Opcode::store && sum < sums.size()) {
      llvm::Value* after = spread(operand(i, 1));
      sums[sum] = elements_ ? b_.CreateSelect(elements_, after, sums[sum]) : after;
    } else if (i.opcode == Opcode::load) {
      values_[i.result] = widened_load(i);
    } else if (i.opcode == Opcode::store || i.opcode == Opcode::store_masked) {
      widened_store(i);
    } else if (i.opcode == Opcode::accumulate) {
      widened_accumulate(i);
    } else {
      values_[i.result] = compute(i);
    }
  }
}

llvm::Value* FunctionEmitter::widened_load(const Instruction& i) {
  const int64_t slope = slope_of(i.operands[0]);
  llvm::Value* index = operand(i, 0);
  if (slope == 0 && !has_lanes(index)) return load(i.buffer, index);
  const Buffer& b = buffer(i.buffer);
  llvm::Type* type = m_.vector(element_type(b), width_);
  llvm::Value* nothing = llvm::Constant::getNullValue(type);
  if (slope == 1) {
    llvm::Value* address = address_of_one(i.buffer, index);
    return decode(b, elements_
                         ? b_.CreateMaskedLoad(type, address, alignment(b), elements_, nothing)
                         : static_cast<llvm::Value*>(b_.CreateAlignedLoad(type, address, alignment(b))));
  }
  if (slope != 0) index = counted(index, slope);
  llvm::Value* every = elements_ ? elements_ : spread(b_.getTrue());
  return decode(b,
                b_.CreateMaskedGather(type, address_of_one(i.buffer, index), alignment(b), every, nothing));
}

void FunctionEmitter::widened_store(const Instruction& i) {
  const Buffer& b = buffer(i.buffer);
  llvm::Value* address = address_of_one(i.buffer, operand(i, 0));
  llvm::Value* value = operand(i, 1);
  if (slope_of(i.operands[1]) != 0) value = counted(value, slope_of(i.operands[1]));
  value = encode(b, spread(value));
  llvm::Value* mask = elements_;
  if (i.opcode == Opcode::store_masked) {
    llvm::Value* own = spread(operand(i, 2));
    mask = mask ? b_.CreateAnd(mask, own) : own;
  }
  if (mask) {
    b_.CreateMaskedStore(value, address, alignment(b), mask);
  } else {
    b_.CreateAlignedStore(value, address, alignment(b));
  }
}

void FunctionEmitter::widened_accumulate(const Instruction& i) {
  const llvm::Align place = alignment(buffer(i.buffer));
  llvm::Type* type = m_.vector(m_.real, width_);
  llvm::Value* address = address_of_one(i.buffer, operand(i, 0));
  llvm::Value* value = spread(operand(i, 1));
  if (elements_) {
    llvm::Value* before =
        b_.CreateMaskedLoad(type, address, place, elements_, llvm::Constant::getNullValue(type));
    b_.CreateMaskedStore(b_.CreateFAdd(before, value), address, place, elements_);
  } else {
    b_.CreateAlignedStore(b_.CreateFAdd(b_.CreateAlignedLoad(type, address, place), value), address, place);
  }
}

}  // namespace nodec::codegen
