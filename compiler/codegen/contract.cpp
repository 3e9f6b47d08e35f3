// Matrix times a tile of vectors: y[r] = bias[r] + Σ_k W[r, k]·x[k], lanes innermost, W packed in groups of
// four rows.
//
// A register tile has 4·groups rows and `width` lanes of accumulators; the sum over k ascends by fused
// multiply-add from the bias whatever the tile, so that its bits depend on neither the shape of the tile nor
// the number of lanes.
#include "compiler/codegen/module_emitter.hpp"

namespace nodec::codegen {

namespace {

constexpr int group_rows = 4;

struct Operands {
  llvm::Value *to, *w, *x, *bias, *rows, *columns;
};

class ContractTile {
 public:
  ContractTile(Builder& b, llvm::Type* real, int lanes, int width, const Operands& o)
      : b_(b),
        real_(real),
        tile_type_(llvm::FixedVectorType::get(real, width)),
        lanes_(lanes),
        width_(width),
        o_(o) {}

  // Rows first … first + 4·groups − 1; those past the end are computed and dropped.
  void emit(llvm::Value* first, int groups, int unroll) {
    Carried sums;
    for (int r = 0; r < group_rows * groups; ++r) sums.push_back(start(b_.CreateAdd(first, b_.getInt64(r))));
    llvm::SmallVector<llvm::Value*, 4> packed;
    for (int g = 0; g < groups; ++g) {
      llvm::Value* row = b_.CreateAdd(first, b_.getInt64(g * group_rows));
      packed.push_back(at(o_.w, b_.CreateMul(row, o_.columns)));
    }
    llvm::Value* whole = b_.CreateAnd(o_.columns, b_.getInt64(-unroll));
    sums = counted_loop(b_, b_.getInt64(0), whole, unroll, sums, [&](llvm::Value* k, Carried s) {
      for (int u = 0; u < unroll; ++u) s = add_column(packed, b_.CreateAdd(k, b_.getInt64(u)), s);
      return s;
    });
    sums = counted_loop(b_, whole, o_.columns, 1, sums,
                        [&](llvm::Value* k, Carried s) { return add_column(packed, k, s); });
    for (size_t r = 0; r < sums.size(); ++r) finish(b_.CreateAdd(first, b_.getInt64(r)), sums[r]);
  }

 private:
  llvm::Value* at(llvm::Value* base, llvm::Value* index) { return b_.CreateInBoundsGEP(real_, base, index); }
  llvm::Align alignment() const { return llvm::Align(real_->getPrimitiveSizeInBits() / 8); }
  llvm::Value* row_of(llvm::Value* base, llvm::Value* row) {
    return at(base, b_.CreateMul(row, b_.getInt64(lanes_)));
  }
  llvm::Value* broadcast(llvm::Value* address) {
    return b_.CreateVectorSplat(width_, b_.CreateAlignedLoad(real_, address, alignment()));
  }

  llvm::Value* start(llvm::Value* row) {
    if (!o_.bias) return llvm::Constant::getNullValue(tile_type_);
    llvm::Value* last = b_.CreateSub(o_.rows, b_.getInt64(1));
    return broadcast(at(o_.bias, b_.CreateSelect(b_.CreateICmpSLT(row, last), row, last)));
  }

  Carried add_column(llvm::ArrayRef<llvm::Value*> packed, llvm::Value* k, Carried sums) {
    llvm::Value* x = b_.CreateAlignedLoad(tile_type_, row_of(o_.x, k), alignment());
    llvm::Value* column = b_.CreateMul(k, b_.getInt64(group_rows));
    for (size_t r = 0; r < sums.size(); ++r) {
      llvm::Value* place = b_.CreateAdd(column, b_.getInt64(r % group_rows));
      llvm::Value* w = broadcast(at(packed[r / group_rows], place));
      sums[r] = b_.CreateIntrinsic(llvm::Intrinsic::fma, {tile_type_}, {w, x, sums[r]});
    }
    return sums;
  }

  void finish(llvm::Value* row, llvm::Value* sum) {
    guarded(b_, b_.CreateICmpSLT(row, o_.rows),
            [&] { b_.CreateAlignedStore(sum, row_of(o_.to, row), alignment()); });
  }

  Builder& b_;
  llvm::Type* real_;
  llvm::Type* tile_type_;
  int lanes_, width_;
  Operands o_;
};

}  // namespace

llvm::Function* ModuleEmitter::contract_kernel(int width, int blocks, bool bias) {
  const std::string name =
      "contract." + std::to_string(width) + "x" + std::to_string(blocks) + (bias ? ".bias" : "");
  return kernel(name, {pointer, pointer, pointer, pointer, index, index}, [&](llvm::Function* f, Builder& b) {
    // Enough independent sums to hide the latency of the multiply-add, few enough to stay in registers.
    const int vectors = (width + native() - 1) / native();
    const int groups = vectors >= 2 ? 1 : 2;
    llvm::Value *rows = f->getArg(4), *columns = f->getArg(5);
    llvm::Value* padded = b.CreateAnd(b.CreateAdd(rows, b.getInt64(group_rows - 1)), b.getInt64(-group_rows));
    counted_loop(b, b.getInt64(0), b.getInt64(blocks), 1, [&](llvm::Value* block) {
      llvm::Value* lane = b.CreateMul(block, b.getInt64(width));
      const Operands operands{b.CreateInBoundsGEP(real, f->getArg(0), lane),
                              f->getArg(1),
                              b.CreateInBoundsGEP(real, f->getArg(2), lane),
                              bias ? f->getArg(3) : nullptr,
                              rows,
                              columns};
      ContractTile tile(b, real, lanes, width, operands);
      llvm::Value* whole = b.getInt64(0);
      if (groups > 1) {
        whole = b.CreateSub(padded, b.CreateURem(padded, b.getInt64(groups * group_rows)));
        counted_loop(b, b.getInt64(0), whole, groups * group_rows,
                     [&](llvm::Value* first) { tile.emit(first, groups, 4); });
      }
      counted_loop(b, whole, padded, group_rows, [&](llvm::Value* first) { tile.emit(first, 1, 4); });
    });
  });
}

}  // namespace nodec::codegen
