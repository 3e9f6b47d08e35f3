// What a batch of a library reads of its caller and tells it: checked inputs, totals, failures.
#include <algorithm>

#include "compiler/codegen/library_batch.hpp"

namespace nodec::codegen {

using namespace schedule;

// ---- arithmetic and memory

llvm::Value* BatchEmitter::least(llvm::Value* x, llvm::Value* y) {
  return b_->CreateSelect(b_->CreateICmpSLT(x, y), x, y);
}

llvm::Value* BatchEmitter::most(llvm::Value* x, llvm::Value* y) {
  return b_->CreateSelect(b_->CreateICmpSGT(x, y), x, y);
}

llvm::Value* BatchEmitter::lines(llvm::Value* bytes) {
  return b_->CreateAnd(b_->CreateAdd(bytes, number(63)), number(-64));
}

llvm::Value* BatchEmitter::divide_up(llvm::Value* x, llvm::Value* y) {
  return b_->CreateSDiv(b_->CreateSub(b_->CreateAdd(x, y), number(1)), y);
}

llvm::Value* BatchEmitter::offset(llvm::Value* base, llvm::Value* bytes) {
  return b_->CreateGEP(b_->getInt8Ty(), base, bytes);
}

llvm::Value* BatchEmitter::member(llvm::Type* type, llvm::Value* structure, size_t n) {
  return read(type, structure, static_cast<int64_t>(8 * n));
}

llvm::Value* BatchEmitter::read(llvm::Type* type, llvm::Value* structure, int64_t at) {
  return m_.field(*b_, type, structure, at);
}

void BatchEmitter::write(llvm::Value* structure, int64_t at, llvm::Value* value) {
  b_->CreateStore(value, m_.address(*b_, structure, at));
}

llvm::Value* BatchEmitter::room(int64_t bytes, const char* name) {
  llvm::BasicBlock& entry = function_->getEntryBlock();
  Builder at(&entry, entry.begin());
  llvm::AllocaInst* place =
      at.CreateAlloca(llvm::ArrayType::get(at.getInt8Ty(), static_cast<uint64_t>(bytes)), nullptr, name);
  place->setAlignment(llvm::Align(64));
  b_->CreateMemSet(place, b_->getInt8(0), static_cast<uint64_t>(bytes), llvm::Align(64));
  return place;
}

// ---- inputs

llvm::Value* BatchEmitter::length(const std::string& atom) {
  const auto named = std::find(library_.lengths.begin(), library_.lengths.end(), atom);
  if (named != library_.lengths.end())
    return member(m_.index, inputs_, static_cast<size_t>(1 + (named - library_.lengths.begin())));
  const auto quotient = graph::as_floor_quotient(atom);
  if (!quotient) return number(0);
  llvm::Value *numerator = value_of(quotient->numerator), *divisor = number(quotient->divisor);
  llvm::Value* negative = b_->CreateICmpSLT(b_->CreateSRem(numerator, divisor), number(0));
  return b_->CreateSub(b_->CreateSDiv(numerator, divisor), b_->CreateZExt(negative, m_.index));
}

llvm::Value* BatchEmitter::value_of(const graph::Extent& extent) {
  llvm::Value* sum = number(0);
  for (const auto& [atoms, coefficient] : extent.terms()) {
    llvm::Value* product = number(coefficient);
    for (const std::string& atom : atoms) product = b_->CreateMul(product, length(atom));
    sum = b_->CreateAdd(sum, product);
  }
  return sum;
}

llvm::Value* BatchEmitter::elements(const std::vector<graph::Extent>& shape) {
  llvm::Value* product = number(1);
  for (const graph::Extent& extent : shape) product = b_->CreateMul(product, value_of(extent));
  return product;
}

size_t BatchEmitter::data_member(const std::string& name) const {
  const auto found = std::find(library_.data.begin(), library_.data.end(), name);
  return parameter_member() + (library_.parameters ? 1 : 0) +
         static_cast<size_t>(found - library_.data.begin());
}

size_t BatchEmitter::noise_member(int stream) const {
  const auto found = std::find(library_.noise.begin(), library_.noise.end(), stream);
  return parameter_member() + (library_.parameters ? 1 : 0) + library_.data.size() +
         static_cast<size_t>(found - library_.noise.begin());
}

void BatchEmitter::check(llvm::Value* results, llvm::Value* workspace) {
  llvm::Value* wrong = b_->CreateOr(b_->CreateIsNull(results), b_->CreateIsNull(workspace));
  wrong = b_->CreateOr(wrong, b_->CreateICmpSLT(samples_, number(0)));
  for (const std::string& name : library_.lengths)
    wrong = b_->CreateOr(wrong, b_->CreateICmpSLT(length(name), number(0)));
  for (const graph::Extent& required : library_.requirements)
    wrong = b_->CreateOr(wrong, b_->CreateICmpSLT(value_of(required), number(0)));
  const size_t members = (library_.parameters ? 1 : 0) + library_.data.size() + library_.noise.size();
  for (size_t n = 0; n < members; ++n)
    wrong = b_->CreateOr(wrong, b_->CreateIsNull(member(m_.pointer, inputs_, parameter_member() + n)));
  leave(wrong, Refusal::bad_argument);
  wrong = b_->getFalse();
  for (size_t n = 0; n < entry_.results.size(); ++n)
    wrong = b_->CreateOr(wrong, b_->CreateIsNull(member(m_.pointer, results, n)));
  leave(wrong, Refusal::bad_argument);
  for (const Library::Range& range : library_.ranges) check_range(range);
}

// Reals that hold integers of a range: generated code indexes by them.
void BatchEmitter::check_range(const Library::Range& range) {
  const std::vector<Interface::Data>& data = m_.program.interface.data;
  const auto slot =
      std::find_if(data.begin(), data.end(), [&](const Interface::Data& d) { return d.name == range.data; });
  if (slot == data.end()) return;
  llvm::Value* values = member(m_.pointer, inputs_, data_member(range.data));
  llvm::Value* count = elements(slot->shape);
  if (!slot->shared) count = b_->CreateMul(count, samples_);
  llvm::Value* low = b_->CreateSIToFP(value_of(range.lower), m_.real);
  llvm::Value* high = b_->CreateSIToFP(value_of(range.upper), m_.real);
  const Carried good =
      counted_loop(*b_, number(0), count, 1, {b_->getTrue()}, [&](llvm::Value* n, const Carried& so_far) {
        llvm::Value* value = b_->CreateLoad(m_.real, b_->CreateInBoundsGEP(m_.real, values, n));
        llvm::Value* within = b_->CreateAnd(b_->CreateFCmpOGE(value, low), b_->CreateFCmpOLT(value, high));
        // Of what is out of range no integer is made.
        llvm::Value* safe = b_->CreateSelect(within, value, llvm::ConstantFP::get(m_.real, 0));
        llvm::Value* whole = b_->CreateSIToFP(b_->CreateFPToSI(safe, m_.index), m_.real);
        llvm::Value* integer = b_->CreateFCmpOEQ(whole, safe);
        return Carried{b_->CreateAnd(so_far[0], b_->CreateAnd(within, integer))};
      });
  leave(b_->CreateNot(good[0]), Refusal::integer_out_of_range);
}

// ---- results

void BatchEmitter::copy_totals(const Plan& p, llvm::Value* base, llvm::Value* results) {
  const std::string all = Library::all_parameters;
  llvm::Value* totals = offset(base, p.totals);
  for (const Interface::Result& r : m_.program.interface.results) {
    if (r.per_sample) continue;
    const bool parameter = r.name.starts_with(all);
    const std::string& name = parameter ? all : r.name;
    const auto found = std::find(entry_.results.begin(), entry_.results.end(), name);
    if (found == entry_.results.end()) continue;
    llvm::Value* to = member(m_.pointer, results, static_cast<size_t>(found - entry_.results.begin()));
    if (parameter) {
      for (const Interface::Parameter& own : m_.program.interface.parameters)
        if (all + own.path == r.name) to = m_.address(*b_, to, own.offset * m_.real_bytes());
    }
    llvm::Value* from = offset(totals, b_->CreateMul(value_of(r.offset), number(m_.real_bytes())));
    const llvm::Align align(static_cast<uint64_t>(m_.real_bytes()));
    b_->CreateMemCpy(to, align, from, align, b_->CreateMul(elements(r.shape), number(m_.real_bytes())));
  }
}

llvm::Value* BatchEmitter::report_failures(const Plan& p, llvm::Value* base, llvm::Value* results,
                                           llvm::Value* failure) {
  using runtime::Status;
  llvm::Type* narrow = b_->getInt32Ty();
  llvm::Value* status = offset(base, p.status);
  llvm::Value* report = room(sizeof(FailureReport), "report");
  write(report, offsetof(FailureReport, sample), number(-1));
  counted_loop(*b_, number(0), samples_, 1, [&](llvm::Value* row) {
    llvm::Value* own = offset(status, b_->CreateMul(row, number(sizeof(Status))));
    llvm::Value* code = read(narrow, own, offsetof(Status, code));
    guarded(*b_, b_->CreateICmpNE(code, b_->getInt32(0)), [&] {
      llvm::Value* before = read(m_.index, report, offsetof(FailureReport, failed));
      write(report, offsetof(FailureReport, failed), b_->CreateAdd(before, number(1)));
      guarded(*b_, b_->CreateICmpEQ(before, number(0)), [&] {
        write(report, offsetof(FailureReport, sample), row);
        write(report, offsetof(FailureReport, code), code);
        for (const auto& [to, from] : {std::pair{offsetof(FailureReport, solve), offsetof(Status, solve)},
                                       {offsetof(FailureReport, state), offsetof(Status, state)},
                                       {offsetof(FailureReport, steps), offsetof(Status, steps)}})
          write(report, static_cast<int64_t>(to), read(narrow, own, static_cast<int64_t>(from)));
        for (const auto& [to, from] : {std::pair{offsetof(FailureReport, t), offsetof(Status, t)},
                                       {offsetof(FailureReport, h), offsetof(Status, h)}})
          write(report, static_cast<int64_t>(to), read(b_->getDoubleTy(), own, static_cast<int64_t>(from)));
      });
      if (entry_.unknown_when_failed) spoil(results, row);
    });
  });
  llvm::Value* failed = b_->CreateICmpNE(read(m_.index, report, offsetof(FailureReport, failed)), number(0));
  if (entry_.unknown_when_failed) guarded(*b_, failed, [&] { spoil(results, nullptr); });
  guarded(*b_, b_->CreateIsNotNull(failure),
          [&] { b_->CreateMemCpy(failure, llvm::Align(8), report, llvm::Align(8), sizeof(FailureReport)); });
  return read(narrow, report, offsetof(FailureReport, code));
}

// A failed sample's own results, or those that all samples share.
void BatchEmitter::spoil(llvm::Value* results, llvm::Value* row) {
  const std::string all = Library::all_parameters;
  for (const Interface::Result& r : m_.program.interface.results) {
    if (r.per_sample != (row != nullptr)) continue;
    const bool parameter = r.name.starts_with(all);
    const auto found = std::find(entry_.results.begin(), entry_.results.end(), parameter ? all : r.name);
    if (found == entry_.results.end()) continue;
    llvm::Value* to = member(m_.pointer, results, static_cast<size_t>(found - entry_.results.begin()));
    llvm::Value* count = elements(r.shape);
    if (row) to = offset(to, b_->CreateMul(b_->CreateMul(row, count), number(m_.real_bytes())));
    if (parameter) {
      for (const Interface::Parameter& own : m_.program.interface.parameters)
        if (all + own.path == r.name) to = m_.address(*b_, to, own.offset * m_.real_bytes());
    }
    b_->CreateCall(support_.spoil, {to, count});
  }
}

}  // namespace nodec::codegen
