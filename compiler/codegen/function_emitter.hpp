// Emits one function of a tile program.
//
// In: a Function, or a part of one. Out: its LLVM function, signature (call, tile, arena, arguments…), of a
// part (call, tile, arena, once), where `once` asks for a single pass of a loop; true is returned where
// memory ran out. Lanes values are vectors of L, uniform ones scalars.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "compiler/codegen/module_emitter.hpp"
#include "compiler/codegen/widening.hpp"
#include "runtime/abi.hpp"

namespace nodec::codegen {

class FunctionEmitter {
 public:
  FunctionEmitter(ModuleEmitter& m, Piece piece);
  void emit();

 private:
  // ---- passes.cpp
  void part();
  // What earlier parts have computed, and what later ones need of this one.
  void receive();
  void hand_on();
  llvm::Value* saved_place(schedule::Value v);
  // Lanes that take part in the next pass of the sweep.
  llvm::Value* running_lanes(const schedule::Instruction& sweep);
  void sweep(const schedule::Instruction& i);
  void unwind_part(const schedule::Instruction& i);

  // ---- control.cpp
  void region(std::span<const schedule::Instruction> region);
  void define(const schedule::Instruction& i);
  void instruction(const schedule::Instruction& i);
  void while_loop(const schedule::Instruction& i);
  void unwind(const schedule::Instruction& i);
  void if_then(const schedule::Instruction& i);
  void call(const schedule::Instruction& i);
  // `first`: what is done before the function returns.
  void stop_when(llvm::Value* condition, const std::function<void()>& first = {});
  void stop_when_canceled();

  // ---- running.cpp
  void for_loop(const schedule::Instruction& i);
  // Buffers of one element that nothing but loads and stores in the loop's region reads and writes.
  std::vector<schedule::BufferId> carried_by(const schedule::Region& region) const;

  // ---- arithmetic.cpp
  // The value of an instruction without memory or control.
  llvm::Value* compute(const schedule::Instruction& i);
  llvm::Value* divide(llvm::Value* a, llvm::Value* b, bool remainder);
  llvm::Value* shift(const schedule::Instruction& i, llvm::Value* a);
  llvm::Value* to_integer(llvm::Value* x, llvm::Type* type);
  llvm::Value* constant(const schedule::Instruction& i);

  // ---- lanes.cpp
  llvm::Value* any(llvm::Value* condition);
  llvm::Value* lane_sum(llvm::Value* x);
  llvm::Value* sum_of_elements(llvm::Value* vector);  // by a fixed tree
  llvm::Value* lane_numbers(llvm::Type* element);
  llvm::Value* live_lanes();
  llvm::Value* sample_length(const std::string& name);
  llvm::Type* lanes_of(llvm::Type* element) const {
    return width_ == 1 ? element : m_.vector(element, width_);
  }
  // The value with lanes, however it came.
  llvm::Value* spread(llvm::Value* v);
  bool has_lanes(llvm::Value* v) const { return v->getType()->isVectorTy(); }
  // Stores a lanes value where a loop over lanes can read one at a time; `slot` tells apart those in use
  // together.
  llvm::Value* spill(llvm::Value* v, int slot);
  llvm::Value* lane_of(llvm::Value* spilled, llvm::Type* element, llvm::Value* lane);

  // ---- memory.cpp
  llvm::Value* load(schedule::BufferId id, llvm::Value* index);
  void store(schedule::BufferId id, llvm::Value* index, llvm::Value* value, llvm::Value* mask);
  void accumulate(schedule::BufferId id, llvm::Value* index, llvm::Value* value);
  void fill(const schedule::Instruction& i);
  void copy(const schedule::Instruction& i);
  // body(k) for 0 <= k < count.
  void each_row(llvm::Value* count, llvm::function_ref<void(llvm::Value* k)> body);
  void store_output(const schedule::Buffer& buffer, llvm::Value* index, llvm::Value* value,
                    llvm::Value* mask);
  llvm::Type* element_type(const schedule::Buffer& buffer) const;
  llvm::Align alignment(const schedule::Buffer& buffer) const;
  llvm::Value* encode(const schedule::Buffer& buffer, llvm::Value* value);
  llvm::Value* decode(const schedule::Buffer& buffer, llvm::Value* raw);
  llvm::Value* element_address(schedule::BufferId id, llvm::Value* index);  // uniform index
  llvm::Value* lane_addresses(schedule::BufferId id,
                              llvm::Value* index);  // any index; of strided buffers too
  bool contiguous(schedule::BufferId id) const;
  // Every element's number fits an integer of the program, which indices then need not leave.
  bool small(schedule::BufferId id) const;

  // ---- places.cpp
  // The first element of a buffer.
  llvm::Value* base(schedule::BufferId id);
  llvm::Value* find_base(schedule::BufferId id);
  void place_frames();
  // One buffer after the other from `base` on; gives the end.
  llvm::Value* place_in_line(llvm::Value* base, const std::vector<schedule::BufferId>& ids);
  void gather_strided();
  // Elements from one array's start to each lane's part, of strided buffers and outputs.
  llvm::Value* lane_offsets(schedule::BufferId id);
  llvm::Value* call_field(llvm::Type* type, int64_t offset);
  llvm::Value* tile_field(llvm::Type* type, int64_t offset);
  llvm::Value* tape_address(const schedule::Buffer& buffer);
  void reserve(const schedule::Instruction& i);
  void lend(const schedule::Instruction& i);

  // ---- shared.cpp
  struct KernelArgument {
    llvm::Value* value;
    int64_t row_bytes = 0;  // from one row's to the next, of a pointer
  };
  // Calls a kernel that works row by row; other threads may take over rows where the product is large, in
  // ranges that begin at multiples of `grain`.
  void call_by_rows(const schedule::Instruction& product, llvm::Function* kernel,
                    llvm::ArrayRef<KernelArgument> arguments, unsigned rows_argument, int64_t grain);

  // ---- matrices.cpp
  void pack(const schedule::Instruction& i);
  void contract(const schedule::Instruction& i);
  void outer(const schedule::Instruction& i);

  // ---- one_sample.cpp: memory and matrices of the features form
  llvm::Value* load_one(schedule::BufferId id, llvm::Value* index);
  void store_one(schedule::BufferId id, llvm::Value* index, llvm::Value* value, llvm::Value* mask);
  void accumulate_one(schedule::BufferId id, llvm::Value* index, llvm::Value* value);
  llvm::Value* address_of_one(schedule::BufferId id, llvm::Value* index);
  llvm::Value* length_of_one(const std::string& name, llvm::Value* largest);
  // Where a per-sample array's part of this sample begins.
  llvm::Value* of_sample(schedule::BufferId id, llvm::Value* array);
  void pack_one(const schedule::Instruction& i);
  void contract_one(const schedule::Instruction& i);
  void outer_one(const schedule::Instruction& i);

  // ---- widened.cpp: loops over elements, several at a time
  void widened_loop(const schedule::Instruction& loop, const Widening& widening);
  void widened_region(const schedule::Instruction& loop, const Widening& widening, Carried& sums);
  llvm::Value* widened_load(const schedule::Instruction& i);
  void widened_store(const schedule::Instruction& i);
  void widened_accumulate(const schedule::Instruction& i);
  // An operand as the instruction takes it: a counted value of a widened loop as one number, or as each
  // element's.
  llvm::Value* operand_of(const schedule::Instruction& i, schedule::Value v);
  llvm::Value* counted(llvm::Value* first, int64_t slope);
  int64_t slope_of(schedule::Value v) const;

  // ---- reports.cpp
  void fail(const schedule::Instruction& i);
  void statistics(const schedule::Instruction& i);

  llvm::Value* operand(const schedule::Instruction& i, size_t n) const { return values_[i.operands[n]]; }
  const schedule::Buffer& buffer(schedule::BufferId id) const { return m_.program.buffers[id]; }

  ModuleEmitter& m_;
  const schedule::FunctionId id_;
  const schedule::Function& function_;
  const FunctionLayout& layout_;
  const PartLayout& placed_;
  llvm::Function* code_;
  llvm::Value *call_, *tile_, *arena_;
  Builder setup_;  // appends to the entry block: what is computed once an activation
  Builder b_;
  llvm::Value* arena_end_ = nullptr;
  llvm::Value* kept_end_ = nullptr;  // of a part: where the values begin that parts hand on
  std::vector<llvm::Value*> values_;
  Definitions definitions_;  // in the features form
  std::map<schedule::BufferId, llvm::Value*> bases_;
  std::map<schedule::BufferId, std::pair<llvm::BasicBlock*, llvm::Value*>> tape_bases_;
  std::map<schedule::BufferId, llvm::Value*> lane_offsets_;
  std::map<int64_t, llvm::Value*> call_fields_, tile_fields_;
  std::map<schedule::BufferId, llvm::Value*> held_;  // what a loop carries, as it is stored
  std::vector<llvm::Value*> scratch_;
  int width_;                           // of what varies: lanes, or elements inside a widened loop
  const Widening* widening_ = nullptr;  // of the loop being written
  llvm::Value* elements_ = nullptr;     // which elements of the vectors the loop still has; null: all
};

}  // namespace nodec::codegen
