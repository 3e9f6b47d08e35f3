// Calls of kernels whose rows several threads may share.
#include "compiler/codegen/function_emitter.hpp"

namespace nodec::codegen {

using namespace schedule;

llvm::Function* ModuleEmitter::rows_of(llvm::Function* shared, unsigned rows_argument) {
  const std::string prefix = "kernel.", name = shared->getName().str();
  return kernel(name.substr(prefix.size()) + ".rows", {pointer, index, index},
                [&](llvm::Function* f, Builder& b) {
                  llvm::Value *operands = f->getArg(0), *first = f->getArg(1), *end = f->getArg(2);
                  llvm::SmallVector<llvm::Value*, 8> arguments;
                  for (unsigned n = 0; n < shared->arg_size(); ++n) {
                    llvm::Type* type = shared->getArg(n)->getType();
                    llvm::Value* argument = field(b, type, operands, 16 * n);
                    if (n == rows_argument) {
                      argument = b.CreateSub(end, first);
                    } else if (type->isPointerTy()) {
                      llvm::Value* bytes = b.CreateMul(first, field(b, index, operands, 16 * n + 8));
                      argument = b.CreateInBoundsGEP(b.getInt8Ty(), argument, bytes);
                    }
                    arguments.push_back(argument);
                  }
                  b.CreateCall(shared, arguments);
                });
}

void FunctionEmitter::call_by_rows(const Instruction& product, llvm::Function* kernel,
                                   llvm::ArrayRef<KernelArgument> arguments, unsigned rows_argument,
                                   int64_t grain) {
  if (!layout_.in_pool || !worth_sharing(m_.program, product)) {
    llvm::SmallVector<llvm::Value*, 8> values;
    for (const KernelArgument& argument : arguments) values.push_back(argument.value);
    b_.CreateCall(kernel, values);
    return;
  }
  llvm::Value* operands = setup_.CreateAlloca(m_.index, setup_.getInt64(2 * arguments.size()));
  for (size_t n = 0; n < arguments.size(); ++n) {
    b_.CreateStore(arguments[n].value, m_.address(b_, operands, static_cast<int64_t>(16 * n)));
    b_.CreateStore(b_.getInt64(arguments[n].row_bytes),
                   m_.address(b_, operands, static_cast<int64_t>(16 * n + 8)));
  }
  llvm::FunctionType* type =
      llvm::FunctionType::get(m_.nothing, {m_.pointer, m_.pointer, m_.pointer, m_.index, m_.index}, false);
  b_.CreateCall(
      type, tile_field(m_.pointer, offsetof(runtime::Tile, share)),
      {tile_, m_.rows_of(kernel, rows_argument), operands, b_.getInt64(product.rows), b_.getInt64(grain)});
}

}  // namespace nodec::codegen
