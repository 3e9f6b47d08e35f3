// Emits the peak probe.
#include "compiler/codegen/probe.hpp"

#include "compiler/codegen/llvm_module.hpp"
#include "compiler/codegen/loops.hpp"
#include "runtime/abi.hpp"

namespace nodec::codegen {
namespace {

// Enough to fill two units of a latency of five cycles, and few enough for sixteen registers with the two
// operands.
constexpr int accumulators = 12, unrolled = 4;

int width_of(bool double_precision, const Target& target) {
  return target.vector_bits / (double_precision ? 64 : 32);
}

}  // namespace

int64_t probe_operations(bool double_precision, const Target& target) {
  return int64_t{2} * accumulators * unrolled * width_of(double_precision, target);
}

Module emit_probe(bool double_precision, const Target& target) {
  auto result = std::make_unique<LlvmModule>();
  result->target = target;
  result->context = std::make_unique<llvm::LLVMContext>();
  result->module = std::make_unique<llvm::Module>("probe", *result->context);
  result->module->setTargetTriple(target.triple);
  llvm::LLVMContext& context = *result->context;
  llvm::Type* pointer = llvm::PointerType::get(context, 0);
  llvm::Type* real = double_precision ? llvm::Type::getDoubleTy(context) : llvm::Type::getFloatTy(context);
  const int width = width_of(double_precision, target);

  for (const char* name : {"sizes", "prologue", "pool", "part", "epilogue"}) {
    llvm::Function* function = llvm::Function::Create(
        llvm::FunctionType::get(llvm::Type::getVoidTy(context), {pointer, pointer}, false),
        llvm::Function::ExternalLinkage, name, *result->module);
    function->addFnAttr(llvm::Attribute::NoUnwind);
    function->addFnAttr("target-cpu", target.cpu);
    function->addFnAttr("target-features", target.features);
    function->addFnAttr("prefer-vector-width", std::to_string(target.vector_bits));
    function->addFnAttr("min-legal-vector-width", std::to_string(target.vector_bits));
    Builder b(llvm::BasicBlock::Create(context, "entry", function));
    if (std::string_view(name) == "pool") {
      const auto field = [&](size_t offset) {
        return b.CreateLoad(pointer, b.CreateConstInBoundsGEP1_64(b.getInt8Ty(), function->getArg(0),
                                                                  static_cast<int64_t>(offset)));
      };
      llvm::Value* parameters = field(offsetof(runtime::Call, parameters));
      llvm::Value* totals = field(offsetof(runtime::Call, totals));
      llvm::Value* rounds = b.CreateLoad(b.getInt64Ty(), field(offsetof(runtime::Call, lengths)));
      const auto operand = [&](int64_t n) {
        return b.CreateVectorSplat(static_cast<unsigned>(width),
                                   b.CreateLoad(real, b.CreateConstInBoundsGEP1_64(real, parameters, n)));
      };
      llvm::Value *factor = operand(0), *summand = operand(1);
      // No two accumulators are equal, or they would be computed once.
      Carried start;
      for (int a = 0; a < accumulators; ++a)
        start.push_back(b.CreateFMul(summand, llvm::ConstantFP::get(summand->getType(), 1 + 0.25 * a)));
      Carried sums = counted_loop(b, b.getInt64(0), rounds, 1, start, [&](llvm::Value*, Carried carried) {
        for (int u = 0; u < unrolled; ++u)
          for (llvm::Value*& sum : carried)
            sum = b.CreateIntrinsic(llvm::Intrinsic::fma, {sum->getType()}, {sum, factor, summand});
        return carried;
      });
      llvm::Value* sum = sums[0];
      for (size_t a = 1; a < sums.size(); ++a) sum = b.CreateFAdd(sum, sums[a]);
      b.CreateStore(b.CreateFAddReduce(llvm::ConstantFP::get(real, 0.0), sum), totals);
    }
    b.CreateRetVoid();
  }
  return Module(std::move(result));
}

}  // namespace nodec::codegen
