// Tells the pieces of a program where its time goes from those that only lead from one such piece to the
// next, which are worth less of a code generator's effort.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "compiler/codegen/layout.hpp"
#include "compiler/schedule/program.hpp"

namespace nodec::codegen {

class Work {
 public:
  explicit Work(const schedule::Program& program) : program_(program) {}

  // Whether so little of the whole function is done by these instructions themselves, not by what they call,
  // that code for them need not be the fastest.
  bool little(const schedule::Function& whole, std::span<const schedule::Instruction> piece);

 private:
  // Operations on rows: of the instructions themselves, and with all that they call.
  struct Operations {
    int64_t own = 0, all = 0;
  };
  Operations of(std::span<const schedule::Instruction> code,
                const std::map<schedule::Value, int64_t>& counts);
  int64_t of(schedule::FunctionId function);
  static std::map<schedule::Value, int64_t> constants(const schedule::Function& function);

  const schedule::Program& program_;
  std::map<schedule::FunctionId, int64_t> known_;
};

}  // namespace nodec::codegen
