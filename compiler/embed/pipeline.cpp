// One model through every stage: derive, schedule, codegen, jit.
#include "compiler/embed/pipeline.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <thread>

#include "compiler/codegen/codegen.hpp"
#include "compiler/embed/object_cache.hpp"
#include "compiler/graph/limit.hpp"
#include "compiler/solvers/solvers.hpp"

namespace nodec::embed {
namespace {

using Clock = std::chrono::steady_clock;

// Derivatives make a program's graph several times as large. Machine code of so many values takes seconds and
// hundreds of megabytes to make.
constexpr size_t most_derived_nodes = 1'000'000, most_results_nodes = 100'000, most_values = 60'000;

constexpr std::array<Stage, 6> pipeline = {{
    {"parse", "text", "ast", "syntax, as written, with the place of everything"},
    {"elaborate", "ast", "graph", "names, shapes, layers and fields become tensor expressions of one sample"},
    {"derive", "graph", "adjoint", "gradients, as expressions of the same kind"},
    {"schedule", "adjoint", "tile",
     "tensors become loops over buffers for a tile of samples; solves become time stepping"},
    {"codegen", "tile", "llvm", "explicit-vector LLVM IR for the host"},
    {"jit", "llvm", "asm", "a short pass pipeline, machine code, linking"},
}};

// Measures what each stage took.
class StageClock {
 public:
  explicit StageClock(std::vector<TimedStage>& stages) : stages_(stages), start_(Clock::now()) {}
  void stamp(const char* name) {
    const Clock::time_point now = Clock::now();
    stages_.push_back({name, std::chrono::duration<double, std::milli>(now - start_).count()});
    start_ = now;
  }

 private:
  std::vector<TimedStage>& stages_;
  Clock::time_point start_;
};

schedule::Program schedule_results(const semantics::Model& model, const Derived& derived, Mode mode,
                                   int lanes, bool double_precision, bool ragged, std::string& refusal) {
  schedule::Request request;
  request.results = derived.results;
  for (const semantics::ParameterDecl& p : model.parameters)
    request.parameters.push_back({p.path, p.type.size().value()});
  request.lanes = lanes;
  request.double_precision = double_precision;
  request.ragged = ragged;
  request.recording = mode == Mode::record   ? schedule::Recording::record
                      : mode == Mode::replay ? schedule::Recording::replay
                                             : schedule::Recording::no;
  const std::unique_ptr<schedule::SolveLowering> solvers = solvers::make_solvers();
  return schedule::lower(request, *solvers, &refusal);
}

graph::Extent bytes_of(const schedule::Program& program, const schedule::Buffer& buffer) {
  const bool narrow = buffer.kind != schedule::Kind::index && !program.double_precision;
  return buffer.size * graph::Extent(narrow ? 4 : 8);
}

Memory memory_of(const schedule::Program& program) {
  Memory memory;
  for (const schedule::Buffer& b : program.buffers) {
    if (b.storage == schedule::Storage::tape) {
      graph::Extent& sum = b.cache ? memory.kept : memory.step;
      sum = sum + bytes_of(program, b);
    } else if (b.storage == schedule::Storage::frame ||
               (b.storage == schedule::Storage::accumulator && b.unreduced)) {
      graph::Extent& sum = b.lanes || b.unreduced ? memory.sample : memory.tile;
      sum = sum + bytes_of(program, b);
    }
  }
  return memory;
}

int64_t evaluate(const graph::Extent& bytes, std::map<std::string, int64_t> lengths) {
  const bool none = lengths.empty();
  for (const std::string& atom : bytes.atoms())
    if (none || !graph::as_floor_quotient(atom)) lengths.emplace(atom, 1);
  return bytes.evaluate(lengths);
}

// What a stage of the compiler gives must hold its invariants; a violation is a fault of nodec, not of the
// model.
std::string violation(const char* pass, const std::string& what) {
  return what.empty() ? "" : std::string("internal error after ") + pass + ": " + what;
}

std::string unrolls(size_t count, size_t most, const char* what) {
  return count <= most ? "" : "the program unrolls to more than " + std::to_string(most) + " " + what;
}

// "" or why the graph of the results is not scheduled.
std::string too_large(const Derived& derived) {
  std::vector<graph::Ref> roots;
  for (const graph::Output& result : derived.results) roots.push_back(result.value);
  return unrolls(graph::postorder(roots).size(), most_results_nodes, "graph nodes");
}

size_t values_of(const schedule::Program& program) {
  size_t values = 0;
  for (const schedule::Function& function : program.functions) values += function.types.size();
  return values;
}

// "" or why no code is made of the program.
std::string too_large(const schedule::Program& program) {
  return unrolls(values_of(program), most_values, "values of machine code");
}

// A part is worth a thread where making its code takes longer than starting one and a second code generator.
int code_parts(const schedule::Program& program) {
  constexpr size_t worth_a_thread = 500;
  const size_t threads = std::clamp<size_t>(std::thread::hardware_concurrency(), 1, 4);
  return static_cast<int>(std::clamp<size_t>(values_of(program) / worth_a_thread, 1, threads));
}

}  // namespace

std::span<const Stage> stages() { return pipeline; }

int64_t Unit::bytes_per_sample(const std::map<std::string, int64_t>& known) const {
  return evaluate(memory.sample, known) + (evaluate(memory.tile, known) + lanes - 1) / lanes;
}

int64_t Unit::kept_bytes_per_step(const std::map<std::string, int64_t>& known) const {
  return evaluate(memory.kept, known);
}

int64_t Unit::record_bytes_per_step(const std::map<std::string, int64_t>& known) const {
  return evaluate(memory.step, known);
}

Compiled compile(semantics::Module& module, const semantics::Model& model, Mode mode,
                 const std::vector<std::string>& shared_data, const FormChoice& form, const Options& options,
                 bool ragged, const Selection& selection) {
  const auto [target, problem] = target_of(options);
  if (!problem.empty()) return {nullptr, problem};
  const bool double_precision = options.precision == Precision::f64;
  const std::string& cache = options.cache;
  auto unit = std::make_shared<Unit>();
  StageClock clock(unit->stages);
  graph::limit(module.graph, most_derived_nodes);
  const Derived derived = derive_results(module, model, mode, shared_data, selection);
  if (!derived.refusal.empty()) return {nullptr, derived.refusal};
  if (std::string wrong = violation("derive", graph::verify(module.graph, derived.results)); !wrong.empty())
    return {nullptr, wrong};
  if (std::string why = too_large(derived); !why.empty()) return {nullptr, why};
  clock.stamp("derive");
  std::string refusal;
  const schedule::Program program =
      schedule_results(model, derived, mode, form.lanes, double_precision, ragged, refusal);
  if (!refusal.empty()) return {nullptr, violation("schedule", refusal)};
  if (std::string wrong = violation("schedule", schedule::verify(program)); !wrong.empty())
    return {nullptr, wrong};
  if (std::string why = too_large(program); !why.empty()) return {nullptr, why};
  clock.stamp("schedule");
  const std::string key = cache.empty() ? "" : jit::fingerprint(program, target);
  jit::Result<jit::Object> object{cache.empty() ? std::nullopt : kept_object(cache, key, target), ""};
  const bool cached = static_cast<bool>(object);
  if (!cached) {
    std::vector<codegen::Module> parts = codegen::emit_parts(program, target, code_parts(program));
    clock.stamp("codegen");
    object = jit::compile(std::move(parts));
  }
  if (!object) return {nullptr, "internal error in jit: " + object.error};
  jit::Result<jit::Code> code = jit::load(*object);
  clock.stamp(cached ? "jit (cached)" : "jit");
  if (!cache.empty() && !cached && code) {
    keep_object(cache, key, *object);
    clock.stamp("cache");
  }
  if (!code) return {nullptr, "internal error in jit: " + code.error};
  unit->interface = program.interface;
  unit->lanes = form.lanes;
  unit->form_reason = form.why;
  unit->cached = cached;
  unit->memory = memory_of(program);
  unit->code = std::move(*code);
  return {unit, ""};
}

Scheduled schedule_mode(semantics::Module& module, const semantics::Model& model, Mode mode,
                        const std::vector<std::string>& shared_data, int lanes, bool double_precision) {
  graph::limit(module.graph, most_derived_nodes);
  const Derived derived = derive_results(module, model, mode, shared_data);
  if (!derived.refusal.empty()) return {{}, derived.refusal};
  if (std::string wrong = violation("derive", graph::verify(module.graph, derived.results)); !wrong.empty())
    return {{}, wrong};
  if (std::string why = too_large(derived); !why.empty()) return {{}, why};
  std::string refusal;
  Scheduled out;
  out.program = schedule_results(model, derived, mode, lanes, double_precision, false, refusal);
  if (!refusal.empty()) return {{}, violation("schedule", refusal)};
  out.error = violation("schedule", schedule::verify(out.program));
  if (out.error.empty()) out.error = too_large(out.program);
  return out;
}

Emitted emit(semantics::Module& module, const semantics::Model& model, const std::string& stage, int lanes,
             const Options& options) {
  const auto [target, problem] = target_of(options);
  if (!problem.empty()) return {"", problem};
  const bool double_precision = options.precision == Precision::f64;
  // `graph` is the model as it was written; from `adjoint` on the stages are those of the gradient, if there
  // is a loss.
  graph::limit(module.graph, most_derived_nodes);
  const Mode mode = stage == "graph" || !model.loss ? Mode::forward : Mode::inputs;
  const Derived derived = derive_results(module, model, mode, {});
  if (!derived.refusal.empty()) return {"", derived.refusal};
  if (stage == "graph" || stage == "adjoint") return {graph::print(derived.results), ""};
  if (std::string why = too_large(derived); !why.empty()) return {"", why};
  std::string refusal;
  const schedule::Program program =
      schedule_results(model, derived, mode, lanes, double_precision, false, refusal);
  if (!refusal.empty()) return {"", violation("schedule", refusal)};
  if (stage == "tile") return {schedule::print(program), ""};
  if (std::string why = too_large(program); !why.empty()) return {"", why};
  codegen::Module ir = codegen::emit(program, target);
  if (stage == "llvm") return {codegen::print_llvm(ir), ""};
  jit::Result<std::string> text = jit::assembly(std::move(ir));
  return text ? Emitted{*text, ""} : Emitted{"", text.error};
}

}  // namespace nodec::embed
