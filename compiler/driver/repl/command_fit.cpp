// :fit
#include <csignal>
#include <cstdio>
#include <iostream>

#include "compiler/driver/repl/bytes.hpp"
#include "compiler/driver/repl/commands.hpp"
#include "compiler/driver/repl/isolated.hpp"
#include "compiler/driver/reporter.hpp"
#include "compiler/embed/state.hpp"
#include "compiler/syntax/parser.hpp"

namespace nodec::driver {
namespace {

volatile std::sig_atomic_t stop_asked = 0;
void ask_to_stop(int) { stop_asked = 1; }

std::string path_of(const syntax::Option& option) {
  std::string path;
  for (const syntax::Name& name : option.path) path += (path.empty() ? "" : ".") + name.text;
  return path;
}

// The options, read as those of a `train` block at their place in the input; nothing after printing errors.
std::optional<std::vector<syntax::Option>> read_options(const Interpreter& interpreter, Session& session,
                                                        Stretch stretch) {
  if (stretch.empty()) return std::vector<syntax::Option>();
  constexpr std::string_view opening = "train {";
  const Input& input = interpreter.input();
  std::string text = input.placed(stretch.begin, stretch.end);
  // Before them there is room for the block's beginning: on the line before, or in the place of the command.
  if (input.line > 1)
    text.insert(static_cast<size_t>(input.line - 2), opening);
  else if (stretch.begin >= opening.size())
    text.replace(0, opening.size(), opening);
  else
    text.insert(0, opening);
  const int32_t file = session.add_text(input.source, text + "\n}");
  source::Diagnostics diagnostics;
  const auto tree = syntax::parse(session.files(), file, diagnostics);
  std::vector<Diagnostic> said;
  for (const source::Diagnostic& d : diagnostics.all()) said.push_back(embed::convert(session.files(), d));
  interpreter.tell(said);
  if (diagnostics.has_errors() || tree->declarations.empty()) return {};
  return std::get<syntax::Train>(tree->declarations[0]->node).options;
}

// The model with options in the place of its own.
syntax::DeclPtr with_options(const syntax::Decl& decl, const std::vector<syntax::Option>& options) {
  syntax::ModelDecl model = std::get<syntax::ModelDecl>(decl.node);
  syntax::Train train;
  source::Span span = decl.span;
  std::set<std::string> given;
  for (const syntax::Option& option : options) given.insert(path_of(option));
  // The one says how long in the place of the other.
  if (given.count("steps")) given.insert("epochs");
  if (given.count("epochs")) given.insert("steps");
  std::erase_if(model.members, [&](const syntax::DeclPtr& member) {
    auto* own = std::get_if<syntax::Train>(&member->node);
    if (!own) return false;
    span = member->span;
    for (const syntax::Option& option : own->options)
      if (!given.count(path_of(option))) train.options.push_back(option);
    return true;
  });
  train.options.insert(train.options.end(), options.begin(), options.end());
  if (!train.options.empty())
    model.members.push_back(std::make_shared<const syntax::Decl>(syntax::Decl{std::move(train), span}));
  return std::make_shared<const syntax::Decl>(syntax::Decl{std::move(model), decl.span});
}

// Runs in the child.
std::string train_here(const Interpreter& interpreter, const Workspace& with,
                       const std::vector<std::string>& names) {
  struct sigaction action {};
  action.sa_handler = ask_to_stop;
  ::sigaction(SIGINT, &action, nullptr);
  const Program program = program_of(with, std::set<std::string>(names.begin(), names.end()));
  interpreter.tell(program.diagnostics());
  if (!program.ok()) return "";
  std::vector<TrainPart> parts;
  Arrays weights;
  for (const std::string& name : names) {
    const Result<Model> model = program.model(name);
    interpreter.tell(model.diagnostics());
    if (!model) return "";
    const Result<Arrays> own = weights_of(with, *model);
    interpreter.tell(own.diagnostics());
    const Result<Dataset> data = data_of(with, *model);
    interpreter.tell(data.diagnostics());
    if (!own || !data) return "";
    weights.insert(own->begin(), own->end());
    parts.push_back({*model, *data, {}});
  }
  Reporter reporter(with.arguments.quiet);
  TrainOptions options;
  options.progress = [&](const TrainProgress& p) { reporter.show(p); };
  options.cancelled = [] { return stop_asked != 0; };
  const Result<Training> training = train(parts, weights, options);
  reporter.finish();
  interpreter.tell(training.diagnostics());
  if (!training) return "";
  if (!training->stopped.empty()) {
    report(training->failures);
    std::cerr << "error: " << training->stopped << "\n";
    return "";
  }
  std::printf("%s%lld steps in %.1f s: mean loss %.6g over the first twentieth, %.6g over the last\n",
              training->cancelled ? "interrupted; the parameters are those after " : "",
              static_cast<long long>(training->steps), training->seconds, training->first_loss,
              training->last_loss);
  if (!training->finished.empty()) std::printf("finished: %s\n", training->finished.c_str());
  return to_bytes(training->weights);
}

}  // namespace

void fit_command(Interpreter& interpreter, Stretch arguments) {
  Workspace with = interpreter.workspace;
  const std::string text = interpreter.text(arguments);
  std::vector<std::string> names;
  size_t options_begin = 0;
  // `M`, `M,N`, unless it is an option's name.
  const size_t word_end = std::min(text.find_first_of(" \t\n"), text.size());
  const size_t next = std::min(text.find_first_not_of(" \t\n", word_end), text.size());
  const std::string word = text.substr(0, word_end);
  if (!word.empty() && word.find('=') == std::string::npos && (next >= text.size() || text[next] != '=')) {
    options_begin = next;
    for (size_t begin = 0; begin <= word.size();) {
      const size_t end = std::min(word.find(',', begin), word.size());
      if (end > begin) names.push_back(word.substr(begin, end - begin));
      begin = end + 1;
    }
  } else {
    for (const Entry& entry : with.session.entries())
      if (names.empty() && std::string(entry.keyword()) == "model") names = entry.names;
    if (names.empty()) return interpreter.error("there is no model to fit");
  }
  const std::optional<std::vector<syntax::Option>> options =
      read_options(interpreter, with.session, {arguments.begin + options_begin, arguments.end});
  if (!options) return;
  for (const std::string& name : names) {
    const Entry* entry = with.session.find(name);
    if (!entry || std::string(entry->keyword()) != "model") {
      std::vector<std::string> known;
      for (const Entry& e : with.session.entries())
        if (std::string(e.keyword()) == "model") known.push_back(e.names[0]);
      const std::string near = source::nearest(name, known);
      return interpreter.error("there is no model '" + name + "'" +
                               (near.empty() ? "" : "; did you mean '" + near + "'?"));
    }
    Entry changed = *entry;
    changed.decl = with_options(*entry->decl, *options);
    with.session.put(std::move(changed));
  }
  const Isolated run = run_isolated([&] { return train_here(interpreter, with, names); });
  if (!report_end(interpreter, run)) return;
  for (auto& [path, array] : from_bytes(run.result))
    interpreter.workspace.parameters[path] = std::move(array);
}

}  // namespace nodec::driver
