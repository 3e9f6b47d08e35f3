// Memory of the features form: a program of one lane, whose rows of lanes are plain arrays of elements.
#include "compiler/codegen/function_emitter.hpp"

namespace nodec::codegen {

using namespace schedule;

llvm::Value* FunctionEmitter::of_sample(BufferId id, llvm::Value* array) {
  const Buffer& b = buffer(id);
  if (!m_.one_sample() || !b.lanes) return array;
  const bool data = b.storage == Storage::data;
  llvm::Value* stride =
      data ? m_.field(setup_, m_.index, call_field(m_.pointer, offsetof(runtime::Call, data_strides)),
                      8 * b.slot)
           : m_.extent(setup_, call_, b.size);
  llvm::Value* places =
      tile_field(m_.pointer, data ? offsetof(runtime::Tile, samples) : offsetof(runtime::Tile, rows));
  llvm::Value* first = setup_.CreateMul(m_.field(setup_, m_.index, places, 0), stride);
  return setup_.CreateInBoundsGEP(element_type(b), array, first, b.name);
}

llvm::Value* FunctionEmitter::address_of_one(BufferId id, llvm::Value* index) {
  if (index->getType()->getScalarType() != m_.index) {
    llvm::Type* wide = has_lanes(index) ? m_.vector(m_.index, width_) : m_.index;
    index = b_.CreateSExt(index, wide);
  }
  return b_.CreateInBoundsGEP(element_type(buffer(id)), base(id), index);
}

llvm::Value* FunctionEmitter::load_one(BufferId id, llvm::Value* index) {
  const Buffer& b = buffer(id);
  return decode(b, b_.CreateAlignedLoad(element_type(b), address_of_one(id, index), alignment(b)));
}

void FunctionEmitter::store_one(BufferId id, llvm::Value* index, llvm::Value* value, llvm::Value* mask) {
  const Buffer& b = buffer(id);
  // What a mask keeps from being stored may have no place: an index of the lane's own.
  const auto put = [&] { b_.CreateAlignedStore(encode(b, value), address_of_one(id, index), alignment(b)); };
  if (!mask) return put();
  if (index->getType() != m_.index || b.storage == Storage::output) return guarded(b_, mask, put);
  llvm::Value* address = address_of_one(id, index);
  llvm::Value* before = b_.CreateAlignedLoad(element_type(b), address, alignment(b));
  b_.CreateAlignedStore(b_.CreateSelect(mask, encode(b, value), before), address, alignment(b));
}

void FunctionEmitter::accumulate_one(BufferId id, llvm::Value* index, llvm::Value* value) {
  llvm::Value* address = address_of_one(id, index);
  llvm::Value* before = b_.CreateAlignedLoad(m_.real, address, alignment(buffer(id)));
  b_.CreateAlignedStore(b_.CreateFAdd(before, value), address, alignment(buffer(id)));
}

llvm::Value* FunctionEmitter::length_of_one(const std::string& name, llvm::Value* largest) {
  if (!layout_.in_pool) return largest;
  llvm::Value* own = call_field(m_.pointer, offsetof(runtime::Call, sample_lengths));
  llvm::Value* common =
      b_.CreateICmpEQ(own, llvm::ConstantPointerNull::get(llvm::cast<llvm::PointerType>(m_.pointer)));
  llvm::AllocaInst* fallback = setup_.CreateAlloca(b_.getInt32Ty());
  b_.CreateStore(b_.CreateTrunc(largest, b_.getInt32Ty()), fallback);
  const int64_t lengths = static_cast<int64_t>(m_.program.interface.lengths.size());
  llvm::Value* row = m_.field(b_, m_.index, tile_field(m_.pointer, offsetof(runtime::Tile, rows)), 0);
  llvm::Value* place =
      b_.CreateAdd(b_.CreateMul(row, b_.getInt64(lengths)), b_.getInt64(m_.length_index(name)));
  place = b_.CreateSelect(common, b_.getInt64(0), place);
  llvm::Value* address = b_.CreateInBoundsGEP(b_.getInt32Ty(), b_.CreateSelect(common, fallback, own), place);
  return b_.CreateSExt(b_.CreateLoad(b_.getInt32Ty(), address), m_.integer);
}

}  // namespace nodec::codegen
