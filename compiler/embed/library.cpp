// A model -> an object file and a C header, for programs that run without nodec.
#include <algorithm>
#include <chrono>
#include <deque>

#include "compiler/embed/c_header.hpp"
#include "compiler/embed/c_names.hpp"
#include "compiler/embed/deep_stack.hpp"
#include "compiler/embed/parameters.hpp"

namespace nodec {
namespace {

using codegen::Target;
using embed::Mode;

// Beyond so many samples the form of code does not change (choose_form).
constexpr int64_t many_samples = 2048;

struct Made {
  Library library;
  std::string error;
};

class Maker {
 public:
  Maker(const Model::State& state, semantics::Module& module, const semantics::Model& model,
        const LibraryOptions& options, const Target& target)
      : state_(state), module_(module), model_(model), options_(options), target_(target) {}

  Made make(const std::vector<double>& weights) {
    const std::string prefix = embed::c_name(model_.name);
    library_.lengths = model_.lengths;
    library_.parameters = !weights.empty();
    if (library_.parameters) {
      library_.weights_name = prefix + "_weights";
      library_.weights = weights;
    }
    for (const semantics::LengthRequirement& r : model_.requirements)
      library_.requirements.push_back(r.slack);
    const auto start = std::chrono::steady_clock::now();
    add(prefix + "_solve", Mode::forward);
    if (model_.loss && error_.empty()) add(prefix + "_gradient", Mode::inputs);
    if (!error_.empty()) return {{}, error_};
    if (library_.entries.empty()) return {{}, "model " + model_.name + " has neither outputs nor a loss"};
    name_inputs();
    const auto scheduled = std::chrono::steady_clock::now();

    codegen::Module module = codegen::emit_library(library_, target_);
    if (const std::string wrong = codegen::verify_llvm(module); !wrong.empty())
      return {{}, "internal error after codegen: " + wrong};
    const double emitted = module.emit_milliseconds();
    const jit::Result<jit::Object> object = jit::compile(std::move(module));
    if (!object) return {{}, "internal error in jit: " + object.error};
    Made made;
    const std::vector<char>& bytes = (*object).files.at(0);
    made.library.object.assign(bytes.begin(), bytes.end());
    for (const std::string& name : (*object).undefined)
      made.library.needs_libm |= name != "memcpy" && name != "memmove" && name != "memset";
    made.library.code_bytes = (*object).code_bytes;
    made.library.header =
        embed::c_header({model_, library_, prefix,
                         options_.processor == target_.cpu ? target_.cpu : target_.cpu + " (this one)",
                         state_.program->files.name(model_.span.file), double_precision(),
                         made.library.needs_libm, options_.samples});
    made.library.stages = {
        {"derive and schedule", std::chrono::duration<double, std::milli>(scheduled - start).count()},
        {"codegen", emitted},
        {"machine code", (*object).timings.generate}};
    return made;
  }

 private:
  bool double_precision() const { return state_.program->options.precision == Precision::f64; }

  // A program for every form that runs of the model take, from the fewest samples that take it.
  void add(const std::string& name, Mode mode) {
    codegen::Library::Entry entry;
    entry.name = name;
    entry.unknown_when_failed = mode != Mode::forward;
    std::map<int, const schedule::Program*> known;
    int last = 0;
    const int64_t first = std::max<int64_t>(1, options_.samples),
                  end = options_.samples > 0 ? first : many_samples;
    for (int64_t samples = first; samples <= end; ++samples) {
      const int lanes =
          embed::choose_form(model_, state_.program->options, samples, target_.vector_bits).lanes;
      if (lanes == last) continue;
      last = lanes;
      if (!known.count(lanes)) {
        embed::Scheduled made =
            embed::schedule_mode(module_, model_, mode, options_.shared_data, lanes, double_precision());
        if (!made.error.empty()) {
          error_ = made.error;
          return;
        }
        programs_.push_back(std::move(made.program));
        known[lanes] = &programs_.back();
      }
      entry.variants.push_back({entry.variants.empty() ? 0 : samples, known[lanes]});
    }
    for (const schedule::Interface::Result& r : programs_.back().interface.results) {
      const bool parameter = r.name.starts_with(codegen::Library::all_parameters);
      const std::string key = parameter ? codegen::Library::all_parameters : r.name;
      if (std::find(entry.results.begin(), entry.results.end(), key) == entry.results.end())
        entry.results.push_back(key);
    }
    if (!entry.results.empty()) library_.entries.push_back(std::move(entry));
  }

  // What any of the programs reads.
  void name_inputs() {
    const auto reads = [&](const std::string& name) {
      return std::any_of(programs_.begin(), programs_.end(), [&](const schedule::Program& p) {
        return std::any_of(p.interface.data.begin(), p.interface.data.end(),
                           [&](const schedule::Interface::Data& d) { return d.name == name; });
      });
    };
    for (const semantics::DataDecl& d : model_.data) {
      if (!reads(d.name)) continue;
      library_.data.push_back(d.name);
      if (d.bounds) library_.ranges.push_back({d.name, d.bounds->first, d.bounds->second});
    }
    for (const schedule::Program& p : programs_)
      for (const schedule::Interface::Noise& n : p.interface.noise)
        if (std::find(library_.noise.begin(), library_.noise.end(), n.stream) == library_.noise.end())
          library_.noise.push_back(n.stream);
  }

  const Model::State& state_;
  semantics::Module& module_;
  const semantics::Model& model_;
  const LibraryOptions& options_;
  const Target& target_;
  std::deque<schedule::Program> programs_;
  codegen::Library library_;
  std::string error_;
};

Diagnostic unknown(const char* id, const std::string& text) {
  return embed::plain(Severity::error, id, text);
}

}  // namespace

std::vector<std::string> library_processors() { return codegen::target_names(); }

Result<Library> Model::library(const Arrays& weights, const LibraryOptions& options) const try {
  const std::optional<Target> target = codegen::named_target(options.processor);
  if (!target)
    return Result<Library>::failed(
        {unknown("unknown_processor",
                 "'" + options.processor +
                     "' is no processor known here; native, x86-64-v3 and x86-64-v4 are some "
                     "that are")},
        Outcome::wrong_usage);
  std::set<std::string> shared(options.shared_data.begin(), options.shared_data.end());
  for (const std::string& name : shared)
    if (std::none_of(state->model.data.begin(), state->model.data.end(),
                     [&](const semantics::DataDecl& d) { return d.name == name; }))
      return Result<Library>::failed(
          {unknown("unknown_datum", "model " + this->name() + " has no datum '" + name + "' to share")},
          Outcome::wrong_usage);
  for (const semantics::DataDecl& d : state->model.data)
    if (d.constant) shared.insert(d.name);
  const Result<std::vector<double>> values = embed::parameter_values(state->model, weights);
  if (!values) return Result<Library>::failed(values.diagnostics());
  std::vector<Diagnostic> diagnostics;
  const std::lock_guard guard(state->mutex);
  const std::shared_ptr<State::Variant> variant = state->variant(shared, diagnostics);
  if (!variant) return Result<Library>::failed(diagnostics);
  const std::lock_guard graph_guard(state->program->mutex);
  LibraryOptions all = options;
  all.shared_data.assign(shared.begin(), shared.end());
  Made made = embed::on_deep_stack(
      [&] { return Maker(*state, *variant->module, variant->model, all, *target).make(*values); });
  if (!made.error.empty())
    return Result<Library>::failed({embed::plain(Severity::error, "cannot_compile", made.error)});
  return Result<Library>(std::move(made.library), diagnostics);
} catch (...) {
  return Result<Library>::failed({embed::caught()});
}

}  // namespace nodec
