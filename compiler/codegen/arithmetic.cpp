// Instructions without memory: each becomes the LLVM operation of the same meaning, exactly rounded, nothing
// contracted.
#include <cmath>

#include "compiler/codegen/function_emitter.hpp"

namespace nodec::codegen {

using namespace schedule;

llvm::Value* FunctionEmitter::constant(const Instruction& i) {
  llvm::Type* type = m_.scalar(function_.types[i.result].kind);
  if (i.opcode == Opcode::constant_real) return llvm::ConstantFP::get(type, i.real_value);
  if (i.opcode == Opcode::constant_boolean) return b_.getInt1(i.integer_value != 0);
  return llvm::ConstantInt::getSigned(type, i.integer_value);
}

llvm::Value* FunctionEmitter::compute(const Instruction& i) {
  std::vector<llvm::Value*> x;
  bool lanes = false;
  for (const Value v : i.operands) {
    x.push_back(operand_of(i, v));
    lanes |= has_lanes(x.back());
  }
  const bool mixes = i.opcode != Opcode::any && i.opcode != Opcode::largest;
  if (lanes && mixes) {
    for (llvm::Value*& v : x) v = spread(v);
  }
  const auto like = [&](llvm::Type* element) { return lanes ? lanes_of(element) : element; };
  const auto unary = [&](llvm::Intrinsic::ID id) { return b_.CreateUnaryIntrinsic(id, x[0]); };
  switch (i.opcode) {
    case Opcode::constant_real:
    case Opcode::constant_integer:
    case Opcode::constant_boolean:
    case Opcode::constant_index:
      return constant(i);
    case Opcode::add:
      return b_.CreateFAdd(x[0], x[1]);
    case Opcode::sub:
      return b_.CreateFSub(x[0], x[1]);
    case Opcode::mul:
      return b_.CreateFMul(x[0], x[1]);
    case Opcode::div:
      return b_.CreateFDiv(x[0], x[1]);
    case Opcode::fma:
      return b_.CreateIntrinsic(llvm::Intrinsic::fma, {x[0]->getType()}, x);
    case Opcode::neg:
      return b_.CreateFNeg(x[0]);
    case Opcode::abs:
      return unary(llvm::Intrinsic::fabs);
    case Opcode::sqrt:
      return unary(llvm::Intrinsic::sqrt);
    case Opcode::floor:
      return unary(llvm::Intrinsic::floor);
    case Opcode::round:
      return unary(llvm::Intrinsic::roundeven);
    case Opcode::less:
      return b_.CreateFCmpOLT(x[0], x[1]);
    case Opcode::less_equal:
      return b_.CreateFCmpOLE(x[0], x[1]);
    case Opcode::equal:
      return b_.CreateFCmpOEQ(x[0], x[1]);
    case Opcode::not_equal:
      return b_.CreateFCmpUNE(x[0], x[1]);
    case Opcode::logical_and:
    case Opcode::bit_and:
      return b_.CreateAnd(x[0], x[1]);
    case Opcode::logical_or:
    case Opcode::bit_or:
      return b_.CreateOr(x[0], x[1]);
    case Opcode::bit_xor:
      return b_.CreateXor(x[0], x[1]);
    case Opcode::logical_not:
      return b_.CreateNot(x[0]);
    case Opcode::select:
      return b_.CreateSelect(x[0], x[1], x[2]);
    case Opcode::integer_add:
      return b_.CreateAdd(x[0], x[1]);
    case Opcode::integer_sub:
      return b_.CreateSub(x[0], x[1]);
    case Opcode::integer_mul:
      return b_.CreateMul(x[0], x[1]);
    case Opcode::integer_divide:
      return divide(x[0], x[1], false);
    case Opcode::integer_modulo:
      return divide(x[0], x[1], true);
    case Opcode::integer_less:
      return b_.CreateICmpSLT(x[0], x[1]);
    case Opcode::integer_equal:
      return b_.CreateICmpEQ(x[0], x[1]);
    case Opcode::shift_left:
    case Opcode::shift_right:
    case Opcode::shift_right_logical:
      return shift(i, x[0]);
    case Opcode::bits:
      return b_.CreateBitCast(x[0], like(m_.integer));
    case Opcode::real_of_bits:
      return b_.CreateBitCast(x[0], like(m_.real));
    case Opcode::to_integer:
      return to_integer(x[0], like(m_.integer));
    case Opcode::to_real:
      return b_.CreateSIToFP(x[0], like(m_.real));
    case Opcode::index_of:
      return b_.CreateSExt(x[0], like(m_.index));
    case Opcode::integer_of:
      return b_.CreateTrunc(x[0], like(m_.integer));
    case Opcode::splat:
      return spread(x[0]);
    case Opcode::lane:
      return m_.one_sample() ? llvm::ConstantInt::get(m_.integer, 0) : lane_numbers(m_.integer);
    case Opcode::live:
      return live_lanes();
    case Opcode::any:
      return any(x[0]);
    case Opcode::largest:
      return lanes ? b_.CreateIntMaxReduce(x[0], true) : x[0];
    case Opcode::lane_sum:
      return m_.one_sample() ? x[0] : lane_sum(spread(x[0]));
    case Opcode::length:
      return m_.extent(setup_, call_, graph::Extent::length(i.name));
    case Opcode::sample_length:
      return sample_length(i.name);
    default:
      return nullptr;
  }
}

// Saturating, NaN to 0. Not LLVM's intrinsic of that meaning, which costs a hundred times the compile time.
llvm::Value* FunctionEmitter::to_integer(llvm::Value* x, llvm::Type* type) {
  const unsigned bits = type->getScalarSizeInBits();
  const double limit = std::ldexp(1.0, static_cast<int>(bits) - 1);
  llvm::Value* end = llvm::ConstantFP::get(x->getType(), limit);
  llvm::Value* inside = b_.CreateFCmpOLT(b_.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, x), end);
  llvm::Value* safe = b_.CreateSelect(inside, x, llvm::Constant::getNullValue(x->getType()));
  llvm::Value* result = b_.CreateFPToSI(safe, type);
  const auto integer = [&](const llvm::APInt& n) { return llvm::ConstantInt::get(type, n); };
  result = b_.CreateSelect(b_.CreateFCmpOGE(x, end), integer(llvm::APInt::getSignedMaxValue(bits)), result);
  return b_.CreateSelect(b_.CreateFCmpOLE(x, b_.CreateFNeg(end)),
                         integer(llvm::APInt::getSignedMinValue(bits)), result);
}

llvm::Value* FunctionEmitter::divide(llvm::Value* a, llvm::Value* b, bool remainder) {
  llvm::Type* type = a->getType();
  llvm::Value* zero = llvm::ConstantInt::get(type, 0);
  llvm::Value* one = llvm::ConstantInt::get(type, 1);
  // The machine traps on division by 0, and of the smallest integer by −1.
  llvm::Value* by_zero = b_.CreateICmpEQ(b, zero);
  llvm::Value* by_minus_one = b_.CreateICmpEQ(b, llvm::ConstantInt::getSigned(type, -1));
  llvm::Value* divisor = b_.CreateSelect(b_.CreateOr(by_zero, by_minus_one), one, b);
  llvm::Value* quotient = b_.CreateSDiv(a, divisor);
  llvm::Value* rest = b_.CreateSub(a, b_.CreateMul(quotient, divisor));
  llvm::Value* wrong_side =
      b_.CreateAnd(b_.CreateICmpNE(rest, zero), b_.CreateICmpSLT(b_.CreateXor(rest, divisor), zero));
  if (remainder) {
    llvm::Value* modulo = b_.CreateSelect(wrong_side, b_.CreateAdd(rest, divisor), rest);
    return b_.CreateSelect(by_zero, zero, modulo);  // divided by 1 for −1: 0 as well
  }
  llvm::Value* floor = b_.CreateSelect(wrong_side, b_.CreateSub(quotient, one), quotient);
  return b_.CreateSelect(by_zero, zero, b_.CreateSelect(by_minus_one, b_.CreateSub(zero, a), floor));
}

llvm::Value* FunctionEmitter::shift(const Instruction& i, llvm::Value* a) {
  llvm::Type* type = a->getType();
  const int64_t width = m_.real_bytes() * 8;
  llvm::Constant* zero = llvm::ConstantInt::get(type, 0);
  // Shifts by the width or more have no meaning to LLVM.
  const auto count = [&](int64_t n) { return llvm::ConstantInt::get(type, n); };
  if (i.opcode == Opcode::shift_right) {
    return b_.CreateAShr(a, count(std::min(i.integer_value, width - 1)));
  }
  if (i.integer_value >= width) return zero;
  return i.opcode == Opcode::shift_left ? b_.CreateShl(a, count(i.integer_value))
                                        : b_.CreateLShr(a, count(i.integer_value));
}

}  // namespace nodec::codegen
