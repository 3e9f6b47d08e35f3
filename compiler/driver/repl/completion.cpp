// By what stands before the word: a command and its kind of argument, a method's or an optimizer's options, a
// field's states, or else every name there is.
#include "compiler/driver/repl/completion.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

#include "compiler/driver/repl/commands.hpp"
#include "compiler/semantics/module.hpp"
#include "compiler/semantics/vocabulary.hpp"
#include "compiler/syntax/statements.hpp"

namespace nodec::driver {
namespace {

using Words = std::set<std::string>;

bool of_a_word(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || std::isalnum(byte) || c == '_';
}

void add_all(Words& words, const std::vector<std::string>& list) { words.insert(list.begin(), list.end()); }

const std::vector<std::string>& stages() {
  static const std::vector<std::string> list = {"ast", "graph", "adjoint", "tile", "llvm", "asm"};
  return list;
}

void add_names(Words& words, const Session& session, std::string_view keyword = {}) {
  for (const Entry& entry : session.entries())
    if (keyword.empty() || keyword == entry.keyword()) add_all(words, entry.names);
}

// Names of all kinds, and the words of the language.
void add_everything(Words& words, const Workspace& workspace) {
  add_names(words, workspace.session);
  for (const Entry& entry : workspace.session.entries())
    if (auto* use = std::get_if<syntax::Use>(&entry.decl->node); use && use->stdlib && !use->alias)
      add_all(words, semantics::stdlib_names(use->path));
  for (const DataSource::Named& array : workspace.data.arrays) words.insert(array.name);
  add_all(words, semantics::function_names());
  for (const char* word :
       {"adjoint", "at",      "by",    "const", "dim",   "else",  "field", "fn",     "fold",
        "for",     "from",    "if",    "in",    "inf",   "layer", "let",   "loss",   "metric",
        "model",   "output",  "param", "pi",    "scan",  "solve", "state", "input",  "data",
        "sample",  "tableau", "then",  "to",    "train", "use",   "with",  "logdet", "real"})
    words.insert(word);
}

// States and inputs, as `z = `.
void add_members(Words& words, const Session& session, const std::string& name) {
  const Entry* entry = session.find(name);
  auto* field = entry ? std::get_if<syntax::FieldDecl>(&entry->decl->node) : nullptr;
  if (!field) return;
  for (const syntax::DeclPtr& member : field->members) {
    if (auto* state = std::get_if<syntax::StateDecl>(&member->node)) words.insert(state->name.text + " = ");
    if (auto* input = std::get_if<syntax::InputDecl>(&member->node)) words.insert(input->name.text + " = ");
    if (auto* equation = std::get_if<syntax::Equation>(&member->node); equation && equation->order == 2)
      words.insert(equation->state.text + "' = ");
  }
}

void add_equals(Words& words, const std::vector<std::string>& options) {
  for (const std::string& option : options) words.insert(option + " = ");
}

// The call that the end of a text stands in: its name, and the word before that.
struct Call {
  std::string name, before;
};
Call open_call(std::string_view text) {
  const std::vector<syntax::Lexeme> list = syntax::lexemes(text);
  const auto word = [&](size_t i) {
    return std::string(text.substr(list[i].begin, list[i].end - list[i].begin));
  };
  int depth = 0;
  for (size_t i = list.size(); i-- > 0;) {
    const std::string own = word(i);
    if (own == ")" || own == "]" || own == "}") ++depth;
    if (own != "(" && own != "[" && own != "{") continue;
    if (depth-- > 0) continue;
    if (own != "(" || i == 0) return {own == "{" && i > 0 ? word(i - 1) : "", ""};
    return {word(i - 1), i > 1 ? word(i - 2) : ""};
  }
  return {};
}

// Folders end in '/'.
std::vector<std::string> files_that_begin(const std::string& typed) {
  const size_t slash = typed.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : typed.substr(0, slash + 1);
  const std::string start = typed.substr(folder.size());
  std::vector<std::string> list;
  std::error_code error;
  std::filesystem::directory_iterator at(folder.empty() ? "." : folder, error), end;
  for (; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (!name.starts_with(start) || (name.starts_with(".") && start.empty())) continue;
    std::error_code none;
    list.push_back(folder + name + (at->is_directory(none) ? "/" : ""));
  }
  return list;
}

Candidates chosen(const Words& words, std::string_view line, size_t begin) {
  Candidates out{begin, {}};
  const std::string_view start = line.substr(begin);
  for (const std::string& word : words)
    if (word.starts_with(start)) out.words.push_back(word);
  return out;
}

// Arguments of a command.
void add_arguments(Words& words, const Workspace& workspace, const std::string& command,
                   std::string_view before) {
  const Session& session = workspace.session;
  const size_t count = words_of(std::string(before)).size();
  if (command == "help") {
    for (const Command& c : commands()) words.insert(c.name);
  } else if (command == "derive" || command == "jacobian" || command == "trace" || command == "adjoint") {
    add_names(words, session, "field");
  } else if (command == "eval") {
    add_names(words, session, "model");
  } else if (command == "show" || command == "drop") {
    add_names(words, session);
  } else if (command == "set") {
    if (count == 0) return add_all(words, setting_names());
    const std::string name = words_of(std::string(before))[0];
    words.insert("default");
    if (name == "precision") words.insert({"f32", "f64"});
    if (name == "adjoint") words.insert({"checkpoint", "backsolve"});
    if (name == "form") words.insert({"automatic", "lanes", "features"});
    if (name == "remarks") words.insert({"on", "off"});
    if (name == "method") add_all(words, semantics::stdlib_names("tableaux"));
  } else if (command == "emit" && count == 0) {
    add_all(words, stages());
  } else if (command == "params" && count == 0) {
    for (const SessionParameter& p : parameters_of(workspace)) words.insert(p.path);
    words.insert("initial");
  } else if (command == "fit") {
    if (count == 0) add_names(words, session, "model");
    const std::vector<std::string> own = words_of(std::string(before));
    if (own.size() >= 2 && own.back() == "=" && own[own.size() - 2].starts_with("optimizer"))
      return add_all(words, semantics::optimizer_names());
    add_equals(words, semantics::train_option_names());
  } else {
    if (command == "solve" || command == "plot") words.insert({"points", "over"});
    add_everything(words, workspace);
  }
}

}  // namespace

Candidates complete(const Workspace& workspace, std::string_view line) {
  Words words;
  size_t begin = line.size();
  while (begin > 0 && of_a_word(line[begin - 1])) --begin;
  const size_t first = std::min(line.find_first_not_of(" \t"), line.size());
  const bool is_command = first < line.size() && line[first] == ':';
  const size_t command_end = std::min(line.find_first_of(" \t", first), line.size());
  if (is_command && command_end == line.size()) {
    for (const Command& command : commands()) words.insert(":" + std::string(command.name));
    return chosen(words, line, first);
  }
  const Command* known =
      is_command ? find_command(std::string(line.substr(first + 1, command_end - first - 1))) : nullptr;
  const std::string command = known ? known->name : "";
  // Files.
  const size_t blank = line.find_last_of(" \t");
  const size_t path = blank == line.npos ? 0 : blank + 1;
  const bool to_file =
      line.substr(0, path).find('>') != line.npos && (command == "solve" || command == "plot");
  if (command == "load" || command == "save" || command == "data" || to_file ||
      (command == "params" && line.substr(path).find_first_of("/.") != line.npos)) {
    const std::vector<std::string> files = files_that_begin(std::string(line.substr(path)));
    return chosen({files.begin(), files.end()}, line, path);
  }
  const size_t text_begin = is_command ? command_end : 0;
  const std::string_view before = line.substr(text_begin, begin - text_begin);
  const std::vector<syntax::Lexeme> list = syntax::lexemes(before);
  const auto word_back = [&](size_t k) {
    return k <= list.size() ? before.substr(list[list.size() - k].begin,
                                            list[list.size() - k].end - list[list.size() - k].begin)
                            : std::string_view();
  };
  const std::string_view last = word_back(1);
  const Call call = open_call(before);
  const std::vector<std::string> optimizer_options = semantics::optimizer_option_names(call.name);
  if (call.before == "by") {
    add_equals(words, semantics::method_option_names());
  } else if (!optimizer_options.empty()) {
    add_equals(words, optimizer_options);
  } else if (call.name == "train") {
    last == "=" ? add_all(words, semantics::optimizer_names())
                : add_equals(words, semantics::train_option_names());
  } else if (last == "by") {
    add_all(words, semantics::stdlib_names("tableaux"));
    add_names(words, workspace.session, "tableau");
  } else if (last == "use") {
    words.insert({"nn", "prob", "flows"});
  } else if (last == "solve") {
    add_names(words, workspace.session, "field");
  } else if (last == "adjoint" && !is_command) {
    words.insert({"checkpoint", "backsolve"});
  } else {
    // The arguments of a field have names.
    if (last == "(" || last == ",") add_members(words, workspace.session, call.name);
    if (!words.empty()) return chosen(words, line, begin);
    if (is_command && call.name.empty())
      add_arguments(words, workspace, command, before);
    else
      add_everything(words, workspace);
    if (command == "plot" || command == "solve" || command == "emit") add_names(words, workspace.session);
  }
  return chosen(words, line, begin);
}

std::string common_beginning(const std::vector<std::string>& words) {
  if (words.empty()) return "";
  std::string common = words[0];
  for (const std::string& word : words) {
    const auto [own, other] = std::mismatch(common.begin(), common.end(), word.begin(), word.end());
    common.erase(own, common.end());
  }
  // No half of a character.
  while (!common.empty() && std::any_of(words.begin(), words.end(), [&](const std::string& word) {
    return word.size() > common.size() && (static_cast<unsigned char>(word[common.size()]) & 0xC0) == 0x80;
  }))
    common.pop_back();
  return common;
}

}  // namespace nodec::driver
