// What a sample reports about its solves: its first failure, and how many steps it took.
#include "compiler/codegen/function_emitter.hpp"

namespace nodec::codegen {

using namespace schedule;
using runtime::Statistics;
using runtime::Status;

llvm::Function* ModuleEmitter::failure_report() {
  return kernel("failure", {pointer, index, pointer, pointer, pointer, pointer, pointer, pointer},
                [&](llvm::Function* f, Builder& b) {
                  f->addFnAttr(llvm::Attribute::Cold);
                  seldom(f);
                  llvm::Value* tile = f->getArg(0);
                  llvm::Value* rows = field(b, pointer, tile, offsetof(runtime::Tile, rows));
                  llvm::Value* all = field(b, pointer, tile, offsetof(runtime::Tile, status));
                  llvm::Value* live =
                      b.CreateSExt(field(b, b.getInt32Ty(), tile, offsetof(runtime::Tile, live)), index);
                  const auto argument = [&](int n, llvm::Type* type, llvm::Value* lane) {
                    return b.CreateLoad(type, b.CreateInBoundsGEP(type, f->getArg(n), lane));
                  };
                  counted_loop(b, b.getInt64(0), live, 1, [&](llvm::Value* lane) {
                    llvm::Value* row = b.CreateLoad(index, b.CreateInBoundsGEP(index, rows, lane));
                    llvm::Value* status =
                        b.CreateInBoundsGEP(b.getInt8Ty(), all, b.CreateMul(row, b.getInt64(sizeof(Status))));
                    llvm::Value* fails = b.CreateICmpNE(argument(2, b.getInt8Ty(), lane), b.getInt8(0));
                    llvm::Value* unknown = b.CreateICmpEQ(
                        field(b, b.getInt32Ty(), status, offsetof(Status, code)), b.getInt32(0));
                    guarded(b, b.CreateAnd(fails, unknown), [&] {
                      const auto whole = [&](int n, int64_t offset) {
                        b.CreateStore(b.CreateSExtOrTrunc(argument(n, integer, lane), b.getInt32Ty()),
                                      address(b, status, offset));
                      };
                      const auto number = [&](int n, int64_t offset) {
                        b.CreateStore(b.CreateFPExt(argument(n, real, lane), b.getDoubleTy()),
                                      address(b, status, offset));
                      };
                      whole(3, offsetof(Status, code));
                      b.CreateStore(b.CreateTrunc(f->getArg(1), b.getInt32Ty()),
                                    address(b, status, offsetof(Status, solve)));
                      number(4, offsetof(Status, t));
                      number(5, offsetof(Status, h));
                      whole(6, offsetof(Status, state));
                      whole(7, offsetof(Status, steps));
                    });
                  });
                });
}

void FunctionEmitter::fail(const Instruction& i) {
  llvm::Value* mask = b_.CreateAnd(spread(operand(i, 0)), live_lanes());
  guarded(b_, any(mask), [&] {
    std::vector<llvm::Value*> arguments = {tile_, b_.getInt64(i.integer_value), spill(mask, 0)};
    for (int n = 1; n < 6; ++n) arguments.push_back(spill(spread(operand(i, n)), n));
    b_.CreateCall(m_.failure_report(), arguments);
  });
}

void FunctionEmitter::statistics(const Instruction& i) {
  const int64_t solves = std::max<int64_t>(1, static_cast<int64_t>(m_.program.interface.solves.size()));
  llvm::Value* rows = tile_field(m_.pointer, offsetof(runtime::Tile, rows));
  llvm::Value* all = tile_field(m_.pointer, offsetof(runtime::Tile, statistics));
  llvm::Value* live = setup_.CreateSExt(tile_field(b_.getInt32Ty(), offsetof(runtime::Tile, live)), m_.index);
  llvm::Value* counts[3];
  for (int n = 0; n < 3; ++n) counts[n] = spill(spread(operand(i, n)), n);
  counted_loop(b_, b_.getInt64(0), live, 1, [&](llvm::Value* lane) {
    llvm::Value* row = b_.CreateMul(lane_of(rows, m_.index, lane), b_.getInt64(solves));
    row = b_.CreateMul(b_.CreateAdd(row, b_.getInt64(i.integer_value)), b_.getInt64(sizeof(Statistics)));
    llvm::Value* entry = b_.CreateInBoundsGEP(b_.getInt8Ty(), all, row);
    const int64_t offsets[] = {offsetof(Statistics, evaluations), offsetof(Statistics, accepted),
                               offsetof(Statistics, rejected)};
    for (int n = 0; n < 3; ++n) {
      llvm::Value* place = m_.address(b_, entry, offsets[n]);
      llvm::Value* count = b_.CreateSExt(lane_of(counts[n], m_.integer, lane), m_.index);
      b_.CreateStore(b_.CreateAdd(b_.CreateLoad(m_.index, place), count), place);
    }
  });
}

}  // namespace nodec::codegen
