// Calls of the matrix kernels.
#include "compiler/codegen/function_emitter.hpp"

namespace nodec::codegen {

using namespace schedule;

void FunctionEmitter::pack(const Instruction& i) {
  if (m_.one_sample()) return pack_one(i);
  b_.CreateCall(m_.pack_kernel(group_rows, true, i.transposed),
                {base(i.buffer), element_address(i.source, operand(i, 0)), b_.getInt64(i.rows),
                 b_.getInt64(i.columns)});
}

void FunctionEmitter::contract(const Instruction& i) {
  if (m_.one_sample()) return contract_one(i);
  const bool biased = i.fourth != none;
  llvm::Value* to = element_address(i.buffer, operand(i, 0));
  llvm::Value* x = element_address(i.third, operand(i, 1));
  llvm::Value* bias = biased ? element_address(i.fourth, operand(i, 2)) : m_.no_bias();
  const auto multiply = [&](int first_lane, int width, int blocks) {
    constexpr int64_t whole_tiles = 16;
    const int64_t real = m_.real_bytes();
    call_by_rows(i, m_.contract_kernel(width, blocks),
                 {{m_.address(b_, to, first_lane * real), m_.lanes * real},
                  {base(i.source), i.columns * real},
                  {m_.address(b_, x, first_lane * real)},
                  {bias, biased ? real : 0},
                  {b_.getInt64(biased ? 1 : 0)},
                  {b_.getInt64(i.rows)},
                  {b_.getInt64(i.columns)}},
                 5, whole_tiles);
  };
  // Two registers wide, and what is left in one piece.
  const int width = std::min(2 * m_.native(), m_.lanes);
  const int blocks = m_.lanes / width, rest = m_.lanes % width;
  multiply(0, width, blocks);
  if (rest > 0) multiply(blocks * width, rest, 1);
}

void FunctionEmitter::outer(const Instruction& i) {
  if (m_.one_sample()) return outer_one(i);
  llvm::Value *to = element_address(i.buffer, operand(i, 0)),
              *left = element_address(i.source, operand(i, 1)),
              *right = element_address(i.third, operand(i, 2)), *rows = b_.getInt64(i.rows),
              *columns = b_.getInt64(i.columns);
  if (in_rows(buffer(i.buffer))) {
    b_.CreateCall(m_.outer_rows_kernel(), {to, left, right, rows, columns});
    return;
  }
  constexpr int64_t whole_tiles = 8;
  const int64_t real = m_.real_bytes();
  llvm::Value* live =
      layout_.in_pool ? b_.CreateSExt(tile_field(b_.getInt32Ty(), offsetof(runtime::Tile, live)), m_.index)
                      : b_.getInt64(m_.lanes);
  call_by_rows(i, m_.outer_sum_kernel(),
               {{to, i.columns * real}, {left, m_.lanes * real}, {right}, {rows}, {columns}, {live}}, 3,
               whole_tiles);
}

}  // namespace nodec::codegen
