// Models of a session, made ready to run.
#include "compiler/driver/repl/workspace.hpp"

#include <algorithm>

#include "compiler/embed/assemble.hpp"
#include "compiler/syntax/parser.hpp"

namespace nodec::driver {
namespace {

using syntax::Decl;
using syntax::DeclPtr;

// Results are named by the number of their expression: "0", or "0.1" for a part of a tuple.
DeclPtr result(const syntax::ExprPtr& expression, size_t number) {
  return std::make_shared<const Decl>(
      Decl{syntax::Output{{std::to_string(number), expression->span}, expression}, expression->span});
}

// What the expressions, and the lets that they need, read from the data file.
std::set<std::string> data_read(const Workspace& workspace, const std::vector<bool>& chosen,
                                const std::vector<syntax::ExprPtr>& expressions) {
  std::set<std::string> read;
  for (const syntax::ExprPtr& expression : expressions) read.merge(reads(expression));
  const std::vector<Entry>& entries = workspace.session.entries();
  for (size_t i = 0; i < entries.size(); ++i)
    if (chosen[i] && entries[i].is_let()) read.merge(entries[i].reads());
  std::set<std::string> names;
  for (const std::string& name : read)
    if (!workspace.session.find(name) && workspace.data.find(name)) names.insert(name);
  return names;
}

std::vector<DeclPtr> data_declarations(const DataSource& data, const std::set<std::string>& names,
                                       source::Files& files) {
  std::string text;
  for (const std::string& name : names) text += declaration(*data.find(name)) + "\n";
  if (text.empty()) return {};
  source::Diagnostics ignored;
  return syntax::parse(files, files.add("data", text), ignored)->declarations;
}

bool same_place(const Diagnostic& a, const Diagnostic& b) {
  return a.id == b.id && a.file == b.file && a.line == b.line && a.column == b.column;
}

Program assembled(const Workspace& workspace, const source::Files& files, const std::vector<bool>& chosen,
                  const std::vector<DeclPtr>& before, const std::vector<DeclPtr>& behind) {
  // Options were checked when they were set.
  const Options options = options_of(workspace.arguments).value_or(Options());
  const Session& session = workspace.session;
  Program program = embed::assemble(files, session.program(chosen, before, behind), options, prompt_model);
  const std::vector<Diagnostic>& found = program.diagnostics();
  if (program.ok() ||
      std::none_of(found.begin(), found.end(), [](const Diagnostic& d) { return d.id == "unknown_name"; }))
    return program;
  // What a misspelt name may have meant is only known beside all names.
  std::vector<bool> all = session.whole();
  for (size_t i = 0; i < all.size(); ++i) all[i] = all[i] || chosen[i];
  const Program whole = embed::assemble(files, session.program(all, before, behind), options, prompt_model);
  auto told = std::make_shared<Program::State>();
  told->options = options;
  for (const Diagnostic& d : found) {
    const auto better = std::find_if(whole.diagnostics().begin(), whole.diagnostics().end(),
                                     [&](const Diagnostic& other) { return same_place(d, other); });
    told->diagnostics.push_back(better == whole.diagnostics().end() ? d : *better);
  }
  return Program{told};
}

template <class T>
Result<T> failed(const std::vector<Diagnostic>& diagnostics, Outcome outcome = Outcome::wrong_input) {
  return Result<T>::failed(diagnostics, outcome);
}

void append(std::vector<Diagnostic>& to, const std::vector<Diagnostic>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

}  // namespace

Program program_of(const Workspace& workspace, const std::vector<bool>& chosen) {
  return assembled(workspace, workspace.session.files(), chosen, {}, {});
}

Program program_of(const Workspace& workspace, const std::set<std::string>& names) {
  return program_of(workspace, workspace.session.needed(names));
}

Result<Arrays> weights_of(const Workspace& workspace, const Model& model) {
  Result<Arrays> weights = model.initial_weights();
  if (!weights) return weights;
  for (auto& [path, array] : *weights) {
    const auto known = workspace.parameters.find(path);
    if (known != workspace.parameters.end() && known->second.shape == array.shape) array = known->second;
  }
  return weights;
}

Result<Ready> prepare(const Workspace& workspace, const std::vector<syntax::ExprPtr>& expressions) {
  std::set<std::string> read;
  std::vector<DeclPtr> results;
  for (const syntax::ExprPtr& expression : expressions) {
    read.merge(reads(expression));
    results.push_back(result(expression, results.size()));
  }
  const std::vector<bool> chosen = workspace.session.needed(read);
  const std::set<std::string> names = data_read(workspace, chosen, expressions);
  source::Files files = workspace.session.files();
  const std::vector<DeclPtr> data = data_declarations(workspace.data, names, files);
  const Program program = assembled(workspace, files, chosen, data, results);
  if (!program.ok()) return failed<Ready>(program.diagnostics());
  const Result<Model> model = program.model(prompt_model);
  if (!model) return failed<Ready>(model.diagnostics(), model.outcome());
  std::vector<Diagnostic> said = program.diagnostics();
  append(said, model.diagnostics());
  const Result<Arrays> weights = weights_of(workspace, *model);
  if (!weights) return failed<Ready>(weights.diagnostics(), weights.outcome());
  const Result<Arrays> arrays = read_named(workspace.data, names);
  if (!arrays) return failed<Ready>(arrays.diagnostics(), arrays.outcome());
  // Only those that the results depend on are declared to be data of the model.
  Arrays wanted;
  for (const Description& d : model->data())
    if (const auto found = arrays->find(d.name); found != arrays->end()) wanted.insert(*found);
  const Result<Dataset> bound = model->bind(wanted);
  if (!bound) return failed<Ready>(bound.diagnostics(), bound.outcome());
  return Result<Ready>(Ready{program, *model, *bound, *weights, expressions.size()}, std::move(said));
}

Result<std::vector<std::vector<Value>>> evaluate(const Ready& ready) {
  const Result<Evaluation> run = ready.model.evaluate(ready.data, ready.weights);
  if (!run) return failed<std::vector<std::vector<Value>>>(run.diagnostics(), run.outcome());
  std::vector<Diagnostic> said = run.diagnostics();
  for (const SampleFailure& failure : run->failures) {
    Diagnostic d;
    d.id = "numerical_failure";
    d.text = failure.text;
    d.rendered = failure.text + "\n";
    said.push_back(d);
  }
  if (!run->failures.empty())
    return failed<std::vector<std::vector<Value>>>(said, Outcome::numerical_failure);
  std::vector<std::vector<Value>> values(ready.expressions);
  for (const Description& d : ready.model.outputs()) {
    Value value{d.type, run->outputs.at(d.name)};
    values[std::stoul(d.name)].push_back(std::move(value));
  }
  return Result<std::vector<std::vector<Value>>>(std::move(values), std::move(said));
}

std::vector<std::string> types_of(const Ready& ready) {
  std::vector<std::string> types(ready.expressions);
  std::vector<bool> tuple(ready.expressions, false);
  for (const Description& d : ready.model.outputs()) {
    const size_t k = std::stoul(d.name);
    types[k] += (types[k].empty() ? "" : ", ") + d.type;
    tuple[k] = tuple[k] || d.name.find('.') != std::string::npos;
  }
  for (size_t k = 0; k < types.size(); ++k)
    if (tuple[k]) types[k] = "(" + types[k] + ")";
  return types;
}

Result<Dataset> data_of(const Workspace& workspace, const Model& model) {
  if (workspace.data.file.empty() && !model.data().empty()) {
    std::string names;
    for (const Description& d : model.data()) names += (names.empty() ? "" : ", ") + d.name;
    return failed<Dataset>(
        {embed::plain(Severity::error, "no_data",
                      "model " + model.name() + " reads data (" + names + "); name a file by ':data FILE'")});
  }
  return model.read(model.data().empty() ? std::string() : workspace.data.file, workspace.data.columns,
                    workspace.arguments.samples);
}

}  // namespace nodec::driver
