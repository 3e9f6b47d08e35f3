// Rearranges a matrix for the contract kernel: [⌈rows/4⌉][columns][4], rows past the end zero.
#include "compiler/codegen/module_emitter.hpp"

namespace nodec::codegen {

llvm::Function* ModuleEmitter::pack_kernel() {
  return kernel("pack", {pointer, pointer, index, index, index, index}, [&](llvm::Function* f, Builder& b) {
    llvm::Value *to = f->getArg(0), *from = f->getArg(1), *rows = f->getArg(2), *columns = f->getArg(3),
                *row_stride = f->getArg(4), *column_stride = f->getArg(5);
    const llvm::Align alignment(real_bytes());
    llvm::Value* zero = llvm::ConstantFP::get(real, 0);
    llvm::Value* last = b.CreateSub(rows, b.getInt64(1));
    llvm::Value* padded = b.CreateAnd(b.CreateAdd(rows, b.getInt64(3)), b.getInt64(-4));
    counted_loop(b, b.getInt64(0), padded, 4, [&](llvm::Value* first) {
      llvm::Value* group = b.CreateInBoundsGEP(real, to, b.CreateMul(first, columns));
      counted_loop(b, b.getInt64(0), columns, 1, [&](llvm::Value* k) {
        for (int r = 0; r < 4; ++r) {
          llvm::Value* row = b.CreateAdd(first, b.getInt64(r));
          llvm::Value* inside = b.CreateICmpSLT(row, rows);
          llvm::Value* place = b.CreateMul(b.CreateSelect(inside, row, last), row_stride);
          place = b.CreateAdd(place, b.CreateMul(k, column_stride));
          llvm::Value* x = b.CreateAlignedLoad(real, b.CreateInBoundsGEP(real, from, place), alignment);
          llvm::Value* target = b.CreateAdd(b.CreateMul(k, b.getInt64(4)), b.getInt64(r));
          b.CreateAlignedStore(b.CreateSelect(inside, x, zero), b.CreateInBoundsGEP(real, group, target),
                               alignment);
        }
      });
    });
  });
}

}  // namespace nodec::codegen
