// Between lanes and uniform values: spreading, votes, sums, lane numbers, and lanes one at a time.
#include "compiler/codegen/function_emitter.hpp"

namespace nodec::codegen {

using namespace schedule;

llvm::Value* FunctionEmitter::spread(llvm::Value* v) {
  return has_lanes(v) || width_ == 1 ? v : b_.CreateVectorSplat(width_, v);
}

llvm::Value* FunctionEmitter::any(llvm::Value* condition) {
  return has_lanes(condition) ? b_.CreateOrReduce(condition) : condition;
}

llvm::Value* FunctionEmitter::sum_of_elements(llvm::Value* x) {
  // Halves are added until one lane is left, the middle one waiting where their number is odd.
  int n = static_cast<int>(llvm::cast<llvm::FixedVectorType>(x->getType())->getNumElements());
  while (n > 1) {
    const int half = (n + 1) / 2;
    llvm::SmallVector<int, 16> low, high;
    for (int l = 0; l < half; ++l) {
      low.push_back(l);
      high.push_back(l + half < n ? l + half : 0);
    }
    llvm::Value* lower = b_.CreateShuffleVector(x, low);
    llvm::Value* sum = b_.CreateFAdd(lower, b_.CreateShuffleVector(x, high));
    if (n % 2 == 1) {
      llvm::SmallVector<int, 16> keep;
      for (int l = 0; l < half; ++l) keep.push_back(l == half - 1 ? half + l : l);
      sum = b_.CreateShuffleVector(sum, lower, keep);
    }
    x = sum;
    n = half;
  }
  return b_.CreateExtractElement(x, uint64_t{0});
}

llvm::Value* FunctionEmitter::lane_sum(llvm::Value* x) { return has_lanes(x) ? sum_of_elements(x) : x; }

llvm::Value* FunctionEmitter::lane_numbers(llvm::Type* element) {
  std::vector<llvm::Constant*> numbers;
  for (int l = 0; l < width_; ++l) numbers.push_back(llvm::ConstantInt::get(element, l));
  return llvm::ConstantVector::get(numbers);
}

llvm::Value* FunctionEmitter::live_lanes() {
  if (!layout_.in_pool || m_.one_sample()) return spread(b_.getTrue());
  llvm::Value* live = tile_field(b_.getInt32Ty(), offsetof(runtime::Tile, live));
  return b_.CreateICmpSLT(lane_numbers(b_.getInt32Ty()), spread(live));
}

llvm::Value* FunctionEmitter::sample_length(const std::string& name) {
  llvm::Value* largest = b_.CreateTrunc(m_.extent(setup_, call_, graph::Extent::length(name)), m_.integer);
  if (m_.one_sample()) return length_of_one(name, largest);
  if (!layout_.in_pool) return spread(largest);
  // Samples without lengths of their own have the largest: then every lane reads that one number.
  llvm::Value* own = call_field(m_.pointer, offsetof(runtime::Call, sample_lengths));
  llvm::Value* common =
      b_.CreateICmpEQ(own, llvm::ConstantPointerNull::get(llvm::cast<llvm::PointerType>(m_.pointer)));
  llvm::Value* fallback = spill(spread(b_.CreateTrunc(largest, b_.getInt32Ty())), 0);
  llvm::Value* rows = b_.CreateAlignedLoad(
      lanes_of(m_.index), tile_field(m_.pointer, offsetof(runtime::Tile, rows)), llvm::Align(8));
  const int64_t lengths = static_cast<int64_t>(m_.program.interface.lengths.size());
  llvm::Value* places = b_.CreateAdd(b_.CreateMul(rows, spread(b_.getInt64(lengths))),
                                     spread(b_.getInt64(m_.length_index(name))));
  places = b_.CreateSelect(spread(common), lane_numbers(m_.index), places);
  llvm::Value* addresses =
      b_.CreateInBoundsGEP(b_.getInt32Ty(), b_.CreateSelect(common, fallback, own), places);
  llvm::Value* lengths_of_lanes = b_.CreateMaskedGather(lanes_of(b_.getInt32Ty()), addresses, llvm::Align(4));
  return b_.CreateSExt(lengths_of_lanes, lanes_of(m_.integer));
}

llvm::Value* FunctionEmitter::spill(llvm::Value* v, int slot) {
  while (static_cast<int>(scratch_.size()) <= slot) {
    llvm::AllocaInst* memory = setup_.CreateAlloca(lanes_of(m_.index));
    memory->setAlignment(llvm::Align(64));
    scratch_.push_back(memory);
  }
  if (v->getType()->getScalarType() == m_.boolean) v = b_.CreateSExt(v, lanes_of(b_.getInt8Ty()));
  b_.CreateAlignedStore(v, scratch_[slot], llvm::Align(8));
  return scratch_[slot];
}

llvm::Value* FunctionEmitter::lane_of(llvm::Value* spilled, llvm::Type* element, llvm::Value* lane) {
  if (element == m_.boolean) {
    llvm::Value* stored = b_.CreateLoad(b_.getInt8Ty(), b_.CreateInBoundsGEP(b_.getInt8Ty(), spilled, lane));
    return b_.CreateICmpNE(stored, b_.getInt8(0));
  }
  return b_.CreateLoad(element, b_.CreateInBoundsGEP(element, spilled, lane));
}

}  // namespace nodec::codegen
