// Sums of outer products over samples: accumulator[r, k] += Σ_lanes a[r]·b[k].
//
// Where lanes stay apart this is a multiply-add per row. Where they are summed, b is transposed so that a
// register holds columns of one lane, a is broadcast, and lanes are added one by one in ascending order by
// fused multiply-add.
#include "compiler/codegen/module_emitter.hpp"
#include "compiler/codegen/vector_memory.hpp"

namespace nodec::codegen {

namespace {

// Columns transposed at a time: a few kilobytes of the first-level cache.
constexpr int64_t chunk = 64;
// Rows of a tile past the last whole one.
constexpr int rest_rows = 4;

llvm::Value* smaller(Builder& b, llvm::Value* x, llvm::Value* y) {
  return b.CreateSelect(b.CreateICmpSLT(x, y), x, y);
}

class OuterSum {
 public:
  OuterSum(ModuleEmitter& m, llvm::Function* f, Builder& b)
      : m_(m),
        b_(b),
        real_(m.real),
        alignment_(m.real_bytes()),
        sums_(f->getArg(0)),
        left_(f->getArg(1)),
        right_(f->getArg(2)),
        rows_(f->getArg(3)),
        columns_(f->getArg(4)),
        live_(f->getArg(5)) {
    width_ = static_cast<int>(std::min<int64_t>(2 * m.native(), chunk));
    // Sums, two registers of columns and one of a row's own element stay in registers.
    tile_rows_ = m.target.vector_bits == 512 ? 8 : 4;
    llvm::AllocaInst* memory = b.CreateAlloca(real_, b.getInt64(chunk * m.lanes));
    memory->setAlignment(llvm::Align(64));
    transposed_ = memory;
  }

  void emit() {
    counted_loop(b_, b_.getInt64(0), ceiling(columns_, chunk), chunk, [&](llvm::Value* first) {
      llvm::Value* count = smaller(b_, b_.CreateSub(columns_, first), b_.getInt64(chunk));
      transpose_columns(first, count);
      llvm::Value* whole = b_.CreateAnd(count, b_.getInt64(-width_));
      llvm::Value* whole_rows = b_.CreateAnd(rows_, b_.getInt64(-tile_rows_));
      const auto across = [&](llvm::Value* row, int rows, bool clamped) {
        counted_loop(b_, b_.getInt64(0), whole, width_,
                     [&](llvm::Value* k) { tile(row, rows, clamped, first, k, nullptr); });
        guarded(b_, b_.CreateICmpSLT(whole, count), [&] {
          llvm::Value* left = b_.CreateVectorSplat(width_, b_.CreateSub(count, whole));
          tile(row, rows, clamped, first, whole, b_.CreateICmpSLT(numbers(), left));
        });
      };
      counted_loop(b_, b_.getInt64(0), whole_rows, tile_rows_,
                   [&](llvm::Value* row) { across(row, tile_rows_, false); });
      counted_loop(b_, whole_rows, ceiling(rows_, rest_rows), rest_rows,
                   [&](llvm::Value* row) { across(row, rest_rows, true); });
    });
  }

 private:
  llvm::Value* at(llvm::Value* base, llvm::Value* index) { return b_.CreateInBoundsGEP(real_, base, index); }
  llvm::Value* scaled(llvm::Value* index, int64_t factor) { return b_.CreateMul(index, b_.getInt64(factor)); }
  llvm::Value* ceiling(llvm::Value* x, int64_t multiple) {
    return b_.CreateAnd(b_.CreateAdd(x, b_.getInt64(multiple - 1)), b_.getInt64(-multiple));
  }
  llvm::Value* numbers() {
    llvm::SmallVector<llvm::Constant*, 32> n;
    for (int k = 0; k < width_; ++k) n.push_back(b_.getInt64(k));
    return llvm::ConstantVector::get(n);
  }

  // transposed[lane][k] = b[first + k][lane]
  void transpose_columns(llvm::Value* first, llvm::Value* count) {
    int block = 1;
    while (block < m_.native() && m_.lanes % (2 * block) == 0) block *= 2;
    llvm::Type* type = m_.vector(real_, block);
    llvm::Value* last = b_.CreateSub(count, b_.getInt64(1));
    counted_loop(b_, b_.getInt64(0), ceiling(count, block), block, [&](llvm::Value* k) {
      counted_loop(b_, b_.getInt64(0), b_.getInt64(m_.lanes), block, [&](llvm::Value* lane) {
        llvm::SmallVector<llvm::Value*, 8> rows;
        for (int r = 0; r < block; ++r) {
          llvm::Value* row = smaller(b_, b_.CreateAdd(k, b_.getInt64(r)), last);
          llvm::Value* place = b_.CreateAdd(scaled(b_.CreateAdd(first, row), m_.lanes), lane);
          rows.push_back(b_.CreateAlignedLoad(type, at(right_, place), alignment_));
        }
        transpose(b_, rows);
        for (int r = 0; r < block; ++r) {
          llvm::Value* place = b_.CreateAdd(scaled(b_.CreateAdd(lane, b_.getInt64(r)), chunk), k);
          b_.CreateAlignedStore(rows[r], at(transposed_, place), alignment_);
        }
      });
    });
  }

  // `rows` rows of `width` columns, those of the mask. Clamped: rows past the end are computed and dropped.
  void tile(llvm::Value* row, int rows, bool clamped, llvm::Value* first, llvm::Value* k, llvm::Value* mask) {
    llvm::Type* type = m_.vector(real_, width_);
    llvm::Value* last = b_.CreateSub(rows_, b_.getInt64(1));
    llvm::Value* column = b_.CreateAdd(first, k);
    llvm::SmallVector<llvm::Value*, 8> places, lefts;
    Carried sums;
    for (int r = 0; r < rows; ++r) {
      llvm::Value* own = b_.CreateAdd(row, b_.getInt64(r));
      if (clamped) own = smaller(b_, own, last);
      places.push_back(at(sums_, b_.CreateAdd(b_.CreateMul(own, columns_), column)));
      lefts.push_back(at(left_, scaled(own, m_.lanes)));
      if (mask) {
        llvm::Value* zero = llvm::Constant::getNullValue(type);
        sums.push_back(b_.CreateMaskedLoad(type, places[r], alignment_, mask, zero));
      } else {
        sums.push_back(b_.CreateAlignedLoad(type, places[r], alignment_));
      }
    }
    const auto add_lane = [&](llvm::Value* lane, Carried s) {
      llvm::Value* right =
          b_.CreateAlignedLoad(type, at(transposed_, b_.CreateAdd(scaled(lane, chunk), k)), alignment_);
      for (int r = 0; r < rows; ++r) {
        llvm::Value* left = b_.CreateAlignedLoad(real_, at(lefts[r], lane), alignment_);
        s[r] = b_.CreateIntrinsic(llvm::Intrinsic::fma, {type},
                                  {b_.CreateVectorSplat(width_, left), right, s[r]});
      }
      return s;
    };
    sums = counted_loop(b_, b_.getInt64(0), live_, 1, sums, add_lane);
    for (int r = 0; r < rows; ++r) {
      const auto store = [&] {
        if (mask) {
          b_.CreateMaskedStore(sums[r], places[r], alignment_, mask);
        } else {
          b_.CreateAlignedStore(sums[r], places[r], alignment_);
        }
      };
      if (clamped) {
        guarded(b_, b_.CreateICmpSLT(b_.CreateAdd(row, b_.getInt64(r)), rows_), store);
      } else {
        store();
      }
    }
  }

  ModuleEmitter& m_;
  Builder& b_;
  llvm::Type* real_;
  llvm::Align alignment_;
  llvm::Value *sums_, *left_, *right_, *rows_, *columns_, *live_;
  llvm::Value* transposed_;
  int width_, tile_rows_;
};

}  // namespace

llvm::Function* ModuleEmitter::outer_rows_kernel() {
  return kernel("outer.rows", {pointer, pointer, pointer, index, index}, [&](llvm::Function* f, Builder& b) {
    llvm::Value *rows = f->getArg(3), *columns = f->getArg(4);
    const llvm::Align alignment(real_bytes());
    llvm::Type* row_type = lanes_of(real);
    const auto row = [&](int argument, llvm::Value* r) {
      return b.CreateInBoundsGEP(real, f->getArg(argument), b.CreateMul(r, b.getInt64(lanes)));
    };
    counted_loop(b, b.getInt64(0), rows, 1, [&](llvm::Value* r) {
      llvm::Value* left = b.CreateAlignedLoad(row_type, row(1, r), alignment);
      llvm::Value* first = b.CreateMul(r, columns);
      counted_loop(b, b.getInt64(0), columns, 1, [&](llvm::Value* k) {
        llvm::Value* right = b.CreateAlignedLoad(row_type, row(2, k), alignment);
        llvm::Value* place = row(0, b.CreateAdd(first, k));
        llvm::Value* sum = b.CreateAlignedLoad(row_type, place, alignment);
        sum = b.CreateIntrinsic(llvm::Intrinsic::fma, {row_type}, {left, right, sum});
        b.CreateAlignedStore(sum, place, alignment);
      });
    });
  });
}

llvm::Function* ModuleEmitter::outer_sum_kernel() {
  return kernel("outer.sum", {pointer, pointer, pointer, index, index, index},
                [&](llvm::Function* f, Builder& b) { OuterSum(*this, f, b).emit(); });
}

}  // namespace nodec::codegen
