// What the functions of one module share while they are emitted: types, sizes of buffers, kernels.
#pragma once

#include <map>
#include <string>

#include "compiler/codegen/layout.hpp"
#include "compiler/codegen/loops.hpp"
#include "compiler/codegen/target.hpp"
#include "compiler/schedule/program.hpp"
#include "llvm/IR/Module.h"

namespace nodec::codegen {

// A function, or a part of one that is cut.
struct Piece {
  schedule::FunctionId function;
  size_t part;
  friend auto operator<=>(const Piece&, const Piece&) = default;
};

// Rows of a group of a packed matrix in the lanes form.
constexpr int group_rows = 4;

// All of a program, in order.
std::vector<Piece> pieces(const Layout& layout);

class ModuleEmitter {
 public:
  ModuleEmitter(const schedule::Program& program, const Layout& layout, const Target& target,
                llvm::Module& module);
  // Bodies of these pieces alone; the others are another module's, which sees these. The entry points of the
  // runtime come with `entries`.
  void emit(const std::vector<Piece>& here, bool entries);

  const schedule::Program& program;
  const Target& target;
  llvm::Module& module;
  llvm::LLVMContext& context;
  const Layout& layout;
  const int lanes;
  llvm::Type *const real, *const integer, *const boolean, *const index, *const pointer, *const nothing;

  // ---- types
  llvm::Type* scalar(schedule::Kind kind) const;
  llvm::Type* stored(schedule::Kind kind) const;  // in memory
  llvm::Type* vector(llvm::Type* element, int width) const;
  llvm::Type* lanes_of(llvm::Type* element) const { return vector(element, lanes); }
  // The features form: vectors are of a sample's elements, not of samples (widen.hpp).
  bool one_sample() const { return lanes == 1; }
  int64_t real_bytes() const { return program.double_precision ? 8 : 4; }
  // Reals of one register.
  int native() const { return static_cast<int>(target.vector_bits / 8 / real_bytes()); }

  // ---- functions
  // A function of this module with the target's attributes, and its entry block.
  llvm::Function* define(const std::string& name, llvm::Type* result, llvm::ArrayRef<llvm::Type*> arguments,
                         bool external = false);
  llvm::Function* code(Piece piece) const { return code_.at(piece); }
  // Marks a function that runs too seldom to be worth optimizing.
  static void seldom(llvm::Function* function);

  // ---- kernels, each made at its first use (contract.cpp, outer.cpp, pack.cpp, reports.cpp)
  // (to, packed W, x, bias, elements between biases, rows, columns) over lanes [0, `width`·`blocks`) of each
  // row.
  llvm::Function* contract_kernel(int width, int blocks);
  // A zero to serve as every row's bias.
  llvm::Constant* no_bias();
  // (accumulator, a, b, rows, columns): += per lane.
  llvm::Function* outer_rows_kernel();
  // (accumulator, a, b, rows, columns, live): += Σ over lanes.
  llvm::Function* outer_sum_kernel();
  // (to, from, rows, columns), in groups of rows, the last padded with zeros or shorter
  llvm::Function* pack_kernel(int group, bool padded, bool transposed);
  // ---- the same for one sample (one_sample_contract.cpp, one_sample_matrices.cpp)
  // (to, packed W, x, bias, rows, columns), vectors of rows
  llvm::Function* contract_rows_kernel(bool biased);
  // (to, packed W, x, bias, elements between biases, rows, columns), vectors of columns
  llvm::Function* contract_columns_kernel();
  // (accumulator, a, b, rows, columns), vectors of columns
  llvm::Function* outer_wide_kernel();
  // (accumulator, a, b, rows), where columns are fewer than half a register holds
  llvm::Function* outer_narrow_kernel(int columns);
  // Does rows first … end − 1 of a kernel's work: (operands, first, end), a runtime::RowWork. The operands
  // are two words for each argument: it, and the bytes from one row's to the next.
  llvm::Function* rows_of(llvm::Function* kernel, unsigned rows_argument);
  // (tile, solve, mask, code, t, h, state, steps)
  llvm::Function* failure_report();
  llvm::Constant* table(const schedule::Buffer& buffer);

  // ---- sizes
  llvm::Value* extent(Builder& b, llvm::Value* call, const graph::Extent& extent);
  // Index of a length in Call::lengths.
  int64_t length_index(const std::string& name) const;
  // Bytes that a buffer takes beside others: whole cache lines, and no power of two between neighbours.
  llvm::Value* padded_bytes(Builder& b, llvm::Value* call, const schedule::Buffer& buffer);
  // Bytes before the buffer in its block of uniforms or accumulators.
  llvm::Value* offset_of(Builder& b, llvm::Value* call, schedule::BufferId id);
  // Bytes of a value that a part hands on: whole cache lines.
  int64_t saved_bytes(schedule::Value v) const;
  // Bytes of all buffers of a storage.
  llvm::Value* bytes_of(Builder& b, llvm::Value* call, schedule::Storage storage);
  llvm::Value* field(Builder& b, llvm::Type* type, llvm::Value* structure, int64_t offset) const;
  llvm::Value* address(Builder& b, llvm::Value* base, int64_t bytes) const;

 private:
  llvm::Function* kernel(const std::string& name, llvm::ArrayRef<llvm::Type*> arguments,
                         llvm::function_ref<void(llvm::Function*, Builder&)> body);
  void emit_sizes();
  // Behind the sizes: what the runtime must know of the parts.
  void emit_parts(Builder& b, llvm::Value* call);
  void emit_entries();
  // `pool` and `part`.
  void emit_pool();

  std::map<Piece, llvm::Function*> code_;
  std::map<std::string, llvm::Function*> kernels_;
  llvm::Constant* no_bias_ = nullptr;
};

}  // namespace nodec::codegen
