// Registers of reals in kernels: where they lie, those that a mask keeps apart, and their transpose.
#pragma once

#include "compiler/codegen/loops.hpp"

namespace nodec::codegen {

class VectorMemory {
 public:
  VectorMemory(Builder& b, llvm::Type* real, int width)
      : b_(b),
        real_(real),
        type_(llvm::FixedVectorType::get(real, static_cast<unsigned>(width))),
        alignment_(real->getPrimitiveSizeInBits() / 8),
        width_(width) {}

  llvm::Value* at(llvm::Value* base, llvm::Value* index) const {
    return b_.CreateInBoundsGEP(real_, base, index);
  }
  llvm::Value* zero() const { return llvm::Constant::getNullValue(type_); }
  // Of the mask's elements, all where it is null; the others read as zero.
  llvm::Value* read(llvm::Value* address, llvm::Value* mask) const {
    if (mask) return b_.CreateMaskedLoad(type_, address, alignment_, mask, zero());
    return b_.CreateAlignedLoad(type_, address, alignment_);
  }
  void write(llvm::Value* value, llvm::Value* address, llvm::Value* mask) const {
    if (mask) {
      b_.CreateMaskedStore(value, address, alignment_, mask);
    } else {
      b_.CreateAlignedStore(value, address, alignment_);
    }
  }
  llvm::Value* number(llvm::Value* address) const { return b_.CreateAlignedLoad(real_, address, alignment_); }
  void put(llvm::Value* x, llvm::Value* address) const { b_.CreateAlignedStore(x, address, alignment_); }
  llvm::Type* real() const { return real_; }
  llvm::Value* splat(llvm::Value* x) const { return b_.CreateVectorSplat(static_cast<unsigned>(width_), x); }
  llvm::Value* fma(llvm::Value* x, llvm::Value* y, llvm::Value* z) const {
    return b_.CreateIntrinsic(llvm::Intrinsic::fma, {type_}, {x, y, z});
  }
  // A mask of the first `count` elements, none where it is negative.
  llvm::Value* first(llvm::Value* count) const {
    llvm::SmallVector<llvm::Constant*, 16> numbers;
    for (int e = 0; e < width_; ++e) numbers.push_back(b_.getInt32(static_cast<uint32_t>(e)));
    llvm::Value* end = b_.CreateTrunc(count, b_.getInt32Ty());
    return b_.CreateICmpSLT(llvm::ConstantVector::get(numbers),
                            b_.CreateVectorSplat(static_cast<unsigned>(width_), end));
  }

 protected:
  Builder& b_;
  llvm::Type *real_, *type_;
  llvm::Align alignment_;
  int width_;
};

// The transpose of n vectors of n elements, n a power of two: log n rounds of interleaving halves.
void transpose(Builder& b, llvm::SmallVectorImpl<llvm::Value*>& rows);

}  // namespace nodec::codegen
