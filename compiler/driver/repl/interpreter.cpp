// Statements: declared, or evaluated and shown.
#include "compiler/driver/repl/interpreter.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <utility>

#include "compiler/driver/repl/commands.hpp"
#include "compiler/driver/repl/isolated.hpp"
#include "compiler/driver/repl/values.hpp"
#include "compiler/embed/assemble.hpp"
#include "compiler/syntax/parser.hpp"
#include "runtime/files.hpp"

namespace nodec::driver {
namespace {

using syntax::DeclPtr;

std::vector<Diagnostic> converted(const source::Files& files, const source::Diagnostics& diagnostics) {
  std::vector<Diagnostic> list;
  for (const source::Diagnostic& d : diagnostics.all()) list.push_back(embed::convert(files, d));
  return list;
}

std::set<std::string> names_of(const Session& session, const std::vector<DeclPtr>& added) {
  std::set<std::string> names;
  for (const Entry& entry : session.entries())
    if (std::find(added.begin(), added.end(), entry.decl) != added.end())
      names.insert(entry.names.begin(), entry.names.end());
  return names;
}

std::string list_text(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < names.size(); ++i) text += (i ? ", " : "") + names[i];
  return text;
}

syntax::ExprPtr name_expression(const syntax::Name& name) {
  return std::make_shared<const syntax::Expr>(syntax::Expr{syntax::NameRef{name.text, 0}, name.span});
}

}  // namespace

std::string Input::placed() const { return std::string(static_cast<size_t>(line - 1), '\n') + text; }

std::string Input::placed(size_t begin, size_t end) const {
  std::string out = placed();
  const size_t skipped = static_cast<size_t>(line - 1);
  for (size_t i = 0; i < text.size(); ++i)
    if ((i < begin || i >= end) && text[i] != '\n') out[skipped + i] = ' ';
  return out;
}

Interpreter::Interpreter(const Arguments& arguments, bool interactive)
    : interactive(interactive), first_(arguments) {
  workspace.arguments = arguments;
}

void Interpreter::reset() {
  workspace = Workspace();
  workspace.arguments = first_;
}

void Interpreter::error(const std::string& text) const {
  // At a terminal the input stands right above.
  const bool placed = input_ && !input_->source.empty() && (!interactive || depth_ > 0);
  if (placed) std::cerr << input_->source << ":" << input_->line << ": ";
  std::cerr << "error: " << text << "\n";
}

void Interpreter::note(const std::string& text) const {
  if (interactive && depth_ == 0 && !workspace.arguments.quiet) std::cout << text << "\n";
}

void Interpreter::tell(const std::vector<Diagnostic>& diagnostics) const {
  const int last =
      input_->line + static_cast<int>(std::count(input_->text.begin(), input_->text.end(), '\n'));
  for (const Diagnostic& d : diagnostics) {
    // Names that nothing reads yet will be read, and what other inputs are warned of was told then.
    const bool here =
        d.file.empty() || (d.file == input_->source && input_->line <= d.line && d.line <= last);
    const bool wanted = here && d.id != "unused_name" && !workspace.arguments.quiet;
    if (d.severity != Severity::error && !wanted) continue;
    // Who speaks is no question here.
    constexpr std::string_view who = "nodec: ";
    std::cerr << (d.rendered.starts_with(who) ? d.rendered.substr(who.size()) : d.rendered);
  }
}

syntax::ExprPtr Interpreter::expression(Workspace& with, Stretch stretch) const {
  const int32_t file = with.session.add_text(input_->source, input_->placed(stretch.begin, stretch.end));
  source::Diagnostics diagnostics;
  syntax::ExprPtr parsed = syntax::parse_expression(with.session.files(), file, diagnostics);
  tell(converted(with.session.files(), diagnostics));
  return diagnostics.has_errors() ? nullptr : parsed;
}

void Interpreter::run(const Input& input) {
  const Input* outer = input_;
  input_ = &input;
  const size_t first = input.text.find_first_not_of(" \t\r\n");
  if (first != std::string::npos) {
    if (input.text[first] == ':')
      run_command(*this);
    else
      statements(input);
  }
  input_ = outer;
  std::cout.flush();
}

void Interpreter::statements(const Input& input) {
  Session session = workspace.session;
  const int32_t file = session.add_text(input.source, input.placed());
  source::Diagnostics diagnostics;
  const std::vector<syntax::Statement> list = syntax::parse_statements(session.files(), file, diagnostics);
  tell(converted(session.files(), diagnostics));
  if (diagnostics.has_errors()) return;
  bool adopted = false;
  for (const syntax::Statement& statement : list) {
    if (statement.expression) {
      Workspace with = workspace;
      if (!adopted) with.session = session;
      show(with, statement.expression);
      continue;
    }
    Session next = adopted ? workspace.session : session;
    source::Diagnostics misplaced;
    const bool good = next.add(statement.declarations, misplaced);
    tell(converted(next.files(), misplaced));
    if (!good || !adopt(std::move(next), statement.declarations)) return;
    adopted = true;
  }
}

bool Interpreter::check(const Session& next, const std::set<std::string>& names, Diagnostic* first) const {
  Workspace with = workspace;
  with.session = next;
  const auto said = [&](const std::vector<Diagnostic>& diagnostics) {
    if (!first) return tell(diagnostics);
    const auto error = std::find_if(diagnostics.begin(), diagnostics.end(),
                                    [](const Diagnostic& d) { return d.severity == Severity::error; });
    if (error != diagnostics.end()) *first = *error;
  };
  // Data that lets read are found when they are evaluated; what they are is known now.
  std::vector<syntax::ExprPtr> lets;
  std::set<std::string> others;
  for (const std::string& name : names) {
    const Entry* entry = next.find(name);
    if (!entry) continue;
    if (auto* let = std::get_if<syntax::Let>(&entry->decl->node))
      lets.push_back(name_expression({name, let->target.span}));
    else
      others.insert(name);
  }
  const Program program = program_of(with, others);
  said(program.diagnostics());
  if (!program.ok()) {
    if (!first) hint_at_lets(next, program.diagnostics());
    return false;
  }
  for (const std::string& model : program.models()) said(program.model(model).diagnostics());
  if (lets.empty()) return true;
  const Result<Ready> ready = prepare(with, lets);
  said(ready.diagnostics());
  if (ready && !first) {
    const std::vector<std::string> types = types_of(*ready);
    for (size_t i = 0; i < lets.size(); ++i)
      note(std::get<syntax::NameRef>(lets[i]->node).text + ": " + types[i]);
  }
  return static_cast<bool>(ready);
}

void Interpreter::hint_at_lets(const Session& session, const std::vector<Diagnostic>& diagnostics) const {
  for (const Entry& entry : session.entries())
    for (const std::string& name : entry.names)
      if (entry.is_let() && std::any_of(diagnostics.begin(), diagnostics.end(), [&](const Diagnostic& d) {
            return d.id == "unknown_name" && d.text.ends_with("'" + name + "'");
          }))
        std::cerr << "note: '" << name
                  << "' is a let, which expressions read; what fields, models and functions read is a "
                  << "'const " << name << " = …' or a 'param'\n";
}

std::string Interpreter::settle(Session& next, std::vector<size_t> dependents) const {
  std::vector<std::string> mended;
  for (size_t i = 0; i < next.entries().size(); ++i)
    if (next.entries()[i].broken && !std::count(dependents.begin(), dependents.end(), i))
      dependents.push_back(i);
  // One look at all of them, and at each only where that fails.
  std::set<std::string> all;
  for (const size_t i : dependents)
    all.insert(next.entries()[i].names.begin(), next.entries()[i].names.end());
  Diagnostic why;
  const bool good = dependents.empty() || check(next, all, &why);
  std::string broken;
  for (const size_t i : dependents) {
    const Entry& entry = next.entries()[i];
    const bool fits = good || check(next, {entry.names.begin(), entry.names.end()}, &why);
    if (fits == !entry.broken) continue;
    const std::string name = list_text(entry.names);
    if (fits)
      mended.push_back(name);
    else
      broken +=
          "warning: '" + name + "' does not fit any more" +
          (why.text.empty() ? "" : ": " + why.text + " (" + why.file + ":" + std::to_string(why.line) + ")") +
          "\n";
    next.mark_broken(i, !fits);
  }
  if (!mended.empty()) note("fits again: " + list_text(mended));
  return broken;
}

bool Interpreter::adopt(Session next, const std::vector<DeclPtr>& added) {
  const std::set<std::string> names = names_of(next, added);
  std::vector<std::string> replaced;
  for (const std::string& name : names)
    if (workspace.session.find(name)) replaced.push_back(name);
  if (!check(next, names)) return false;
  const std::string said = settle(next, next.dependents(names));
  const Workspace before = workspace;
  workspace.session = std::move(next);
  if (!before.parameters.empty()) keep_parameters(before, names);
  if (!replaced.empty()) note("replaced " + list_text(replaced));
  std::cerr << said;
  return true;
}

void Interpreter::drop(const std::set<std::string>& names) {
  Session next = workspace.session;
  std::vector<std::string> dependents;
  for (const size_t i : next.dependents(names)) dependents.push_back(next.entries()[i].names.front());
  for (const std::string& name : names) next.remove(name);
  std::vector<size_t> left;
  for (size_t i = 0; i < next.entries().size(); ++i)
    for (const std::string& name : dependents)
      if (std::count(next.entries()[i].names.begin(), next.entries()[i].names.end(), name)) left.push_back(i);
  const std::string said = settle(next, left);
  workspace.session = std::move(next);
  std::cerr << said;
}

void Interpreter::keep_parameters(const Workspace& before, const std::set<std::string>& declared) {
  const auto initial = [](const std::vector<SessionParameter>& list, const std::string& path) {
    const auto found =
        std::find_if(list.begin(), list.end(), [&](const SessionParameter& p) { return p.path == path; });
    return found == list.end() ? nullptr : &found->initial;
  };
  const std::vector<SessionParameter> old = parameters_of(before), now = parameters_of(workspace);
  std::vector<std::string> lost;
  for (auto at = workspace.parameters.begin(); at != workspace.parameters.end();) {
    const Array *was = initial(old, at->first), *is = initial(now, at->first);
    // What starts as it did before is the same parameter.
    const bool same = was && is && was->shape == is->shape && was->values == is->values;
    const bool stays = declared.count(at->first) == 0 && (same || (!was && !is));
    if (!stays) lost.push_back(at->first);
    at = stays ? std::next(at) : workspace.parameters.erase(at);
  }
  if (!lost.empty()) note("parameters that start anew: " + list_text(lost));
}

void Interpreter::show(const Workspace& with, const syntax::ExprPtr& expression) const {
  if (auto* name = std::get_if<syntax::NameRef>(&expression->node); name && name->primes == 0) {
    const Entry* entry = with.session.find(name->text);
    static const std::set<std::string> values = {"let", "const", "param", "dim"};
    if (entry && !values.count(entry->keyword())) {
      std::cout << entry->text << "\n";
      return;
    }
  }
  const Isolated run = run_isolated([&] {
    const Result<Ready> ready = prepare(with, {expression});
    tell(ready.diagnostics());
    if (!ready) return std::string();
    const Result<std::vector<std::vector<Value>>> values = evaluate(*ready);
    tell(values.diagnostics());
    if (!values) return std::string();
    const std::vector<Value>& parts = values->front();
    if (parts.size() > 1) std::cout << types_of(*ready)[0] << " =\n";
    for (size_t i = 0; i < parts.size(); ++i)
      std::cout << (parts.size() > 1 ? "  " + std::to_string(i) + ": " : "")
                << value_text(parts[i].array, parts[i].type, with.digits) << "\n";
    return std::string();
  });
  report_end(*this, run);
}

bool report_end(const Interpreter& interpreter, const Isolated& run) {
  if (run.end == Isolated::End::interrupted) std::cerr << "interrupted\n";
  if (run.end == Isolated::End::failed && !run.why.empty()) interpreter.error(run.why);
  return run.end == Isolated::End::done;
}

bool Interpreter::load(const std::string& file) {
  std::error_code none;
  const Input whole{"", "", 1};
  const Input* outer = input_;
  if (!input_) input_ = &whole;
  const auto leave = [&](bool good) {
    input_ = outer;
    return good;
  };
  constexpr int deepest = 8;
  if (depth_ >= deepest) {
    error("'" + file + "' is loaded by itself");
    return leave(false);
  }
  if (std::filesystem::exists(file, none) && !std::filesystem::is_regular_file(file, none)) {
    error("cannot read '" + file + "': it is not a regular file");
    return leave(false);
  }
  const runtime::Result<std::vector<std::byte>> bytes = runtime::read_bytes(file);
  if (!bytes) {
    error(bytes.errors().front().message());
    return leave(false);
  }
  const std::string text(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  const Input read{file, text, 1};
  input_ = &read;
  Session next = workspace.session;
  const int32_t id = next.add_text(file, text);
  source::Diagnostics diagnostics;
  const auto tree = syntax::parse(next.files(), id, diagnostics);
  bool good = !diagnostics.has_errors() && next.add(tree->declarations, diagnostics);
  tell(converted(next.files(), diagnostics));
  ++depth_;
  good = good && adopt(std::move(next), tree->declarations);
  if (good) run_directives(file, text);
  --depth_;
  return leave(good);
}

void Interpreter::run_directives(const std::string& file, const std::string& text) {
  static const std::set<std::string> allowed = {"data", "set", "params"};
  const std::string outer = std::exchange(folder_, std::filesystem::path(file).parent_path().string());
  Input directive{file, "", 0};
  int line = 0;
  for (size_t begin = 0; begin < text.size(); ++line) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string own = text.substr(begin, end - begin);
    begin = end + 1;
    if (own.compare(0, 2, "#:") != 0) continue;
    // The mark is blank, so that columns stay.
    own.replace(0, 2, "  ");
    if (directive.text.empty()) directive.line = line + 1;
    directive.text += (directive.text.empty() ? "" : "\n") + own;
    if (syntax::ending(directive.text) == syntax::Ending::open) continue;
    const size_t colon = directive.text.find_first_not_of(' ');
    const bool command = colon != std::string::npos && directive.text[colon] == ':';
    const size_t word_end = directive.text.find_first_of(" \t", colon);
    if (command && !allowed.count(directive.text.substr(colon + 1, word_end - colon - 1))) {
      const Input* loading = std::exchange(input_, &directive);
      error("a file may set, name data and parameters, no more");
      input_ = loading;
    } else {
      run(directive);
    }
    directive.text.clear();
  }
  folder_ = outer;
}

std::string Interpreter::resolved(const std::string& path) const {
  const std::filesystem::path folder(folder_), file(path);
  return folder_.empty() || file.is_absolute() ? path : (folder / file).lexically_normal().string();
}

std::vector<SessionParameter> parameters_of(const Workspace& workspace) {
  std::vector<bool> chosen = workspace.session.whole();
  for (size_t i = 0; i < chosen.size(); ++i)
    chosen[i] = chosen[i] && !workspace.session.entries()[i].is_let();
  const Model all = embed::all_parameters(program_of(workspace, chosen));
  std::vector<SessionParameter> list;
  const Result<Arrays> initial = all.initial_weights();
  for (const Description& d : all.parameters())
    if (initial) list.push_back({d.name, d.type, initial->at(d.name)});
  return list;
}

}  // namespace nodec::driver
