// Rearranges a matrix for the products: [group][column][row of the group].
//
// The lanes form has groups of four rows, the last padded with zeros; the features form groups of as many
// rows as a register holds, or of one, the last as long as rows are left. Blocks that fill registers are
// shuffled in them; what is left goes element by element.
#include "compiler/codegen/module_emitter.hpp"
#include "compiler/codegen/vector_memory.hpp"

namespace nodec::codegen {

namespace {

class Packing {
 public:
  Packing(Builder& b, llvm::Type* real, int native, llvm::Function* f, int group, bool padded,
          bool transposed)
      : b_(b),
        memory_(b, real, std::max(native, group)),
        to_(f->getArg(0)),
        from_(f->getArg(1)),
        rows_(f->getArg(2)),
        columns_(f->getArg(3)),
        group_(group),
        width_(std::max(native, group)),
        padded_(padded),
        transposed_(transposed) {}

  void emit() {
    const int rows = transposed_ ? width_ : group_;
    const int columns = transposed_ && group_ > 1 ? 1 : width_;
    llvm::Value *whole_rows = b_.CreateAnd(rows_, b_.getInt64(-rows)),
                *whole_columns = b_.CreateAnd(columns_, b_.getInt64(-columns));
    counted_loop(b_, b_.getInt64(0), whole_rows, rows, [&](llvm::Value* row) {
      counted_loop(b_, b_.getInt64(0), whole_columns, columns, [&](llvm::Value* k) { block(row, k); });
      if (columns > 1) groups(row, plus(row, rows), whole_columns);
    });
    groups(whole_rows, b_.CreateAnd(plus(rows_, group_ - 1), b_.getInt64(-group_)), b_.getInt64(0));
  }

 private:
  llvm::Value* plus(llvm::Value* index, int64_t n) {
    return n == 0 ? index : b_.CreateAdd(index, b_.getInt64(n));
  }
  llvm::Value* source(llvm::Value* row, llvm::Value* k) {
    llvm::Value* place = transposed_ ? b_.CreateAdd(b_.CreateMul(k, rows_), row)
                                     : b_.CreateAdd(b_.CreateMul(row, columns_), k);
    return memory_.at(from_, place);
  }
  // Of a group that is whole, from its first row.
  llvm::Value* target(llvm::Value* row, llvm::Value* k) {
    llvm::Value* place = b_.CreateAdd(b_.CreateMul(row, columns_), b_.CreateMul(k, b_.getInt64(group_)));
    return memory_.at(to_, place);
  }

  void block(llvm::Value* row, llvm::Value* k) {
    llvm::SmallVector<llvm::Value*, 16> vectors;
    if (!transposed_) {
      for (int r = 0; r < group_; ++r) vectors.push_back(memory_.read(source(plus(row, r), k), nullptr));
      // Pairs of vectors, pairs of these: in the end one that has each column's rows side by side.
      for (; vectors.size() > 1; vectors.resize(vectors.size() / 2)) {
        const size_t half = vectors.size() / 2;
        for (size_t v = 0; v < half; ++v) vectors[v] = interleaved(vectors[v], vectors[v + half]);
      }
      memory_.write(vectors[0], target(row, k), nullptr);
    } else if (group_ > 1) {
      llvm::Value* column = memory_.read(source(row, k), nullptr);
      for (int first = 0; first < width_; first += group_) {
        llvm::SmallVector<int, 16> rows;
        for (int r = 0; r < group_; ++r) rows.push_back(first + r);
        llvm::Value* part = group_ == width_ ? column : b_.CreateShuffleVector(column, rows);
        memory_.write(part, target(plus(row, first), k), nullptr);
      }
    } else {
      for (int c = 0; c < width_; ++c) vectors.push_back(memory_.read(source(row, plus(k, c)), nullptr));
      transpose(b_, vectors);
      for (int r = 0; r < width_; ++r)
        memory_.write(vectors[static_cast<size_t>(r)], target(plus(row, r), k), nullptr);
    }
  }
  llvm::Value* interleaved(llvm::Value* x, llvm::Value* y) {
    const int n = static_cast<int>(llvm::cast<llvm::FixedVectorType>(x->getType())->getNumElements());
    llvm::SmallVector<int, 64> order;
    for (int e = 0; e < n; ++e) order.push_back(e), order.push_back(n + e);
    return b_.CreateShuffleVector(x, y, order);
  }

  // Groups that begin in rows [first, end), from a column on, element by element.
  void groups(llvm::Value* first, llvm::Value* end, llvm::Value* from_column) {
    counted_loop(b_, first, end, group_, [&](llvm::Value* row) {
      llvm::Value *left = b_.CreateSub(rows_, row), *group = b_.getInt64(group_);
      llvm::Value* inside = b_.CreateSelect(b_.CreateICmpSLT(left, group), left, group);
      llvm::Value* stride = padded_ ? group : inside;
      llvm::Value* start = memory_.at(to_, b_.CreateMul(row, columns_));
      counted_loop(b_, from_column, columns_, 1, [&](llvm::Value* k) {
        llvm::Value* column = memory_.at(start, b_.CreateMul(k, stride));
        counted_loop(b_, b_.getInt64(0), inside, 1, [&](llvm::Value* r) {
          memory_.put(memory_.number(source(b_.CreateAdd(row, r), k)), memory_.at(column, r));
        });
        counted_loop(b_, inside, stride, 1, [&](llvm::Value* r) {
          memory_.put(llvm::Constant::getNullValue(memory_.real()), memory_.at(column, r));
        });
      });
    });
  }

  Builder& b_;
  VectorMemory memory_;
  llvm::Value *to_, *from_, *rows_, *columns_;
  int group_, width_;
  bool padded_, transposed_;
};

}  // namespace

llvm::Function* ModuleEmitter::pack_kernel(int group, bool padded, bool transposed) {
  const std::string name = "pack." + std::to_string(group) + (transposed ? ".transposed" : "");
  return kernel(name, {pointer, pointer, index, index}, [&](llvm::Function* f, Builder& b) {
    Packing(b, real, native(), f, group, padded, transposed).emit();
  });
}

}  // namespace nodec::codegen
