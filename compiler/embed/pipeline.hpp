// The compiler's stages, in order, and the driver that walks them for one model.
//
// In: a model of a Module. Out: machine code with its interface, the texts of the stages, their times.
// Never here: data files, batches, optimisers.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "compiler/embed/form.hpp"
#include "compiler/embed/include/nodec/nodec.hpp"
#include "compiler/jit/jit.hpp"
#include "compiler/schedule/lower.hpp"
#include "compiler/semantics/module.hpp"

namespace nodec::embed {

// A row of the pipeline: the pass, the representation that it reads, the one that it gives (a name of
// --emit), one sentence.
struct Stage {
  const char* name;
  const char* needs;
  const char* gives;
  const char* sentence;
};
std::span<const Stage> stages();

// What is compiled of a model.
enum class Mode {
  forward,   // outputs, metrics, loss
  gradient,  // loss, metrics, gradients of the mean loss with respect to parameters
  inputs,    // the same, and with respect to data
  record,    // loss, or outputs where there is none, with the steps of every solve recorded
  replay,    // loss, along recorded steps
  vjp,       // outputs, and the products of cotangents of the outputs with their Jacobian
  jvp,       // outputs, and the products of their Jacobian with tangents
};

// What gradients and products are taken with respect to. Modes but `inputs`, `vjp` and `jvp` do not ask.
struct Selection {
  bool parameters = true;
  std::optional<std::set<std::string>> data;  // real ones; nothing: all
  bool has(const std::string& name) const { return !data || data->count(name) > 0; }
  // Different for different selections.
  std::string key() const;
};

// Bytes of working memory: of each sample, of a tile for all its samples, of each accepted step's record, of
// what is kept of it besides while the cache holds it.
struct Memory {
  graph::Extent sample, tile, step, kept;
};

struct Unit {
  schedule::Interface interface;
  int lanes = 0;
  std::string form_reason;
  jit::Code code;
  bool cached = false;  // it was kept from an earlier run
  Memory memory;
  std::vector<TimedStage> stages;

  // Working memory of a sample, and what is recorded of each of its accepted steps; an unknown length is 1.
  int64_t bytes_per_sample(const std::map<std::string, int64_t>& lengths = {}) const;
  int64_t record_bytes_per_step(const std::map<std::string, int64_t>& lengths = {}) const;
  int64_t kept_bytes_per_step(const std::map<std::string, int64_t>& lengths = {}) const;
};

// The named results of a mode: per-sample ones by their names (outputs, `loss`, `data:NAME`), others as
// `mean:loss`, `metric:NAME`, `param:PATH`, `data:NAME` of shared data. Modes vjp and jvp read further data,
// `cotangent:OUTPUT` of each sample, or `tangent:param:PATH` (shared) and `tangent:data:NAME`, and the latter
// gives `tangent:OUTPUT`; integers and conditions have neither.
struct Derived {
  std::vector<graph::Output> results;
  std::string refusal;  // why it cannot be differentiated, "" if it can
};
Derived derive_results(semantics::Module& module, const semantics::Model& model, Mode mode,
                       const std::vector<std::string>& shared_data, const Selection& selection = {});

// The pullback of a solve in the gradient of the model's loss; null when the loss does not depend on it.
const graph::Lambda* pullback_of(semantics::Module& module, const semantics::Model& model, graph::Ref solve);

// Every stage from `derive` on. Fails with a diagnostic's text.
struct Compiled {
  std::shared_ptr<const Unit> unit;
  std::string error;
};
// Of the options: precision, processor, and the cache, a folder of kept objects (object_cache.hpp).
Compiled compile(semantics::Module& module, const semantics::Model& model, Mode mode,
                 const std::vector<std::string>& shared_data, const FormChoice& form, const Options& options,
                 bool ragged, const Selection& selection = {});

// The tile program of a mode; samples have no lengths of their own.
struct Scheduled {
  schedule::Program program;
  std::string error;
};
Scheduled schedule_mode(semantics::Module& module, const semantics::Model& model, Mode mode,
                        const std::vector<std::string>& shared_data, int lanes, bool double_precision);

// The text of a stage: graph adjoint tile llvm asm.
struct Emitted {
  std::string text, error;
};
Emitted emit(semantics::Module& module, const semantics::Model& model, const std::string& stage, int lanes,
             const Options& options);

}  // namespace nodec::embed
