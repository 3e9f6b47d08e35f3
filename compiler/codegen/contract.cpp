// Matrix times a tile of vectors: y[r] = bias[r] + Σ_k W[r, k]·x[k], lanes innermost, W packed in groups of
// four rows.
//
// A register tile has 4·groups rows and `width` lanes of sums; the sum over k ascends by fused multiply-add
// from the bias whatever the tile, so that its bits depend on neither the shape of the tile nor the number of
// lanes.
#include "compiler/codegen/module_emitter.hpp"

namespace nodec::codegen {

namespace {

struct Operands {
  llvm::Value *to, *w, *x, *bias, *bias_step, *rows, *columns;
};

class ContractTile {
 public:
  ContractTile(Builder& b, llvm::Type* real, int lanes, int width, const Operands& o)
      : b_(b),
        real_(real),
        type_(llvm::FixedVectorType::get(real, width)),
        alignment_(real->getPrimitiveSizeInBits() / 8),
        lanes_(lanes),
        width_(width),
        o_(o) {}

  // Rows first … first + 4·groups − 1, all within the matrix.
  void whole(llvm::Value* first, int groups, int unroll) {
    Carried sums = multiply(first, groups, unroll, [&](llvm::Value* row) { return row; });
    for (size_t r = 0; r < sums.size(); ++r) store(b_.CreateAdd(first, b_.getInt64(r)), sums[r]);
  }

  // Rows first … first + 3; those past the end are computed and dropped.
  void rest(llvm::Value* first) {
    llvm::Value* last = b_.CreateSub(o_.rows, b_.getInt64(1));
    Carried sums = multiply(first, 1, 1, [&](llvm::Value* row) {
      return b_.CreateSelect(b_.CreateICmpSLT(row, last), row, last);
    });
    for (size_t r = 0; r < sums.size(); ++r) {
      llvm::Value* row = b_.CreateAdd(first, b_.getInt64(r));
      guarded(b_, b_.CreateICmpSLT(row, o_.rows), [&] { store(row, sums[r]); });
    }
  }

 private:
  llvm::Value* at(llvm::Value* base, llvm::Value* index) { return b_.CreateInBoundsGEP(real_, base, index); }
  llvm::Value* broadcast(llvm::Value* address) {
    return b_.CreateVectorSplat(width_, b_.CreateAlignedLoad(real_, address, alignment_));
  }
  void store(llvm::Value* row, llvm::Value* sum) {
    b_.CreateAlignedStore(sum, at(o_.to, b_.CreateMul(row, b_.getInt64(lanes_))), alignment_);
  }

  Carried multiply(llvm::Value* first, int groups, int unroll,
                   llvm::function_ref<llvm::Value*(llvm::Value*)> bias_row) {
    Carried sums;
    for (int r = 0; r < group_rows * groups; ++r) {
      llvm::Value* row = bias_row(b_.CreateAdd(first, b_.getInt64(r)));
      sums.push_back(broadcast(at(o_.bias, b_.CreateMul(row, o_.bias_step))));
    }
    packed_.clear();
    for (int g = 0; g < groups; ++g) {
      llvm::Value* row = b_.CreateAdd(first, b_.getInt64(g * group_rows));
      packed_.push_back(at(o_.w, b_.CreateMul(row, o_.columns)));
    }
    llvm::Value* start = b_.getInt64(0);
    if (unroll > 1) {
      llvm::Value* end = b_.CreateAnd(o_.columns, b_.getInt64(-unroll));
      sums = counted_loop(b_, start, end, unroll, sums, [&](llvm::Value* k, Carried s) {
        for (int u = 0; u < unroll; ++u) s = add_column(b_.CreateAdd(k, b_.getInt64(u)), s);
        return s;
      });
      start = end;
    }
    return counted_loop(b_, start, o_.columns, 1, sums,
                        [&](llvm::Value* k, Carried s) { return add_column(k, s); });
  }

  Carried add_column(llvm::Value* k, Carried sums) {
    llvm::Value* x = b_.CreateAlignedLoad(type_, at(o_.x, b_.CreateMul(k, b_.getInt64(lanes_))), alignment_);
    llvm::Value* column = b_.CreateMul(k, b_.getInt64(group_rows));
    for (size_t r = 0; r < sums.size(); ++r) {
      llvm::Value* place = b_.CreateAdd(column, b_.getInt64(r % group_rows));
      llvm::Value* w = broadcast(at(packed_[r / group_rows], place));
      sums[r] = b_.CreateIntrinsic(llvm::Intrinsic::fma, {type_}, {w, x, sums[r]});
    }
    return sums;
  }

  Builder& b_;
  llvm::Type* real_;
  llvm::Type* type_;
  llvm::Align alignment_;
  int lanes_, width_;
  Operands o_;
  llvm::SmallVector<llvm::Value*, 4> packed_;  // each group's part of W
};

}  // namespace

llvm::Function* ModuleEmitter::contract_kernel(int width, int blocks) {
  const std::string name = "contract." + std::to_string(width) + "x" + std::to_string(blocks);
  return kernel(
      name, {pointer, pointer, pointer, pointer, index, index, index}, [&](llvm::Function* f, Builder& b) {
        // Enough independent sums to hide the latency of the multiply-add, few enough to stay in
        // registers.
        const int registers = target.vector_bits == 512 ? 32 : 16;
        const int vectors = (width + native() - 1) / native();
        const int groups = std::max(1, registers / 2 / (group_rows * vectors));
        const int unroll = groups * vectors >= 4 ? 1 : 2;
        llvm::Value *rows = f->getArg(5), *columns = f->getArg(6);
        // Rows outside: their weights stay in the first-level cache for every block of lanes.
        const auto each_block = [&](llvm::function_ref<void(ContractTile&)> body) {
          counted_loop(b, b.getInt64(0), b.getInt64(blocks), 1, [&](llvm::Value* block) {
            llvm::Value* lane = b.CreateMul(block, b.getInt64(width));
            const Operands operands{b.CreateInBoundsGEP(real, f->getArg(0), lane),
                                    f->getArg(1),
                                    b.CreateInBoundsGEP(real, f->getArg(2), lane),
                                    f->getArg(3),
                                    f->getArg(4),
                                    rows,
                                    columns};
            ContractTile tile(b, real, lanes, width, operands);
            body(tile);
          });
        };
        llvm::Value* whole = b.CreateAnd(rows, b.getInt64(-groups * group_rows));
        counted_loop(b, b.getInt64(0), whole, groups * group_rows, [&](llvm::Value* first) {
          each_block([&](ContractTile& tile) { tile.whole(first, groups, unroll); });
        });
        llvm::Value* padded =
            b.CreateAnd(b.CreateAdd(rows, b.getInt64(group_rows - 1)), b.getInt64(-group_rows));
        counted_loop(b, whole, padded, group_rows,
                     [&](llvm::Value* first) { each_block([&](ContractTile& tile) { tile.rest(first); }); });
      });
}

llvm::Constant* ModuleEmitter::no_bias() {
  if (!no_bias_) {
    no_bias_ = new llvm::GlobalVariable(module, real, true, llvm::GlobalValue::PrivateLinkage,
                                        llvm::Constant::getNullValue(real), "no_bias");
  }
  return no_bias_;
}

}  // namespace nodec::codegen
