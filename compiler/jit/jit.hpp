// LLVM IR -> machine code in this process.
//
// In: a Module of codegen. Out: an Object (relocatable machine code, as bytes that can be kept) or loaded
// Code with the four functions of runtime/abi.hpp. Errors are values; nothing global changes; any thread may
// call anything.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compiler/codegen/codegen.hpp"
#include "runtime/abi.hpp"

namespace nodec::jit {

// A value or why there is none.
template <class T>
struct Result {
  std::optional<T> value;
  std::string error;
  explicit operator bool() const { return value.has_value(); }
  T& operator*() { return *value; }
  T* operator->() { return &*value; }
  const T& operator*() const { return *value; }
};

// Of each stage, in milliseconds of wall time.
struct Timings {
  double emit = 0, generate = 0, link = 0;
};

// Relocatable object files of the target's format, which link with each other.
struct Object {
  std::vector<std::vector<char>> files;
  int64_t code_bytes = 0;              // machine instructions alone
  std::vector<std::string> undefined;  // what it calls besides itself, by name
  codegen::Target target;
  Timings timings;
};

// The functions of one compiled program. Immutable; copies share the memory, which the last one frees.
class Code {
 public:
  runtime::Function sizes = nullptr, prologue = nullptr, pool = nullptr, part = nullptr, epilogue = nullptr;
  int64_t code_bytes = 0;
  Timings timings;

 private:
  friend Result<Code> load(const Object& object);
  std::shared_ptr<const void> memory_;
};

// A digest of all that the machine code of a program depends on: the program, its target, LLVM's version, the
// sources of codegen and of this layer. 64 hexadecimal digits.
std::string fingerprint(const schedule::Program& program, const codegen::Target& target);

// Machine code of a module, optimized first.
Result<Object> compile(codegen::Module module);
// The same of modules that link with each other, each by a thread of its own.
Result<Object> compile(std::vector<codegen::Module> parts);
// Its assembly text.
Result<std::string> assembly(codegen::Module module);

// Links an object into this process.
Result<Code> load(const Object& object);
Result<Code> load(codegen::Module module);

}  // namespace nodec::jit
