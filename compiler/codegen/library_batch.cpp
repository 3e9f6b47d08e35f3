// Emits the run of a batch (see library_batch.hpp): the call's own memory, tiles, sums, results.
#include "compiler/codegen/library_batch.hpp"

#include <algorithm>

namespace nodec::codegen {

using namespace schedule;

namespace {

constexpr int64_t line = 64;
constexpr int64_t most_sums = 7;  // sets of accumulators that add 64 chunks up pairwise
// Tapes whose entries can be computed anew take so much memory at most, all together.
constexpr int64_t most_cached = int64_t{4} << 20;
// A tape that grows beside others leaves the places behind where it was.
constexpr int64_t places_of_tapes = 4;

}  // namespace

// ---- the shape of the function

void BatchEmitter::begin(llvm::Function* function) {
  function_ = function;
  b_ = std::make_unique<Builder>(llvm::BasicBlock::Create(m_.context, "entry", function));
  exit_ = llvm::BasicBlock::Create(m_.context, "exit", function);
  result_ = llvm::PHINode::Create(function->getReturnType(), 8, "", exit_);
  inputs_ = function->getArg(0);
  samples_ = member(m_.index, inputs_, 0);
}

void BatchEmitter::finish() {
  b_->SetInsertPoint(exit_);
  b_->CreateRet(result_);
}

void BatchEmitter::leave(llvm::Value* condition, Refusal refusal) {
  llvm::BasicBlock* stay = llvm::BasicBlock::Create(m_.context, "stay", function_);
  result_->addIncoming(b_->getInt32(static_cast<uint32_t>(refusal)), b_->GetInsertBlock());
  b_->CreateCondBr(condition, exit_, stay);
  b_->SetInsertPoint(stay);
}

llvm::Function* BatchEmitter::emit_run(const std::string& name) {
  llvm::Function* function = m_.define(name, llvm::Type::getInt32Ty(m_.context),
                                       {m_.pointer, m_.pointer, m_.pointer, m_.index, m_.pointer});
  function->addFnAttr(llvm::Attribute::NoInline);
  begin(function);
  llvm::Value *results = function->getArg(1), *workspace = function->getArg(2), *bytes = function->getArg(3);
  make_call();
  tile_ = room(sizeof(LibraryTile), "tile");
  rows_ = room(8 * m_.lanes, "rows");
  depth_ = room(8, "depth");
  tapes_ =
      room(std::max<int64_t>(1, m_.program.interface.tapes) * static_cast<int64_t>(sizeof(runtime::Tape)),
           "tapes");
  check(results, workspace);
  const Plan p = plan();
  llvm::Value* address = b_->CreatePtrToInt(workspace, m_.index);
  llvm::Value* before =
      b_->CreateSub(b_->CreateAnd(b_->CreateAdd(address, number(line - 1)), number(-line)), address);
  llvm::Value* base = offset(workspace, before);
  leave(b_->CreateICmpULT(bytes, b_->CreateAdd(before, p.tapes)), Refusal::workspace_too_small);
  bind(p, base, results);
  clear_reports(p);
  lay_out_tapes(p, base, offset(workspace, bytes));
  b_->CreateCall(functions_.prologue, {call_, llvm::Constant::getNullValue(m_.pointer)});
  run_chunks(p, base);
  b_->CreateCall(functions_.epilogue, {call_, llvm::Constant::getNullValue(m_.pointer)});
  copy_totals(p, base, results);
  llvm::Value* code = report_failures(p, base, results, function->getArg(4));
  result_->addIncoming(code, b_->GetInsertBlock());
  b_->CreateBr(exit_);
  finish();
  return function;
}

llvm::Function* BatchEmitter::emit_room(const std::string& name) {
  llvm::Function* function = m_.define(name, m_.index, {m_.pointer, m_.index});
  m_.seldom(function);
  begin(function);
  make_call();
  const Plan p = plan();
  llvm::Value* steps = b_->CreateAdd(function->getArg(1), number(2));
  llvm::Value* bytes = b_->CreateAdd(p.tapes, number(line));
  for (const Tape& tape : p.tape_list) {
    llvm::Value* entries = tape.cache ? cache_entries(p, tape, steps) : steps;
    llvm::Value* own = b_->CreateAdd(lines(b_->CreateMul(entries, tape.entry)), number(line));
    const bool alone =
        std::count_if(p.tape_list.begin(), p.tape_list.end(), [](const Tape& t) { return !t.cache; }) == 1;
    if (!tape.cache && !alone) own = b_->CreateMul(own, number(places_of_tapes));
    bytes = b_->CreateAdd(bytes, own);
  }
  result_->addIncoming(bytes, b_->GetInsertBlock());
  b_->CreateBr(exit_);
  finish();
  return function;
}

void BatchEmitter::make_call() {
  call_ = room(sizeof(runtime::Call), "call");
  sizes_ = room(sizeof(runtime::Sizes), "sizes");
  write(call_, offsetof(runtime::Call, sizes), sizes_);
  const std::vector<std::string>& atoms = m_.program.interface.lengths;
  llvm::Value* lengths = room(8 * static_cast<int64_t>(atoms.size()), "lengths");
  for (size_t n = 0; n < atoms.size(); ++n) write(lengths, static_cast<int64_t>(8 * n), length(atoms[n]));
  write(call_, offsetof(runtime::Call, lengths), lengths);
}

// ---- how the batch is cut, as Scheduler::prepare does

llvm::Value* BatchEmitter::group_bytes() {
  llvm::Value* bytes = most(number(1), read(m_.index, sizes_, offsetof(runtime::Sizes, frame_bytes)));
  for (const PartLayout& placed : m_.layout.functions[m_.program.pool].parts) {
    if (placed.part.kind != runtime::PartKind::sweep) continue;
    for (const BufferId tape : {placed.part.tape, placed.part.cache}) {
      if (tape == none) continue;
      const Buffer& buffer = m_.program.buffers[tape];
      const int64_t usual = element_bytes(m_.program, buffer.kind) * m_.lanes * runtime::cutting::usual_steps;
      bytes = b_->CreateAdd(bytes, b_->CreateMul(value_of(buffer.size), number(usual)));
    }
  }
  return bytes;
}

BatchEmitter::Plan BatchEmitter::plan() {
  namespace cutting = runtime::cutting;
  b_->CreateCall(functions_.sizes, {call_, llvm::Constant::getNullValue(m_.pointer)});
  const auto size = [&](int64_t at) { return read(m_.index, sizes_, at); };
  Plan p;
  p.tiles = divide_up(samples_, number(m_.lanes));
  p.group = number(1);
  if (m_.program.pool != none && m_.layout.functions[m_.program.pool].cut()) {
    llvm::Value* tiles = number(std::min<int64_t>(cutting::most_lanes / m_.lanes, cutting::most_tiles));
    tiles = least(tiles, b_->CreateSDiv(p.tiles, number(cutting::parts_of_batch)));
    tiles = least(tiles, b_->CreateSDiv(number(cutting::near_bytes), group_bytes()));
    p.group = b_->CreateSelect(b_->CreateICmpSLT(tiles, number(cutting::fewest_tiles)), number(1), tiles);
  }
  p.groups = divide_up(p.tiles, p.group);
  p.reals_of_sums = size(offsetof(runtime::Sizes, accumulators));
  p.stride = lines(b_->CreateMul(p.reals_of_sums, number(m_.real_bytes())));
  llvm::Value* affordable =
      b_->CreateSDiv(number(cutting::most_accumulator_bytes), most(number(1), p.stride));
  p.chunks = least(least(p.groups, number(cutting::most_chunks)),
                   most(number(cutting::affordable_chunks), affordable));

  llvm::Value* at = number(0);
  const auto place = [&](llvm::Value* bytes) {
    llvm::Value* here = at;
    at = b_->CreateAdd(at, lines(bytes));
    return here;
  };
  const int64_t real = m_.real_bytes(), solves = static_cast<int64_t>(m_.program.interface.solves.size());
  place(b_->CreateMul(size(offsetof(runtime::Sizes, uniforms)), number(real)));
  p.sums = place(b_->CreateMul(most(number(1), least(p.chunks, number(most_sums))), p.stride));
  p.arena = place(size(offsetof(runtime::Sizes, arena_bytes)));
  p.frame = place(size(offsetof(runtime::Sizes, frame_bytes)));
  llvm::Value* totals = number(0);
  for (const Interface::Result& r : m_.program.interface.results)
    if (!r.per_sample) totals = most(totals, b_->CreateAdd(value_of(r.offset), elements(r.shape)));
  p.totals = place(b_->CreateMul(totals, number(real)));
  p.status = place(b_->CreateMul(samples_, number(sizeof(runtime::Status))));
  p.statistics =
      place(b_->CreateMul(samples_, number(solves * static_cast<int64_t>(sizeof(runtime::Statistics)))));
  p.tapes = at;

  p.tape_list.assign(static_cast<size_t>(m_.program.interface.tapes), {number(0), false});
  p.needed = p.cached = number(0);
  for (const Buffer& buffer : m_.program.buffers) {
    if (buffer.storage != Storage::tape) continue;
    llvm::Value* entry =
        b_->CreateMul(value_of(buffer.size), number(element_bytes(m_.program, buffer.kind) * m_.lanes));
    p.tape_list[static_cast<size_t>(buffer.slot)] = {entry, buffer.cache};
    llvm::Value*& sum = buffer.cache ? p.cached : p.needed;
    sum = b_->CreateAdd(sum, entry);
  }
  return p;
}

llvm::Value* BatchEmitter::cache_entries(const Plan& p, const Tape& tape, llvm::Value* steps) {
  const int64_t share = most_cached / static_cast<int64_t>(p.tape_list.size());
  llvm::Value* entries = b_->CreateSDiv(number(share), most(number(1), tape.entry));
  return most(number(2), least(entries, steps));
}

// ---- what the program reads and writes

void BatchEmitter::bind(const Plan& p, llvm::Value* base, llvm::Value* results) {
  const Interface& interface = m_.program.interface;
  const auto array = [&](size_t size, const char* name, int64_t field) {
    llvm::Value* place = room(std::max<int64_t>(8, static_cast<int64_t>(8 * size)), name);
    write(call_, field, place);
    return place;
  };
  if (library_.parameters)
    write(call_, offsetof(runtime::Call, parameters), member(m_.pointer, inputs_, parameter_member()));
  llvm::Value* data = array(interface.data.size(), "data", offsetof(runtime::Call, data));
  llvm::Value* strides = array(interface.data.size(), "strides", offsetof(runtime::Call, data_strides));
  for (size_t n = 0; n < interface.data.size(); ++n) {
    const Interface::Data& slot = interface.data[n];
    write(data, static_cast<int64_t>(8 * n), member(m_.pointer, inputs_, data_member(slot.name)));
    write(strides, static_cast<int64_t>(8 * n), slot.shared ? number(0) : elements(slot.shape));
  }
  llvm::Value* noise = array(interface.noise.size(), "noise", offsetof(runtime::Call, noise));
  for (size_t n = 0; n < interface.noise.size(); ++n)
    write(noise, static_cast<int64_t>(8 * n),
          member(m_.pointer, inputs_, noise_member(interface.noise[n].stream)));
  llvm::Value* settings = array(interface.settings.size(), "settings", offsetof(runtime::Call, settings));
  for (size_t n = 0; n < interface.settings.size(); ++n)
    if (const std::string& name = interface.settings[n]; name == "batch" || name == "samples")
      write(settings, static_cast<int64_t>(n) * m_.real_bytes(), b_->CreateSIToFP(samples_, m_.real));
  llvm::Value* outputs = array(interface.results.size(), "outputs", offsetof(runtime::Call, outputs));
  for (size_t n = 0; n < entry_.results.size(); ++n)
    for (const Interface::Result& r : interface.results)
      if (r.per_sample && r.name == entry_.results[n])
        write(outputs, 8 * r.slot, member(m_.pointer, results, n));
  write(call_, offsetof(runtime::Call, uniforms), base);
  write(call_, offsetof(runtime::Call, accumulators), offset(base, p.sums));
  write(call_, offsetof(runtime::Call, totals), offset(base, p.totals));

  write(tile_, offsetof(runtime::Tile, samples), rows_);
  write(tile_, offsetof(runtime::Tile, rows), rows_);
  write(tile_, offsetof(runtime::Tile, arena), offset(base, p.arena));
  write(tile_, offsetof(runtime::Tile, frame), offset(base, p.frame));
  write(tile_, offsetof(runtime::Tile, tapes), tapes_);
  write(tile_, offsetof(runtime::Tile, status), offset(base, p.status));
  write(tile_, offsetof(runtime::Tile, statistics), offset(base, p.statistics));
  write(tile_, offsetof(runtime::Tile, grow), support_.grow);
  write(tile_, offsetof(runtime::Tile, share), support_.share);
  llvm::Constant* zero = b_->getInt8(runtime::never_canceled);
  write(tile_, offsetof(runtime::Tile, cancel),
        new llvm::GlobalVariable(m_.module, zero->getType(), true, llvm::GlobalValue::PrivateLinkage, zero,
                                 "never_canceled"));
}

void BatchEmitter::clear_reports(const Plan& p) {
  llvm::Value* status = read(m_.pointer, tile_, offsetof(runtime::Tile, status));
  b_->CreateMemSet(status, b_->getInt8(0), b_->CreateSub(p.tapes, p.status), llvm::Align(line));
  counted_loop(*b_, number(0), samples_, 1, [&](llvm::Value* row) {
    llvm::Value* own = offset(status, b_->CreateMul(row, number(sizeof(runtime::Status))));
    write(own, offsetof(runtime::Status, state), b_->getInt32(~0u));
  });
}

// Caches get their share of the room, which does not change; what grows gets the rest.
void BatchEmitter::lay_out_tapes(const Plan& p, llvm::Value* base, llvm::Value* end) {
  placed_.clear();
  free_ = offset(base, p.tapes);
  llvm::Value* left = b_->CreateSub(b_->CreatePtrToInt(end, m_.index), b_->CreatePtrToInt(free_, m_.index));
  const auto growing =
      std::count_if(p.tape_list.begin(), p.tape_list.end(), [](const Tape& t) { return !t.cache; });
  llvm::Value* each = b_->CreateMul(p.needed, number(growing > 1 ? places_of_tapes : 1));
  llvm::Value* steps = b_->CreateSDiv(left, most(number(1), b_->CreateAdd(each, p.cached)));
  for (const Tape& tape : p.tape_list) {
    if (!tape.cache) {
      placed_.push_back({llvm::Constant::getNullValue(m_.pointer), number(0), number(0)});
      continue;
    }
    llvm::Value* entries = cache_entries(p, tape, steps);
    llvm::Value* bytes = b_->CreateMul(entries, tape.entry);
    // A step whose entry is not kept uses one more.
    placed_.push_back({free_, bytes, b_->CreateMul(b_->CreateSub(entries, number(1)), tape.entry)});
    free_ = offset(free_, lines(bytes));
    leave(b_->CreateICmpUGT(free_, end), Refusal::workspace_too_small);
  }
  write(tile_, offsetof(LibraryTile, end), end);
}

// ---- tiles

void BatchEmitter::run_chunks(const Plan& p, llvm::Value* base) {
  llvm::Value* sums = offset(base, p.sums);
  guarded(*b_, b_->CreateICmpEQ(p.chunks, number(0)),
          [&] { b_->CreateMemSet(sums, b_->getInt8(0), p.stride, llvm::Align(line)); });
  counted_loop(*b_, number(0), p.chunks, 1, [&](llvm::Value* chunk) {
    llvm::Value* next = b_->CreateAdd(chunk, number(1));
    const auto first_tile = [&](llvm::Value* of) {
      return b_->CreateMul(b_->CreateSDiv(b_->CreateMul(p.groups, of), p.chunks), p.group);
    };
    llvm::Value* depth = read(m_.index, depth_, 0);
    llvm::Value* own = offset(sums, b_->CreateMul(depth, p.stride));
    b_->CreateMemSet(own, b_->getInt8(0), p.stride, llvm::Align(line));
    write(tile_, offsetof(runtime::Tile, accumulators), own);
    counted_loop(*b_, first_tile(chunk), least(first_tile(next), p.tiles), 1,
                 [&](llvm::Value* tile) { run_tile(p, tile); });
    write(depth_, 0, b_->CreateAdd(depth, number(1)));
    // Chunks 2k and 2k + 1 are added, then pairs of these sums, …
    llvm::Value* pairs = b_->CreateIntrinsic(llvm::Intrinsic::cttz, {m_.index}, {next, b_->getTrue()});
    counted_loop(*b_, number(0), pairs, 1, [&](llvm::Value*) { add_sums(p, base); });
  });
  counted_loop(*b_, number(1), read(m_.index, depth_, 0), 1, [&](llvm::Value*) { add_sums(p, base); });
}

// The last set of sums into the one before.
void BatchEmitter::add_sums(const Plan& p, llvm::Value* base) {
  llvm::Value* depth = b_->CreateSub(read(m_.index, depth_, 0), number(1));
  write(depth_, 0, depth);
  llvm::Value* from = offset(base, b_->CreateAdd(p.sums, b_->CreateMul(depth, p.stride)));
  llvm::Value* to = offset(from, b_->CreateNeg(p.stride));
  b_->CreateCall(support_.add, {to, from, p.reals_of_sums});
}

void BatchEmitter::run_tile(const Plan&, llvm::Value* number_of_tile) {
  llvm::Value* row = b_->CreateMul(number_of_tile, number(m_.lanes));
  llvm::Value* live = least(number(m_.lanes), b_->CreateSub(samples_, row));
  write(tile_, offsetof(runtime::Tile, row), row);
  write(tile_, offsetof(runtime::Tile, live), b_->CreateTrunc(live, b_->getInt32Ty()));
  counted_loop(*b_, number(0), number(m_.lanes), 1, [&](llvm::Value* lane) {
    llvm::Value* own = b_->CreateAdd(row, least(lane, b_->CreateSub(live, number(1))));
    b_->CreateStore(own, b_->CreateInBoundsGEP(m_.index, rows_, lane));
  });
  for (size_t n = 0; n < placed_.size(); ++n) {
    const int64_t at = static_cast<int64_t>(n * sizeof(runtime::Tape));
    write(tapes_, at + static_cast<int64_t>(offsetof(runtime::Tape, base)), placed_[n].base);
    write(tapes_, at + static_cast<int64_t>(offsetof(runtime::Tape, bytes)), placed_[n].bytes);
    write(tapes_, at + static_cast<int64_t>(offsetof(runtime::Tape, count)), number(0));
    write(tapes_, at + static_cast<int64_t>(offsetof(runtime::Tape, worth)), placed_[n].worth);
  }
  write(tile_, offsetof(LibraryTile, next), free_);
  b_->CreateCall(functions_.pool, {call_, tile_});
  llvm::Value* lacks = read(b_->getInt32Ty(), tile_, offsetof(runtime::Tile, stopped));
  leave(b_->CreateICmpNE(lacks, b_->getInt32(0)), Refusal::workspace_too_small);
}

}  // namespace nodec::codegen
