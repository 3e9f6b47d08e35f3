// Calls of the matrix kernels.
#include "compiler/codegen/function_emitter.hpp"

namespace nodec::codegen {

using namespace schedule;

void FunctionEmitter::pack(const Instruction& i) {
  if (m_.one_sample()) return pack_one(i);
  llvm::Value *rows = b_.getInt64(i.rows), *columns = b_.getInt64(i.columns), *one = b_.getInt64(1);
  b_.CreateCall(m_.pack_kernel(), {base(i.buffer), element_address(i.source, operand(i, 0)), rows, columns,
                                   i.transposed ? one : columns, i.transposed ? rows : one});
}

void FunctionEmitter::contract(const Instruction& i) {
  if (m_.one_sample()) return contract_one(i);
  const bool biased = i.fourth != none;
  llvm::Value* to = element_address(i.buffer, operand(i, 0));
  llvm::Value* x = element_address(i.third, operand(i, 1));
  llvm::Value* bias = biased ? element_address(i.fourth, operand(i, 2)) : m_.no_bias();
  const auto multiply = [&](int first_lane, int width, int blocks) {
    b_.CreateCall(m_.contract_kernel(width, blocks),
                  {m_.address(b_, to, first_lane * m_.real_bytes()), base(i.source),
                   m_.address(b_, x, first_lane * m_.real_bytes()), bias, b_.getInt64(biased ? 1 : 0),
                   b_.getInt64(i.rows), b_.getInt64(i.columns)});
  };
  // Two registers wide, and what is left in one piece.
  const int width = std::min(2 * m_.native(), m_.lanes);
  const int blocks = m_.lanes / width, rest = m_.lanes % width;
  multiply(0, width, blocks);
  if (rest > 0) multiply(blocks * width, rest, 1);
}

void FunctionEmitter::outer(const Instruction& i) {
  if (m_.one_sample()) return outer_one(i);
  std::vector<llvm::Value*> arguments = {
      element_address(i.buffer, operand(i, 0)), element_address(i.source, operand(i, 1)),
      element_address(i.third, operand(i, 2)), b_.getInt64(i.rows), b_.getInt64(i.columns)};
  if (in_rows(buffer(i.buffer))) {
    b_.CreateCall(m_.outer_rows_kernel(), arguments);
    return;
  }
  arguments.push_back(
      layout_.in_pool ? b_.CreateSExt(tile_field(b_.getInt32Ty(), offsetof(runtime::Tile, live)), m_.index)
                      : b_.getInt64(m_.lanes));
  b_.CreateCall(m_.outer_sum_kernel(), arguments);
}

}  // namespace nodec::codegen
