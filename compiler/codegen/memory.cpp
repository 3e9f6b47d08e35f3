// Loads and stores: rows of lanes, single elements, and each lane's own element.
#include <limits>

#include "compiler/codegen/function_emitter.hpp"

namespace nodec::codegen {

using namespace schedule;

bool FunctionEmitter::contiguous(BufferId id) const {
  return !strided(m_.program, buffer(id)) || layout_.gathered.contains(id);
}

llvm::Type* FunctionEmitter::element_type(const Buffer& buffer) const { return m_.stored(buffer.kind); }

llvm::Align FunctionEmitter::alignment(const Buffer& buffer) const {
  return llvm::Align(element_bytes(m_.program, buffer.kind));
}

llvm::Value* FunctionEmitter::encode(const Buffer& buffer, llvm::Value* value) {
  if (buffer.kind != Kind::boolean) return value;
  return b_.CreateZExt(value, has_lanes(value) ? lanes_of(m_.integer) : m_.integer);
}

llvm::Value* FunctionEmitter::decode(const Buffer& buffer, llvm::Value* raw) {
  if (buffer.kind != Kind::boolean) return raw;
  return b_.CreateICmpNE(raw, llvm::Constant::getNullValue(raw->getType()));
}

llvm::Value* FunctionEmitter::element_address(BufferId id, llvm::Value* index) {
  if (in_rows(buffer(id))) index = b_.CreateMul(index, b_.getInt64(m_.lanes));
  return b_.CreateInBoundsGEP(element_type(buffer(id)), base(id), index);
}

bool FunctionEmitter::small(BufferId id) const {
  const graph::Extent& size = buffer(id).size;
  return in_rows(buffer(id)) && !strided(m_.program, buffer(id)) && size.is_constant() &&
         size.value() < std::numeric_limits<int32_t>::max() / m_.lanes;
}

llvm::Value* FunctionEmitter::lane_addresses(BufferId id, llvm::Value* index) {
  if (has_lanes(index) && small(id)) {
    llvm::Value* first = b_.CreateMul(index, spread(llvm::ConstantInt::get(m_.integer, m_.lanes)));
    return b_.CreateInBoundsGEP(element_type(buffer(id)), base(id),
                                b_.CreateAdd(first, lane_numbers(m_.integer)));
  }
  llvm::Value* places = has_lanes(index) ? b_.CreateSExt(index, lanes_of(m_.index)) : spread(index);
  if (strided(m_.program, buffer(id))) {
    // The caller's array, also where a contiguous copy of it exists.
    const Buffer& b = buffer(id);
    const int64_t arrays =
        b.storage == Storage::data ? offsetof(runtime::Call, data) : offsetof(runtime::Call, noise);
    llvm::Value* array = m_.field(setup_, m_.pointer, call_field(m_.pointer, arrays), 8 * b.slot);
    return b_.CreateInBoundsGEP(element_type(b), array, b_.CreateAdd(places, lane_offsets(id)));
  }
  if (in_rows(buffer(id))) {
    places = b_.CreateAdd(b_.CreateMul(places, spread(b_.getInt64(m_.lanes))), lane_numbers(m_.index));
  }
  return b_.CreateInBoundsGEP(element_type(buffer(id)), base(id), places);
}

llvm::Value* FunctionEmitter::load(BufferId id, llvm::Value* index) {
  const Buffer& b = buffer(id);
  if (const auto held = held_.find(id); held != held_.end()) return decode(b, held->second);
  if (m_.one_sample()) return load_one(id, index);
  if (has_lanes(index) || !contiguous(id)) {
    return decode(b,
                  b_.CreateMaskedGather(lanes_of(element_type(b)), lane_addresses(id, index), alignment(b)));
  }
  llvm::Type* type = element_type(b);
  llvm::Value* address = element_address(id, index);
  if (!in_rows(b)) return decode(b, b_.CreateAlignedLoad(type, address, alignment(b)));
  llvm::Value* row = b_.CreateAlignedLoad(lanes_of(type), address, alignment(b));
  if (b.storage == Storage::accumulator) return lane_sum(row);
  return decode(b, row);
}

void FunctionEmitter::store(BufferId id, llvm::Value* index, llvm::Value* value, llvm::Value* mask) {
  const Buffer& b = buffer(id);
  if (m_.one_sample() && !held_.contains(id)) return store_one(id, index, value, mask);
  if (b.storage == Storage::output) return store_output(b, index, spread(value), mask);
  if (const auto held = held_.find(id); held != held_.end()) {
    value = encode(b, in_rows(b) ? spread(value) : value);
    held->second = mask && in_rows(b) ? b_.CreateSelect(mask, value, held->second) : value;
    return;
  }
  llvm::Type* type = element_type(b);
  if (!in_rows(b)) {
    b_.CreateAlignedStore(encode(b, value), element_address(id, index), alignment(b));
    return;
  }
  value = encode(b, spread(value));
  if (!has_lanes(index)) {
    llvm::Value* address = element_address(id, index);
    if (mask) {
      value = b_.CreateSelect(mask, value, b_.CreateAlignedLoad(value->getType(), address, alignment(b)));
    }
    b_.CreateAlignedStore(value, address, alignment(b));
    return;
  }
  if (m_.target.vector_bits == 512) {
    llvm::Value* every = mask ? mask : spread(b_.getTrue());
    b_.CreateMaskedScatter(value, lane_addresses(id, index), alignment(b), every);
    return;
  }
  llvm::Value* indices = spill(b_.CreateSExt(index, lanes_of(m_.index)), 0);
  llvm::Value* values = spill(value, 1);
  llvm::Value* masks = mask ? spill(mask, 2) : nullptr;
  counted_loop(b_, b_.getInt64(0), b_.getInt64(m_.lanes), 1, [&](llvm::Value* lane) {
    const auto put = [&] {
      llvm::Value* row = b_.CreateMul(lane_of(indices, m_.index, lane), b_.getInt64(m_.lanes));
      llvm::Value* address = b_.CreateInBoundsGEP(type, base(id), b_.CreateAdd(row, lane));
      b_.CreateAlignedStore(lane_of(values, type, lane), address, alignment(b));
    };
    if (masks) {
      guarded(b_, lane_of(masks, m_.boolean, lane), put);
    } else {
      put();
    }
  });
}

void FunctionEmitter::store_output(const Buffer& b, llvm::Value* index, llvm::Value* value,
                                   llvm::Value* mask) {
  llvm::Value* arrays = call_field(m_.pointer, offsetof(runtime::Call, outputs));
  llvm::Value* array = m_.field(setup_, m_.pointer, arrays, 8 * b.slot);
  llvm::Value* rows = tile_field(m_.pointer, offsetof(runtime::Tile, rows));
  llvm::Value* stride = m_.extent(setup_, call_, b.size);
  llvm::Value* live = setup_.CreateSExt(tile_field(b_.getInt32Ty(), offsetof(runtime::Tile, live)), m_.index);
  llvm::Value* values = spill(encode(b, value), 0);
  llvm::Value* masks = mask ? spill(mask, 1) : nullptr;
  llvm::Value* indices = has_lanes(index) ? spill(b_.CreateSExt(index, lanes_of(m_.index)), 2) : nullptr;
  counted_loop(b_, b_.getInt64(0), live, 1, [&](llvm::Value* lane) {
    const auto put = [&] {
      llvm::Value* row = b_.CreateMul(lane_of(rows, m_.index, lane), stride);
      llvm::Value* place = b_.CreateAdd(row, indices ? lane_of(indices, m_.index, lane) : index);
      b_.CreateAlignedStore(lane_of(values, m_.real, lane), b_.CreateInBoundsGEP(m_.real, array, place),
                            alignment(b));
    };
    if (masks) {
      guarded(b_, lane_of(masks, m_.boolean, lane), put);
    } else {
      put();
    }
  });
}

void FunctionEmitter::accumulate(BufferId id, llvm::Value* index, llvm::Value* value) {
  const Buffer& b = buffer(id);
  if (m_.one_sample()) return accumulate_one(id, index, value);
  value = has_lanes(index) || in_rows(b) ? spread(value) : value;
  if (!has_lanes(index)) {
    if (!in_rows(b) && has_lanes(value)) value = lane_sum(value);
    llvm::Value* address = element_address(id, index);
    llvm::Value* sum = b_.CreateFAdd(b_.CreateAlignedLoad(value->getType(), address, alignment(b)), value);
    b_.CreateAlignedStore(sum, address, alignment(b));
    return;
  }
  llvm::Value* indices = spill(b_.CreateSExt(index, lanes_of(m_.index)), 0);
  llvm::Value* values = spill(value, 1);
  // Idle lanes hold no element of their own to add to.
  llvm::Value* end = b_.getInt64(m_.lanes);
  if (layout_.in_pool && !in_rows(b)) {
    end = setup_.CreateSExt(tile_field(b_.getInt32Ty(), offsetof(runtime::Tile, live)), m_.index);
  }
  counted_loop(b_, b_.getInt64(0), end, 1, [&](llvm::Value* lane) {
    llvm::Value* place = lane_of(indices, m_.index, lane);
    if (in_rows(b)) place = b_.CreateAdd(b_.CreateMul(place, b_.getInt64(m_.lanes)), lane);
    llvm::Value* address = b_.CreateInBoundsGEP(m_.real, base(id), place);
    llvm::Value* sum =
        b_.CreateFAdd(b_.CreateAlignedLoad(m_.real, address, alignment(b)), lane_of(values, m_.real, lane));
    b_.CreateAlignedStore(sum, address, alignment(b));
  });
}

void FunctionEmitter::fill(const Instruction& i) {
  llvm::Value *first = operand(i, 0), *count = operand(i, 1), *value = operand(i, 2);
  const Buffer& b = buffer(i.buffer);
  const auto* zero = llvm::dyn_cast<llvm::Constant>(value);
  if (zero && zero->isZeroValue() && (m_.one_sample() || !in_rows(b)) && b.storage != Storage::output) {
    llvm::Value* bytes = b_.CreateMul(count, b_.getInt64(element_bytes(m_.program, b.kind)));
    llvm::Value* positive = b_.CreateICmpSGT(bytes, b_.getInt64(0));
    b_.CreateMemSet(element_address(i.buffer, first), b_.getInt8(0),
                    b_.CreateSelect(positive, bytes, b_.getInt64(0)), alignment(b));
    return;
  }
  each_row(count, [&](llvm::Value* k) { store(i.buffer, b_.CreateAdd(first, k), value, nullptr); });
}

void FunctionEmitter::copy(const Instruction& i) {
  llvm::Value *to_first = operand(i, 0), *from_first = operand(i, 1), *count = operand(i, 2);
  const Buffer &to = buffer(i.buffer), &from = buffer(i.source);
  const bool whole = m_.one_sample() || (!in_rows(to) && !in_rows(from));
  if (whole && element_type(to) == element_type(from)) {
    llvm::Value* bytes = b_.CreateMul(count, b_.getInt64(element_bytes(m_.program, to.kind)));
    llvm::Value* positive = b_.CreateICmpSGT(bytes, b_.getInt64(0));
    b_.CreateMemMove(element_address(i.buffer, to_first), alignment(to),
                     element_address(i.source, from_first), alignment(from),
                     b_.CreateSelect(positive, bytes, b_.getInt64(0)));
    return;
  }
  each_row(count, [&](llvm::Value* k) {
    store(i.buffer, b_.CreateAdd(to_first, k), load(i.source, b_.CreateAdd(from_first, k)), nullptr);
  });
}

void FunctionEmitter::each_row(llvm::Value* count, llvm::function_ref<void(llvm::Value* k)> body) {
  // Rows with numbers of their own can be registers.
  constexpr int64_t few = 8;
  const auto* known = llvm::dyn_cast<llvm::ConstantInt>(count);
  if (!known || known->getSExtValue() > few) return counted_loop(b_, b_.getInt64(0), count, 1, body);
  for (int64_t k = 0; k < known->getSExtValue(); ++k) body(b_.getInt64(k));
}

void FunctionEmitter::lend(const Instruction& i) {
  if (m_.one_sample()) return;  // there is nobody to lend to
  llvm::Value *first = operand(i, 0), *count = operand(i, 1), *mask = spread(operand(i, 2));
  llvm::Type* bits = b_.getIntNTy(static_cast<unsigned>(m_.lanes));
  llvm::Value* lenders = b_.CreateBitCast(mask, bits);
  guarded(b_, b_.CreateICmpNE(lenders, llvm::ConstantInt::get(bits, 0)), [&] {
    llvm::Value* lender = b_.CreateZExtOrTrunc(
        b_.CreateIntrinsic(llvm::Intrinsic::cttz, {bits}, {lenders, b_.getTrue()}), m_.index);
    counted_loop(b_, first, b_.CreateAdd(first, count), 1, [&](llvm::Value* row) {
      const Buffer& b = buffer(i.buffer);
      llvm::Value* address = element_address(i.buffer, row);
      llvm::Type* type = element_type(b);
      llvm::Value* own = b_.CreateAlignedLoad(m_.lanes_of(type), address, alignment(b));
      llvm::Value* lent =
          b_.CreateAlignedLoad(type, b_.CreateInBoundsGEP(type, address, lender), alignment(b));
      b_.CreateAlignedStore(b_.CreateSelect(mask, own, spread(lent)), address, alignment(b));
    });
  });
}

}  // namespace nodec::codegen
