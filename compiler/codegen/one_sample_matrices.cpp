// Matrices of the features form: which way round a product runs, packing for it, and outer products.
#include "compiler/codegen/function_emitter.hpp"
#include "compiler/codegen/vector_memory.hpp"

namespace nodec::codegen {

using namespace schedule;

namespace {

// Rows from which on a kernel may begin without a change of the order of any sum: in registers, or rows side
// by side.
constexpr int64_t whole_rows = 8, whole_columns = 4;

// Whether registers hold rows or columns: by loads, two for a multiply-add of columns and one for one of
// rows, whose x is broadcast once for all; a row's sum at the end costs about as much as sixteen.
bool rows_in_registers(const Instruction& i, int native) {
  const int64_t row_vectors = (i.rows + native - 1) / native,
                column_vectors = (i.columns + native - 1) / native;
  return i.columns * (row_vectors + 1) <= i.rows * (2 * column_vectors + 16);
}

}  // namespace

void FunctionEmitter::pack_one(const Instruction& i) {
  llvm::Value *to = base(i.buffer), *from = address_of_one(i.source, operand(i, 0));
  const bool by_rows = rows_in_registers(i, m_.native());
  if (!by_rows && !i.transposed) {
    b_.CreateMemCpy(to, llvm::Align(m_.real_bytes()), from, llvm::Align(m_.real_bytes()),
                    static_cast<uint64_t>(i.rows * i.columns * m_.real_bytes()));
    return;
  }
  b_.CreateCall(m_.pack_kernel(by_rows ? m_.native() : 1, false, i.transposed),
                {to, from, b_.getInt64(i.rows), b_.getInt64(i.columns)});
}

void FunctionEmitter::contract_one(const Instruction& i) {
  const bool biased = i.fourth != none;
  llvm::Value *rows = b_.getInt64(i.rows), *columns = b_.getInt64(i.columns);
  llvm::Value* to = address_of_one(i.buffer, operand(i, 0));
  llvm::Value* x = address_of_one(i.third, operand(i, 1));
  llvm::Value* bias = biased ? address_of_one(i.fourth, operand(i, 2)) : m_.no_bias();
  const int64_t real = m_.real_bytes();
  const KernelArgument to_rows = {to, real}, w = {base(i.source), i.columns * real},
                       offsets = {bias, biased ? real : 0};
  if (rows_in_registers(i, m_.native())) {
    call_by_rows(i, m_.contract_rows_kernel(biased), {to_rows, w, {x}, offsets, {rows}, {columns}}, 4,
                 whole_rows * m_.native());
  } else {
    call_by_rows(i, m_.contract_columns_kernel(),
                 {to_rows, w, {x}, offsets, {b_.getInt64(biased ? 1 : 0)}, {rows}, {columns}}, 5,
                 whole_columns);
  }
}

void FunctionEmitter::outer_one(const Instruction& i) {
  llvm::Value *to = address_of_one(i.buffer, operand(i, 0)), *left = address_of_one(i.source, operand(i, 1)),
              *right = address_of_one(i.third, operand(i, 2)), *rows = b_.getInt64(i.rows);
  if (2 * i.columns < m_.native()) {
    b_.CreateCall(m_.outer_narrow_kernel(static_cast<int>(i.columns)), {to, left, right, rows});
    return;
  }
  const int64_t real = m_.real_bytes();
  call_by_rows(i, m_.outer_wide_kernel(),
               {{to, i.columns * real}, {left, real}, {right}, {rows}, {b_.getInt64(i.columns)}}, 3, 1);
}

llvm::Function* ModuleEmitter::outer_wide_kernel() {
  return kernel("outer.wide", {pointer, pointer, pointer, index, index}, [&](llvm::Function* f, Builder& b) {
    llvm::Value *rows = f->getArg(3), *columns = f->getArg(4);
    const int width = native();
    const VectorMemory memory(b, real, width);
    llvm::Value* whole = b.CreateAnd(columns, b.getInt64(-width));
    llvm::Value* mask = memory.first(b.CreateSub(columns, whole));
    counted_loop(b, b.getInt64(0), rows, 1, [&](llvm::Value* r) {
      llvm::Value* left = memory.splat(memory.number(memory.at(f->getArg(1), r)));
      llvm::Value* row = memory.at(f->getArg(0), b.CreateMul(r, columns));
      const auto add = [&](llvm::Value* k, llvm::Value* some) {
        llvm::Value* place = memory.at(row, k);
        llvm::Value* right = memory.read(memory.at(f->getArg(2), k), some);
        memory.write(memory.fma(left, right, memory.read(place, some)), place, some);
      };
      counted_loop(b, b.getInt64(0), whole, width, [&](llvm::Value* k) { add(k, nullptr); });
      guarded(b, b.CreateICmpSLT(whole, columns), [&] { add(whole, mask); });
    });
  });
}

// As many rows as a register has elements are `columns` registers of the accumulator, to which shuffles bring
// the row and the column of each element.
llvm::Function* ModuleEmitter::outer_narrow_kernel(int columns) {
  return kernel(
      "outer.narrow." + std::to_string(columns), {pointer, pointer, pointer, index},
      [&](llvm::Function* f, Builder& b) {
        llvm::Value* rows = f->getArg(3);
        const int width = native();
        const VectorMemory memory(b, real, width);
        llvm::Value* right = memory.read(f->getArg(2), memory.first(b.getInt64(columns)));
        llvm::SmallVector<llvm::Value*, 8> rights;
        llvm::SmallVector<llvm::SmallVector<int, 16>, 8> row_of;
        for (int v = 0; v < columns; ++v) {
          llvm::SmallVector<int, 16> column_of;
          row_of.emplace_back();
          for (int e = v * width; e < (v + 1) * width; ++e) {
            row_of.back().push_back(e / columns);
            column_of.push_back(e % columns);
          }
          rights.push_back(b.CreateShuffleVector(right, column_of));
        }
        const auto block = [&](llvm::Value* row, llvm::Value* left) {
          llvm::Value* a = memory.read(memory.at(f->getArg(1), row), left ? memory.first(left) : nullptr);
          llvm::Value* first = memory.at(f->getArg(0), b.CreateMul(row, b.getInt64(columns)));
          for (int v = 0; v < columns; ++v) {
            llvm::Value* place = memory.at(first, b.getInt64(v * width));
            llvm::Value* some = nullptr;
            if (left) {
              llvm::Value* end = b.CreateMul(left, b.getInt64(columns));
              some = memory.first(b.CreateSub(end, b.getInt64(v * width)));
            }
            llvm::Value* here = b.CreateShuffleVector(a, row_of[static_cast<size_t>(v)]);
            llvm::Value* sum = memory.fma(here, rights[static_cast<size_t>(v)], memory.read(place, some));
            memory.write(sum, place, some);
          }
        };
        llvm::Value* whole = b.CreateAnd(rows, b.getInt64(-width));
        counted_loop(b, b.getInt64(0), whole, width, [&](llvm::Value* row) { block(row, nullptr); });
        guarded(b, b.CreateICmpSLT(whole, rows), [&] { block(whole, b.CreateSub(rows, whole)); });
      });
}

}  // namespace nodec::codegen
