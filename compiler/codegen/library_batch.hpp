// Runs a batch by one program, in the caller's memory: what runtime/scheduler.cpp does on one thread, as
// code.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "compiler/codegen/library.hpp"
#include "compiler/codegen/module_emitter.hpp"
#include "runtime/abi.hpp"

namespace nodec::codegen {

// A tile whose tapes grow into what is left of the workspace.
struct LibraryTile {
  runtime::Tile tile;
  std::byte *next, *end;
};

// Functions that all batches of a module share.
struct Support {
  llvm::Function* grow;   // Tile::grow of a LibraryTile
  llvm::Function* share;  // Tile::share with nobody to share with
  llvm::Function* add;    // (to, from, reals): to += from
  llvm::Function* spoil;  // (to, reals): to = NaN
};
Support emit_support(ModuleEmitter& m);

// The four functions of a program, out of the way of another's.
struct Functions {
  llvm::Function *sizes, *prologue, *pool, *epilogue;
};

class BatchEmitter {
 public:
  BatchEmitter(ModuleEmitter& m, const Library& library, const Library::Entry& entry,
               const Functions& functions, const Support& support)
      : m_(m), library_(library), entry_(entry), functions_(functions), support_(support) {}

  // i32 (inputs, results, workspace, bytes, failure)
  llvm::Function* emit_run(const std::string& name);
  // i64 (inputs, steps)
  llvm::Function* emit_room(const std::string& name);

 private:
  struct Tape {
    llvm::Value* entry;  // bytes of an entry
    bool cache;
  };
  // How a batch is cut and where things lie, in bytes from the begin of the aligned workspace.
  struct Plan {
    llvm::Value *tiles, *group, *groups, *chunks, *reals_of_sums, *stride;
    llvm::Value *sums, *arena, *frame, *totals, *status, *statistics, *tapes;
    std::vector<Tape> tape_list;
    llvm::Value *needed, *cached;  // bytes of an entry of all tapes of a kind
  };

  // ---- arithmetic
  llvm::Value* number(int64_t n) { return b_->getInt64(static_cast<uint64_t>(n)); }
  llvm::Value* least(llvm::Value* x, llvm::Value* y);
  llvm::Value* most(llvm::Value* x, llvm::Value* y);
  llvm::Value* lines(llvm::Value* bytes);  // rounded up to whole cache lines
  llvm::Value* divide_up(llvm::Value* x, llvm::Value* y);
  llvm::Value* offset(llvm::Value* base, llvm::Value* bytes);
  llvm::Value* member(llvm::Type* type, llvm::Value* structure, size_t n);
  llvm::Value* read(llvm::Type* type, llvm::Value* structure, int64_t at);
  void write(llvm::Value* structure, int64_t at, llvm::Value* value);
  llvm::Value* room(int64_t bytes, const char* name);  // on the stack, zero

  // ---- inputs
  llvm::Value* length(const std::string& atom);
  llvm::Value* value_of(const graph::Extent& extent);
  llvm::Value* elements(const std::vector<graph::Extent>& shape);
  size_t parameter_member() const { return 1 + library_.lengths.size(); }
  size_t data_member(const std::string& name) const;
  size_t noise_member(int stream) const;
  void check(llvm::Value* results, llvm::Value* workspace);
  void check_range(const Library::Range& range);

  // ---- the run
  void begin(llvm::Function* function);
  void finish();
  void leave(llvm::Value* condition, Refusal refusal);
  void make_call();
  Plan plan();
  llvm::Value* group_bytes();
  // Bytes of caches of which each may hold so many entries.
  llvm::Value* cache_entries(const Plan& plan, const Tape& tape, llvm::Value* steps);
  void bind(const Plan& plan, llvm::Value* base, llvm::Value* results);
  void clear_reports(const Plan& plan);
  void lay_out_tapes(const Plan& plan, llvm::Value* base, llvm::Value* end);
  void run_chunks(const Plan& plan, llvm::Value* base);
  void run_tile(const Plan& plan, llvm::Value* number);
  void add_sums(const Plan& plan, llvm::Value* base);
  void copy_totals(const Plan& plan, llvm::Value* base, llvm::Value* results);
  llvm::Value* report_failures(const Plan& plan, llvm::Value* base, llvm::Value* results,
                               llvm::Value* failure);
  void spoil(llvm::Value* results, llvm::Value* row);

  ModuleEmitter& m_;
  const Library& library_;
  const Library::Entry& entry_;
  const Functions& functions_;
  const Support& support_;
  llvm::Function* function_ = nullptr;
  std::unique_ptr<Builder> b_;
  llvm::BasicBlock* exit_ = nullptr;
  llvm::PHINode* result_ = nullptr;
  llvm::Value *inputs_ = nullptr, *samples_ = nullptr, *call_ = nullptr, *sizes_ = nullptr;
  llvm::Value *tile_ = nullptr, *rows_ = nullptr, *depth_ = nullptr;
  struct Placed {
    llvm::Value *base, *bytes, *worth;
  };
  std::vector<Placed> placed_;
  llvm::Value *tapes_ = nullptr, *free_ = nullptr;
};

}  // namespace nodec::codegen
