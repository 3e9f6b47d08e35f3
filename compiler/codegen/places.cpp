// Where buffers are: the address of each one's first element, the function's own memory, and tapes.
#include "compiler/codegen/function_emitter.hpp"

namespace nodec::codegen {

using namespace schedule;

namespace {

const llvm::Align line(64);

}  // namespace

llvm::Value* FunctionEmitter::call_field(llvm::Type* type, int64_t offset) {
  llvm::Value*& known = call_fields_[offset];
  if (!known) known = m_.field(setup_, type, call_, offset);
  return known;
}

llvm::Value* FunctionEmitter::tile_field(llvm::Type* type, int64_t offset) {
  llvm::Value*& known = tile_fields_[offset];
  if (!known) known = m_.field(setup_, type, tile_, offset);
  return known;
}

void FunctionEmitter::place_frames() {
  for (const BufferId id : placed_.stack) {
    const int64_t elements = buffer(id).size.value() * (buffer(id).lanes ? m_.lanes : 1);
    llvm::AllocaInst* memory = setup_.CreateAlloca(llvm::ArrayType::get(m_.stored(buffer(id).kind), elements),
                                                   nullptr, buffer(id).name);
    memory->setAlignment(line);
    bases_[id] = memory;
  }
  arena_end_ = place_in_line(arena_, placed_.arena);
  if (layout_.cut())
    kept_end_ = place_in_line(tile_field(m_.pointer, offsetof(runtime::Tile, frame)), layout_.kept);
}

llvm::Value* FunctionEmitter::place_in_line(llvm::Value* base, const std::vector<BufferId>& ids) {
  llvm::Value* offset = setup_.getInt64(0);
  for (const BufferId id : ids) {
    bases_[id] = setup_.CreateInBoundsGEP(setup_.getInt8Ty(), base, offset, buffer(id).name);
    offset = setup_.CreateAdd(offset, m_.padded_bytes(setup_, call_, buffer(id)));
  }
  return setup_.CreateInBoundsGEP(setup_.getInt8Ty(), base, offset);
}

void FunctionEmitter::gather_strided() {
  for (const BufferId id : placed_.gathered) {
    llvm::Value* to = bases_.at(id);
    llvm::Value* count = m_.extent(setup_, call_, buffer(id).size);
    counted_loop(b_, b_.getInt64(0), count, 1, [&](llvm::Value* i) {
      llvm::Type* type = lanes_of(element_type(buffer(id)));
      llvm::Value* row = b_.CreateMaskedGather(type, lane_addresses(id, i), alignment(buffer(id)));
      llvm::Value* place = b_.CreateMul(i, b_.getInt64(m_.lanes));
      b_.CreateAlignedStore(row, b_.CreateInBoundsGEP(element_type(buffer(id)), to, place),
                            alignment(buffer(id)));
    });
  }
}

llvm::Value* FunctionEmitter::base(BufferId id) {
  const Buffer& b = buffer(id);
  if (b.storage == Storage::tape) {
    // Reloaded in every block, because `reserve` moves it, and ends a block.
    auto& [block, loaded] = tape_bases_[id];
    if (block != b_.GetInsertBlock()) {
      block = b_.GetInsertBlock();
      loaded = m_.field(b_, m_.pointer, tape_address(b), offsetof(runtime::Tape, base));
    }
    return loaded;
  }
  llvm::Value*& known = bases_[id];
  if (!known) known = find_base(id);
  return known;
}

llvm::Value* FunctionEmitter::find_base(BufferId id) {
  const Buffer& b = buffer(id);
  const auto array = [&](int64_t offset) {
    return m_.field(setup_, m_.pointer, call_field(m_.pointer, offset), 8 * b.slot);
  };
  const auto at_element = [&](int64_t offset) {
    return m_.address(setup_, call_field(m_.pointer, offset), b.offset * m_.real_bytes());
  };
  const auto in_block = [&](llvm::Value* block) {
    return setup_.CreateInBoundsGEP(setup_.getInt8Ty(), block, m_.offset_of(setup_, call_, id), b.name);
  };
  switch (b.storage) {
    case Storage::uniform:
      return in_block(call_field(m_.pointer, offsetof(runtime::Call, uniforms)));
    case Storage::accumulator:
      return in_block(layout_.in_pool ? tile_field(m_.pointer, offsetof(runtime::Tile, accumulators))
                                      : call_field(m_.pointer, offsetof(runtime::Call, accumulators)));
    case Storage::parameter:
      return at_element(offsetof(runtime::Call, parameters));
    case Storage::total:
      return at_element(offsetof(runtime::Call, totals));
    case Storage::setting:
      return at_element(offsetof(runtime::Call, settings));
    case Storage::data:
      return of_sample(id, array(offsetof(runtime::Call, data)));
    case Storage::noise:
      return of_sample(id, array(offsetof(runtime::Call, noise)));
    case Storage::output:
      return of_sample(id, array(offsetof(runtime::Call, outputs)));
    case Storage::argument:
      return code_->getArg(3 + b.slot);
    case Storage::table:
      return m_.table(b);
    case Storage::frame:
    case Storage::tape:
      break;
  }
  return nullptr;
}

llvm::Value* FunctionEmitter::lane_offsets(BufferId id) {
  llvm::Value*& known = lane_offsets_[id];
  if (known) return known;
  const Buffer& b = buffer(id);
  const bool by_sample = b.storage == Storage::data;
  llvm::Value* stride =
      by_sample ? m_.field(setup_, m_.index, call_field(m_.pointer, offsetof(runtime::Call, data_strides)),
                           8 * b.slot)
                : m_.extent(setup_, call_, b.size);
  llvm::Value* places =
      tile_field(m_.pointer, by_sample ? offsetof(runtime::Tile, samples) : offsetof(runtime::Tile, rows));
  llvm::Value* numbers = setup_.CreateAlignedLoad(lanes_of(m_.index), places, llvm::Align(8));
  known = setup_.CreateMul(numbers, setup_.CreateVectorSplat(m_.lanes, stride));
  return known;
}

llvm::Value* FunctionEmitter::tape_address(const Buffer& b) {
  return m_.address(b_, tile_field(m_.pointer, offsetof(runtime::Tile, tapes)),
                    b.slot * static_cast<int64_t>(sizeof(runtime::Tape)));
}

void FunctionEmitter::reserve(const Instruction& i) {
  const Buffer& b = buffer(i.buffer);
  llvm::Value* tape = tape_address(b);
  llvm::Value* entries =
      b_.CreateAdd(m_.field(b_, m_.index, tape, offsetof(runtime::Tape, count)), operand(i, 0));
  const int64_t row = element_bytes(m_.program, b.kind) * m_.lanes;
  llvm::Value* entry = setup_.CreateMul(m_.extent(setup_, call_, b.size), setup_.getInt64(row));
  llvm::Value* wanted = b_.CreateMul(entries, entry);
  llvm::Value* lacks = b_.CreateICmpSGT(wanted, m_.field(b_, m_.index, tape, offsetof(runtime::Tape, bytes)));
  guarded(b_, lacks, [&] {
    llvm::Value* grow = m_.field(b_, m_.pointer, tile_, offsetof(runtime::Tile, grow));
    llvm::FunctionType* type = llvm::FunctionType::get(m_.pointer, {m_.pointer, m_.pointer, m_.index}, false);
    b_.CreateStore(b_.CreateCall(type, grow, {tile_, tape, wanted}),
                   m_.address(b_, tape, offsetof(runtime::Tape, base)));
    llvm::Value* failed = m_.field(b_, b_.getInt32Ty(), tile_, offsetof(runtime::Tile, stopped));
    stop_when(b_.CreateICmpNE(failed, b_.getInt32(0)));
  });
}

}  // namespace nodec::codegen
