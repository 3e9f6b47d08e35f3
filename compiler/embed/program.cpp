// Text -> a checked program: parse and elaborate, diagnostics as values.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <new>
#include <stdexcept>

#include "compiler/embed/assemble.hpp"
#include "compiler/embed/deep_stack.hpp"
#include "compiler/embed/state.hpp"
#include "compiler/graph/limit.hpp"
#include "compiler/syntax/format.hpp"
#include "compiler/syntax/parser.hpp"

namespace nodec {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

constexpr size_t largest_text = size_t{64} << 20;

std::optional<std::string> read_text(const std::string& path, std::string& problem) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    problem = "it is a directory";
    return {};
  }
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    problem = std::filesystem::exists(path, error) ? "it cannot be opened" : "no such file";
    return {};
  }
  // Devices have no end.
  std::string text, chunk(size_t{1} << 16, '\0');
  while (text.size() <= largest_text &&
         (in.read(chunk.data(), static_cast<std::streamsize>(chunk.size())) || in.gcount() > 0))
    text.append(chunk, 0, static_cast<size_t>(in.gcount()));
  if (text.size() > largest_text) {
    problem = "it has more than " + std::to_string(largest_text) + " bytes";
    return {};
  }
  return text;
}

semantics::Options elaboration_options(const Options& options) {
  semantics::Options out;
  out.dims = options.dims;
  out.consts = options.constants;
  out.method = options.method;
  out.adjoint = options.adjoint;
  out.rtol = options.rtol;
  out.atol = options.atol;
  out.double_precision = options.precision == Precision::f64;
  out.remarks = options.remarks;
  return out;
}

std::optional<std::string> read_used(const std::string& path) {
  // A stranger's model names files only, nothing that waits or never ends.
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return {};
  std::string problem;
  return read_text(path, problem);
}

void append(const source::Files& files, const source::Diagnostics& from, std::vector<Diagnostic>& to) {
  for (const source::Diagnostic& d : from.all()) to.push_back(embed::convert(files, d));
}

// Sorts what was found: what models say is said to who uses them.
void keep(const source::Diagnostics& diagnostics, Program::State& state) {
  if (diagnostics.has_errors()) state.module = nullptr;
  for (const source::Diagnostic& d : diagnostics.all()) {
    std::vector<Diagnostic>* list = &state.diagnostics;
    if (state.module)
      for (const semantics::Model& m : state.module->models)
        if (d.span.file == m.text.file && m.text.begin <= d.span.begin && d.span.end <= m.text.end)
          list = &state.of_models[m.name];
    list->push_back(embed::convert(state.files, d));
  }
}

std::shared_ptr<Program::State> read_program(const std::string& name, std::optional<std::string> text,
                                             const std::string& problem, const Options& options) {
  auto state = std::make_shared<Program::State>();
  state->options = options;
  source::Diagnostics diagnostics;
  Clock::time_point start = Clock::now();
  if (!text) {
    diagnostics.report(source::Id::cannot_read_file, {}, name, problem);
  } else {
    const int32_t file = state->files.add(name, std::move(*text));
    state->tree = syntax::parse(state->files, file, diagnostics);
    state->stages.push_back({"parse", milliseconds_since(start)});
    start = Clock::now();
    if (diagnostics.has_errors())
      state->tree = nullptr;
    else
      state->module = semantics::elaborate(*state->tree, elaboration_options(options), read_used,
                                           state->files, diagnostics);
    state->stages.push_back({"elaborate", milliseconds_since(start)});
  }
  keep(diagnostics, *state);
  return state;
}

Program make(const std::string& name, std::optional<std::string> text, const std::string& problem,
             const Options& options) try {
  return Program{embed::on_deep_stack([&] { return read_program(name, std::move(text), problem, options); })};
} catch (...) {
  auto state = std::make_shared<Program::State>();
  state->options = options;
  state->diagnostics.push_back(embed::caught());
  return Program{state};
}

Place place_of(const source::Files& files, source::Span span) {
  if (!span.known()) return {};
  const source::Position begin = files.position(span.file, span.begin),
                         end = files.position(span.file, span.end);
  return {files.name(span.file), begin.line, begin.column, end.line, end.column};
}

// Tolerances of the command line that no solve of the model reads.
std::vector<Diagnostic> ignored_tolerances(const semantics::Model& model, const Options& options) {
  std::vector<Diagnostic> list;
  const bool fixed =
      !model.solves.empty() &&
      std::none_of(model.solves.begin(), model.solves.end(), [](const semantics::SolveUse& use) {
        return use.node->as<graph::SolveInfo>().rule == graph::StepRule::adaptive;
      });
  const source::Files none;
  source::Diagnostics found;
  for (const auto& [name, given] : {std::pair{"--rtol", options.rtol}, std::pair{"--atol", options.atol}})
    if (fixed && given)
      found.report(source::Id::option_without_effect, {}, name,
                   "no solve of '" + model.name + "' chooses its steps by an error estimate");
  append(none, found, list);
  return list;
}

}  // namespace

namespace embed {

Diagnostic convert(const source::Files& files, const source::Diagnostic& d) {
  Diagnostic out;
  out.severity = d.severity == source::Severity::error     ? Severity::error
                 : d.severity == source::Severity::warning ? Severity::warning
                                                           : Severity::remark;
  out.id = source::message(d.id).id;
  const Place place = place_of(files, d.span);
  out.file = place.file;
  out.line = place.line;
  out.column = place.column;
  out.end_line = place.end_line;
  out.end_column = place.end_column;
  for (const source::Note& note : d.notes) out.notes.push_back({place_of(files, note.span), note.text});
  for (const source::Fix& fix : d.fixes) out.corrections.push_back({place_of(files, fix.span), fix.text});
  out.text = d.text;
  // As every message without a place begins.
  out.rendered = (d.span.known() ? "" : "nodec: ") + source::render(files, d);
  return out;
}

Diagnostic plain(Severity severity, const std::string& id, const std::string& text) {
  Diagnostic out;
  out.severity = severity;
  out.id = id;
  out.text = text;
  out.rendered = std::string("nodec: ") +
                 (severity == Severity::error     ? "error: "
                  : severity == Severity::warning ? "warning: "
                                                  : "remark: ") +
                 text + "\n";
  return out;
}

Diagnostic caught() {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return plain(Severity::error, "out_of_memory", "not enough memory");
  } catch (const std::length_error&) {
    return plain(Severity::error, "out_of_memory", "not enough memory");
  } catch (const graph::TooManyNodes& e) {
    return plain(
        Severity::error, "expansion_too_large",
        "the program and its derivatives unroll to more than " + std::to_string(e.limit) + " " + e.what);
  } catch (const std::exception& e) {
    return plain(Severity::error, "internal_error", std::string("internal error: ") + e.what());
  } catch (...) {
    return plain(Severity::error, "internal_error", "internal error");
  }
}

}  // namespace embed

Program embed::assemble(source::Files files, std::shared_ptr<const syntax::File> tree, const Options& options,
                        const std::string& any_output) try {
  return Program{on_deep_stack([&] {
    auto state = std::make_shared<Program::State>();
    state->options = options;
    state->any_output = any_output;
    state->files = std::move(files);
    state->tree = std::move(tree);
    semantics::Options with = elaboration_options(options);
    with.any_output = any_output;
    source::Diagnostics diagnostics;
    const Clock::time_point start = Clock::now();
    state->module = semantics::elaborate(*state->tree, with, read_used, state->files, diagnostics);
    state->stages.push_back({"elaborate", milliseconds_since(start)});
    keep(diagnostics, *state);
    return state;
  })};
} catch (...) {
  auto state = std::make_shared<Program::State>();
  state->options = options;
  state->diagnostics.push_back(embed::caught());
  return Program{state};
}

Model embed::all_parameters(const Program& program) {
  auto made = std::make_shared<Model::State>();
  made->program = program.state;
  if (program.ok()) made->model.parameters = program.state->module->parameters;
  return Model{made};
}

Result<std::string> format(const std::string& name, const std::string& text) try {
  source::Files files;
  source::Diagnostics found;
  std::optional<std::string> formatted =
      embed::on_deep_stack([&] { return syntax::format(files, files.add(name, text), found); });
  std::vector<Diagnostic> diagnostics;
  append(files, found, diagnostics);
  if (!formatted) return Result<std::string>::failed(diagnostics);
  return {std::move(*formatted), diagnostics};
} catch (...) {
  return Result<std::string>::failed({embed::caught()});
}

const char* version() { return NODEC_VERSION; }

Program Program::from_file(const std::string& path, const Options& options) {
  std::string problem;
  std::optional<std::string> text = read_text(path, problem);
  return make(path, std::move(text), problem, options);
}

Program Program::from_text(const std::string& name, const std::string& text, const Options& options) {
  return make(name, text, "", options);
}

bool Program::ok() const { return state->module != nullptr; }
const std::vector<Diagnostic>& Program::diagnostics() const { return state->diagnostics; }
const std::vector<TimedStage>& Program::stages() const { return state->stages; }
std::string Program::syntax() const {
  return state->tree ? embed::on_deep_stack([&] { return syntax::print(*state->tree); }) : "";
}

std::vector<std::string> Program::models() const {
  std::vector<std::string> names;
  if (state->module)
    for (const semantics::Model& m : state->module->models) names.push_back(m.name);
  return names;
}

std::vector<std::string> Program::fields() const {
  std::vector<std::string> names;
  if (state->module)
    for (const semantics::Field& f : state->module->fields) names.push_back(f.name);
  return names;
}

Result<Model> Program::model(const std::string& name) const {
  if (!ok()) return Result<Model>::failed(state->diagnostics);
  const std::vector<semantics::Model>& models = state->module->models;
  if (models.empty())
    return Result<Model>::failed({embed::plain(
        Severity::error, "no_model", "the file declares no model; `solve FIELD` integrates a field")});
  for (const semantics::Model& m : models) {
    if (m.name != name && !name.empty()) continue;
    auto made = std::make_shared<Model::State>();
    made->program = state;
    made->model = m;
    std::vector<Diagnostic> list = ignored_tolerances(m, state->options);
    if (const auto own = state->of_models.find(m.name); own != state->of_models.end())
      list.insert(list.begin(), own->second.begin(), own->second.end());
    return Result<Model>(Model{made}, std::move(list));
  }
  std::string list, near = source::nearest(name, this->models());
  for (const semantics::Model& m : models) list += (list.empty() ? "" : ", ") + m.name;
  return Result<Model>::failed({embed::plain(Severity::error, "no_such_model",
                                             "there is no model '" + name + "'" +
                                                 (near.empty() ? "" : "; did you mean '" + near + "'?") +
                                                 " (the file declares " + list + ")")},
                               Outcome::wrong_usage);
}

Result<Model> Program::integrate(const std::string& field, const std::vector<std::string>& given) const try {
  if (!ok()) return Result<Model>::failed(state->diagnostics);
  for (const semantics::Field& f : state->module->fields) {
    if (f.name != field) continue;
    std::set<std::string> known;
    for (const semantics::Variable& v : f.states) known.insert(v.name);
    for (const semantics::Variable& v : f.inputs) known.insert(v.name);
    for (const std::string& name : given)
      if (!known.count(name)) {
        const std::string near = source::nearest(name, {known.begin(), known.end()});
        std::string list;
        for (const std::string& k : known) list += (list.empty() ? "" : ", ") + k;
        return Result<Model>::failed(
            {embed::plain(Severity::error, "no_such_state",
                          "'" + name + "' is neither a state nor an input of field " + field +
                              (near.empty() ? "" : "; did you mean '" + near + "'?") + " (it has " + list +
                              ")")},
            Outcome::wrong_usage);
      }
    source::Diagnostics diagnostics;
    std::vector<Diagnostic> list;
    auto made = std::make_shared<Model::State>();
    made->program = state;
    made->field = field;
    made->given = {given.begin(), given.end()};
    std::optional<semantics::Model> model;
    source::Files with_options = state->files;
    {
      const std::lock_guard lock(state->mutex);
      model = embed::on_deep_stack([&] {
        return semantics::solve_model(*state->module, f, made->given, elaboration_options(state->options),
                                      with_options, diagnostics);
      });
    }
    append(with_options, diagnostics, list);
    if (!model) return Result<Model>::failed(list);
    for (Diagnostic& d : ignored_tolerances(*model, state->options)) list.push_back(std::move(d));
    made->model = *model;
    return Result<Model>(Model{made}, list);
  }
  const std::string near = source::nearest(field, fields());
  std::string list;
  for (const std::string& f : fields()) list += (list.empty() ? "" : ", ") + f;
  return Result<Model>::failed(
      {embed::plain(Severity::error, "no_such_field",
                    "there is no field '" + field + "'" +
                        (near.empty() ? "" : "; did you mean '" + near + "'?") +
                        (list.empty() ? " (the file declares none)" : " (the file declares " + list + ")"))},
      Outcome::wrong_usage);
} catch (...) {
  return Result<Model>::failed({embed::caught()});
}

std::unique_ptr<semantics::Module> Program::State::elaborate(const std::set<std::string>& shared_data,
                                                             std::vector<Diagnostic>& out) const {
  semantics::Options with = elaboration_options(options);
  with.shared_data = shared_data;
  with.any_output = any_output;
  source::Files copy = files;
  source::Diagnostics found;
  std::unique_ptr<semantics::Module> again =
      embed::on_deep_stack([&] { return semantics::elaborate(*tree, with, read_used, copy, found); });
  if (found.has_errors() || !again) {
    append(copy, found, out);
    return nullptr;
  }
  return again;
}

}  // namespace nodec
