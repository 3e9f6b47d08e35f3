// Matrices of the features form: which way round a product runs, packing for it, and outer products.
#include "compiler/codegen/function_emitter.hpp"

namespace nodec::codegen {

using namespace schedule;

namespace {

// Whether registers hold rows or columns: by loads, two for a multiply-add of columns and one for one of
// rows, whose x is broadcast once for all; a row's sum at the end costs about as much as sixteen.
bool rows_in_registers(const Instruction& i, int native) {
  const int64_t row_vectors = (i.rows + native - 1) / native,
                column_vectors = (i.columns + native - 1) / native;
  return i.columns * (row_vectors + 1) <= i.rows * (2 * column_vectors + 16);
}

}  // namespace

void FunctionEmitter::pack_one(const Instruction& i) {
  llvm::Value *rows = b_.getInt64(i.rows), *columns = b_.getInt64(i.columns), *one = b_.getInt64(1);
  llvm::Value *to = base(i.buffer), *from = address_of_one(i.source, operand(i, 0));
  const bool by_rows = rows_in_registers(i, m_.native());
  if (!by_rows && !i.transposed) {
    b_.CreateMemCpy(to, llvm::Align(m_.real_bytes()), from, llvm::Align(m_.real_bytes()),
                    static_cast<uint64_t>(i.rows * i.columns * m_.real_bytes()));
    return;
  }
  b_.CreateCall(m_.pack_groups_kernel(), {to, from, rows, columns, i.transposed ? one : columns,
                                          i.transposed ? rows : one, b_.getInt64(by_rows ? m_.native() : 1)});
}

void FunctionEmitter::contract_one(const Instruction& i) {
  const bool biased = i.fourth != none;
  llvm::Value *rows = b_.getInt64(i.rows), *columns = b_.getInt64(i.columns);
  llvm::Value* to = address_of_one(i.buffer, operand(i, 0));
  llvm::Value* x = address_of_one(i.third, operand(i, 1));
  llvm::Value* bias = biased ? address_of_one(i.fourth, operand(i, 2)) : m_.no_bias();
  if (rows_in_registers(i, m_.native())) {
    b_.CreateCall(m_.contract_rows_kernel(biased), {to, base(i.source), x, bias, rows, columns});
  } else {
    b_.CreateCall(m_.contract_columns_kernel(),
                  {to, base(i.source), x, bias, b_.getInt64(biased ? 1 : 0), rows, columns});
  }
}

void FunctionEmitter::outer_one(const Instruction& i) {
  // Below half a register, masked columns cost more than one at a time.
  const bool wide = 2 * i.columns >= m_.native();
  b_.CreateCall(m_.outer_one_kernel(wide),
                {address_of_one(i.buffer, operand(i, 0)), address_of_one(i.source, operand(i, 1)),
                 address_of_one(i.third, operand(i, 2)), b_.getInt64(i.rows), b_.getInt64(i.columns)});
}

llvm::Function* ModuleEmitter::pack_groups_kernel() {
  return kernel(
      "pack.groups", {pointer, pointer, index, index, index, index, index},
      [&](llvm::Function* f, Builder& b) {
        llvm::Value *to = f->getArg(0), *from = f->getArg(1), *rows = f->getArg(2), *columns = f->getArg(3),
                    *row_stride = f->getArg(4), *column_stride = f->getArg(5), *group = f->getArg(6);
        const llvm::Align alignment(real_bytes());
        llvm::Value* groups = b.CreateSDiv(b.CreateSub(b.CreateAdd(rows, group), b.getInt64(1)), group);
        counted_loop(b, b.getInt64(0), groups, 1, [&](llvm::Value* g) {
          llvm::Value* first = b.CreateMul(g, group);
          llvm::Value* left = b.CreateSub(rows, first);
          llvm::Value* here = b.CreateSelect(b.CreateICmpSLT(left, group), left, group);
          llvm::Value* into = b.CreateInBoundsGEP(real, to, b.CreateMul(first, columns));
          llvm::Value* source = b.CreateInBoundsGEP(real, from, b.CreateMul(first, row_stride));
          counted_loop(b, b.getInt64(0), columns, 1, [&](llvm::Value* k) {
            llvm::Value* target = b.CreateInBoundsGEP(real, into, b.CreateMul(k, here));
            llvm::Value* column = b.CreateInBoundsGEP(real, source, b.CreateMul(k, column_stride));
            counted_loop(b, b.getInt64(0), here, 1, [&](llvm::Value* r) {
              llvm::Value* place = b.CreateInBoundsGEP(real, column, b.CreateMul(r, row_stride));
              b.CreateAlignedStore(b.CreateAlignedLoad(real, place, alignment),
                                   b.CreateInBoundsGEP(real, target, r), alignment);
            });
          });
        });
      });
}

llvm::Function* ModuleEmitter::outer_one_kernel(bool wide) {
  return kernel(
      wide ? "outer.wide" : "outer.narrow", {pointer, pointer, pointer, index, index},
      [&](llvm::Function* f, Builder& b) {
        llvm::Value *rows = f->getArg(3), *columns = f->getArg(4);
        const llvm::Align alignment(real_bytes());
        const auto at = [&](llvm::Value* base, llvm::Value* n) { return b.CreateInBoundsGEP(real, base, n); };
        const int width = wide ? native() : 1;
        llvm::Type* type = wide ? vector(real, width) : real;
        const auto add = [&](llvm::Value* left, llvm::Value* place, llvm::Value* right, llvm::Value* mask) {
          llvm::Value* zero = llvm::Constant::getNullValue(type);
          const auto read = [&](llvm::Value* address) -> llvm::Value* {
            if (mask) return b.CreateMaskedLoad(type, address, alignment, mask, zero);
            return b.CreateAlignedLoad(type, address, alignment);
          };
          llvm::Value* sum =
              b.CreateIntrinsic(llvm::Intrinsic::fma, {type}, {left, read(right), read(place)});
          if (mask) {
            b.CreateMaskedStore(sum, place, alignment, mask);
          } else {
            b.CreateAlignedStore(sum, place, alignment);
          }
        };
        llvm::Value* whole = b.CreateAnd(columns, b.getInt64(-width));
        llvm::Value* mask = nullptr;
        if (wide) {
          llvm::SmallVector<llvm::Constant*, 16> numbers;
          for (int e = 0; e < width; ++e) numbers.push_back(b.getInt32(static_cast<uint32_t>(e)));
          llvm::Value* rest = b.CreateTrunc(b.CreateSub(columns, whole), b.getInt32Ty());
          mask = b.CreateICmpSLT(llvm::ConstantVector::get(numbers), b.CreateVectorSplat(width, rest));
        }
        counted_loop(b, b.getInt64(0), rows, 1, [&](llvm::Value* r) {
          llvm::Value* left = b.CreateAlignedLoad(real, at(f->getArg(1), r), alignment);
          if (wide) left = b.CreateVectorSplat(width, left);
          llvm::Value* row = at(f->getArg(0), b.CreateMul(r, columns));
          counted_loop(b, b.getInt64(0), whole, width,
                       [&](llvm::Value* k) { add(left, at(row, k), at(f->getArg(2), k), nullptr); });
          if (!wide) return;
          guarded(b, b.CreateICmpSLT(whole, columns),
                  [&] { add(left, at(row, whole), at(f->getArg(2), whole), mask); });
        });
      });
}

}  // namespace nodec::codegen
