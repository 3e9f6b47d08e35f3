// Copies small functions into their callers (see inlining.hpp).
#include "compiler/codegen/inlining.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <vector>

#include "llvm/IR/Function.h"
#include "llvm/IR/InstrTypes.h"
#include "llvm/Transforms/Utils/Cloning.h"

namespace nodec::codegen {

using namespace schedule;

namespace {

// Instructions of the machine: in one copy, and in all copies of a function.
constexpr int64_t most_in_a_copy = 128;
constexpr int64_t most_in_all = 2048;

bool straight(const Region& region) {
  return std::all_of(region.begin(), region.end(), [](const Instruction& i) {
    return i.regions.empty() && i.opcode != Opcode::contract && i.opcode != Opcode::outer &&
           i.opcode != Opcode::pack && i.opcode != Opcode::call;
  });
}

bool computes(Opcode opcode) {
  return opcode >= Opcode::add && opcode != Opcode::load && opcode != Opcode::store;
}

}  // namespace

std::set<FunctionId> small_functions(const Program& program, const Layout& layout, int native_reals) {
  std::map<FunctionId, int64_t> calls;
  const std::function<void(const Region&)> count = [&](const Region& region) {
    for (const Instruction& i : region) {
      if (i.opcode == Opcode::call) ++calls[i.callee];
      for (const Region& inner : i.regions) count(inner);
    }
  };
  for (const Function& function : program.functions) count(function.body);

  const int64_t registers = std::max(1, program.lanes / native_reals);
  std::set<FunctionId> chosen;
  for (const auto& [id, times] : calls) {
    const Function& function = program.functions[id];
    const FunctionLayout& placed = layout.functions[id];
    if (placed.stops || placed.cut() || !placed.parts[0].arena.empty() || !placed.gathered.empty() ||
        !straight(function.body))
      continue;
    const int64_t work = registers * std::count_if(function.body.begin(), function.body.end(),
                                                   [](const Instruction& i) { return computes(i.opcode); });
    if (work <= most_in_a_copy && work * times <= most_in_all) chosen.insert(id);
  }
  return chosen;
}

void inline_calls(llvm::Function& function) {
  std::vector<llvm::CallBase*> calls;
  for (llvm::User* user : function.users()) {
    if (auto* call = llvm::dyn_cast<llvm::CallBase>(user)) calls.push_back(call);
  }
  for (llvm::CallBase* call : calls) {
    llvm::InlineFunctionInfo info;
    llvm::InlineFunction(*call, info, false, nullptr, false);
  }
  if (function.use_empty() && function.hasInternalLinkage()) function.eraseFromParent();
}

}  // namespace nodec::codegen
