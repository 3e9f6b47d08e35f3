// Matrix times one vector: y[r] = bias[r] + Σ_k W[r, k]·x[k].
//
// Many rows: a register holds rows, W is packed in groups of as many rows, [group][column][row], and x[k] is
// broadcast. Few rows: a register holds columns, W is as it is, and each row's partial sums are added up at
// the end. Eight multiply-adds are in flight either way: of eight registers of rows, or of fewer with the
// columns dealt out over several sums. A shape alone decides the order of each sum.
#include "compiler/codegen/module_emitter.hpp"
#include "compiler/codegen/vector_memory.hpp"

namespace nodec::codegen {

namespace {

constexpr int chains = 8;

class Multiplication : protected VectorMemory {
 public:
  using VectorMemory::VectorMemory;

 protected:
  llvm::Value* plus(llvm::Value* index, int64_t n) {
    return n == 0 ? index : b_.CreateAdd(index, b_.getInt64(n));
  }
  // Pairwise.
  llvm::Value* sum(llvm::ArrayRef<llvm::Value*> parts) {
    llvm::SmallVector<llvm::Value*, chains> left(parts);
    while (left.size() > 1) {
      llvm::SmallVector<llvm::Value*, chains> next;
      for (size_t n = 0; n + 1 < left.size(); n += 2) next.push_back(b_.CreateFAdd(left[n], left[n + 1]));
      if (left.size() % 2 == 1) next.push_back(left.back());
      left = next;
    }
    return left[0];
  }
  llvm::Value* elements(llvm::Value* x) {
    for (int n = width_ / 2; n >= 1; n /= 2) {
      llvm::SmallVector<int, 16> low, high;
      for (int e = 0; e < n; ++e) low.push_back(e), high.push_back(n + e);
      x = b_.CreateFAdd(b_.CreateShuffleVector(x, low), b_.CreateShuffleVector(x, high));
    }
    return b_.CreateExtractElement(x, uint64_t{0});
  }
};

class RowVectors : Multiplication {
 public:
  RowVectors(Builder& b, llvm::Type* real, int width, llvm::Function* f, bool biased)
      : Multiplication(b, real, width),
        to_(f->getArg(0)),
        w_(f->getArg(1)),
        x_(f->getArg(2)),
        bias_(biased ? f->getArg(3) : nullptr),
        rows_(f->getArg(4)),
        columns_(f->getArg(5)) {}

  void emit() {
    llvm::Value* done = b_.getInt64(0);
    for (int vectors = chains; vectors >= 1; vectors /= 2) {
      llvm::Value* left = b_.CreateSub(rows_, done);
      llvm::Value* end = b_.CreateAdd(done, b_.CreateAnd(left, b_.getInt64(-int64_t{vectors} * width_)));
      counted_loop(b_, done, end, vectors * width_,
                   [&](llvm::Value* row) { block(row, vectors, b_.getInt64(width_), nullptr); });
      done = end;
    }
    guarded(b_, b_.CreateICmpSLT(done, rows_), [&] {
      llvm::Value* rest = b_.CreateSub(rows_, done);
      block(done, 1, rest, first(rest));
    });
  }

 private:
  // `vectors` registers of rows from `row` on, of groups of `group` rows.
  void block(llvm::Value* row, int vectors, llvm::Value* group, llvm::Value* mask) {
    const int splits = chains / vectors;
    Carried sums;
    llvm::SmallVector<llvm::Value*, chains> groups;
    for (int v = 0; v < vectors; ++v) {
      llvm::Value* here = plus(row, v * width_);
      groups.push_back(at(w_, b_.CreateMul(here, columns_)));
      for (int s = 0; s < splits; ++s) sums.push_back(s == 0 && bias_ ? read(at(bias_, here), mask) : zero());
    }
    const auto add = [&](llvm::Value* k, int split, Carried& into) {
      llvm::Value* x = splat(number(at(x_, k)));
      llvm::Value* place = b_.CreateMul(k, group);
      for (int v = 0; v < vectors; ++v) {
        llvm::Value*& into_sum = into[static_cast<size_t>(v * splits + split)];
        into_sum = fma(read(at(groups[static_cast<size_t>(v)], place), mask), x, into_sum);
      }
    };
    llvm::Value* whole = b_.CreateAnd(columns_, b_.getInt64(-splits));
    sums = counted_loop(b_, b_.getInt64(0), whole, splits, sums, [&](llvm::Value* k, Carried carried) {
      for (int s = 0; s < splits; ++s) add(plus(k, s), s, carried);
      return carried;
    });
    if (splits > 1) {
      sums = counted_loop(b_, whole, columns_, 1, sums, [&](llvm::Value* k, Carried carried) {
        add(k, 0, carried);
        return carried;
      });
    }
    for (int v = 0; v < vectors; ++v) {
      const auto parts =
          llvm::ArrayRef(sums).slice(static_cast<size_t>(v * splits), static_cast<size_t>(splits));
      write(sum(parts), at(to_, plus(row, v * width_)), mask);
    }
  }

  llvm::Value *to_, *w_, *x_, *bias_, *rows_, *columns_;
};

class ColumnVectors : Multiplication {
 public:
  ColumnVectors(Builder& b, llvm::Type* real, int width, llvm::Function* f)
      : Multiplication(b, real, width),
        to_(f->getArg(0)),
        w_(f->getArg(1)),
        x_(f->getArg(2)),
        bias_(f->getArg(3)),
        bias_step_(f->getArg(4)),
        rows_(f->getArg(5)),
        columns_(f->getArg(6)) {}

  void emit() {
    constexpr int together = 4;
    llvm::Value* whole = b_.CreateAnd(rows_, b_.getInt64(-together));
    counted_loop(b_, b_.getInt64(0), whole, together, [&](llvm::Value* row) { block(row, together); });
    counted_loop(b_, whole, rows_, 1, [&](llvm::Value* row) { block(row, 1); });
  }

 private:
  void block(llvm::Value* row, int rows) {
    const int splits = chains / 2 / rows;
    Carried sums(static_cast<size_t>(rows * splits), zero());
    llvm::SmallVector<llvm::Value*, 4> starts;
    for (int r = 0; r < rows; ++r) starts.push_back(at(w_, b_.CreateMul(plus(row, r), columns_)));
    const auto add = [&](llvm::Value* k, int split, llvm::Value* mask, Carried& into) {
      llvm::Value* x = read(at(x_, k), mask);
      for (int r = 0; r < rows; ++r) {
        llvm::Value*& into_sum = into[static_cast<size_t>(r * splits + split)];
        into_sum = fma(read(at(starts[static_cast<size_t>(r)], k), mask), x, into_sum);
      }
    };
    llvm::Value* start = b_.getInt64(0);
    for (const int unroll : {splits, 1}) {
      llvm::Value* left = b_.CreateSub(columns_, start);
      llvm::Value* end = b_.CreateAdd(start, b_.CreateAnd(left, b_.getInt64(-int64_t{unroll} * width_)));
      sums = counted_loop(b_, start, end, unroll * width_, sums, [&](llvm::Value* k, Carried carried) {
        for (int s = 0; s < unroll; ++s) add(plus(k, s * width_), s, nullptr, carried);
        return carried;
      });
      start = end;
      if (splits == 1) break;
    }
    // At most once: the step is the width.
    sums = counted_loop(b_, start, columns_, width_, sums, [&](llvm::Value* k, Carried carried) {
      add(k, 0, first(b_.CreateSub(columns_, k)), carried);
      return carried;
    });
    for (int r = 0; r < rows; ++r) {
      const auto parts =
          llvm::ArrayRef(sums).slice(static_cast<size_t>(r * splits), static_cast<size_t>(splits));
      llvm::Value* offset = number(at(bias_, b_.CreateMul(plus(row, r), bias_step_)));
      b_.CreateAlignedStore(b_.CreateFAdd(offset, elements(sum(parts))), at(to_, plus(row, r)), alignment_);
    }
  }

  llvm::Value *to_, *w_, *x_, *bias_, *bias_step_, *rows_, *columns_;
};

}  // namespace

llvm::Function* ModuleEmitter::contract_rows_kernel(bool biased) {
  return kernel(biased ? "contract.rows.biased" : "contract.rows",
                {pointer, pointer, pointer, pointer, index, index},
                [&](llvm::Function* f, Builder& b) { RowVectors(b, real, native(), f, biased).emit(); });
}

llvm::Function* ModuleEmitter::contract_columns_kernel() {
  return kernel("contract.columns", {pointer, pointer, pointer, pointer, index, index, index},
                [&](llvm::Function* f, Builder& b) { ColumnVectors(b, real, native(), f).emit(); });
}

}  // namespace nodec::codegen
