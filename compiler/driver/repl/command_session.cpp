// :data, :set, :show, :drop, :load, :save, :reset
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <span>

#include "compiler/driver/repl/commands.hpp"
#include "runtime/files.hpp"

namespace nodec::driver {
namespace {

struct Setting {
  const char* name;
  const char* standard;  // the text of its default
  std::string (*get)(const Workspace&);
  // What is wrong with a value; "" when it has been set.
  std::string (*put)(Workspace&, const std::string&);
};

std::string number_text(double x) { return source::Argument(x).text; }

std::string one_of(const std::string& value, const std::vector<std::string>& words, std::string& to) {
  if (std::count(words.begin(), words.end(), value)) {
    to = value;
    return "";
  }
  std::string list;
  for (const std::string& word : words) list += (list.empty() ? "" : ", ") + word;
  return "expected one of " + list + ", not '" + value + "'";
}

std::string tolerance(const std::string& value, Sign sign, std::optional<double>& to) {
  if (value == "model") {
    to.reset();
    return "";
  }
  const std::string wrong = finite_number(sign)(value);
  if (wrong.empty()) to = std::strtod(value.c_str(), nullptr);
  return wrong;
}

template <class T>
std::string whole(const std::string& value, int64_t low, int64_t high, T& to) {
  const std::string wrong = whole_number(low, high)(value);
  if (wrong.empty()) to = static_cast<T>(std::stoll(value));
  return wrong;
}

const std::vector<Setting>& settings() {
  static const std::vector<Setting> table = {
      {"seed", "0", [](const Workspace& w) { return std::to_string(w.arguments.seed); },
       [](Workspace& w, const std::string& value) {
         const std::string wrong = any_seed()(value);
         if (wrong.empty()) w.arguments.seed = std::stoull(value);
         return wrong;
       }},
      {"precision", "f64", [](const Workspace& w) { return w.arguments.precision; },
       [](Workspace& w, const std::string& value) {
         return one_of(value, {"f32", "f64"}, w.arguments.precision);
       }},
      {"method", "model",
       [](const Workspace& w) { return w.arguments.method.empty() ? "model" : w.arguments.method; },
       [](Workspace& w, const std::string& value) {
         w.arguments.method = value == "model" ? "" : value;
         return std::string();
       }},
      {"rtol", "model",
       [](const Workspace& w) { return w.arguments.rtol ? number_text(*w.arguments.rtol) : "model"; },
       [](Workspace& w, const std::string& value) {
         return tolerance(value, Sign::positive, w.arguments.rtol);
       }},
      {"atol", "model",
       [](const Workspace& w) { return w.arguments.atol ? number_text(*w.arguments.atol) : "model"; },
       [](Workspace& w, const std::string& value) {
         return tolerance(value, Sign::not_negative, w.arguments.atol);
       }},
      {"adjoint", "model",
       [](const Workspace& w) { return w.arguments.adjoint.empty() ? "model" : w.arguments.adjoint; },
       [](Workspace& w, const std::string& value) {
         std::string word;
         const std::string wrong = one_of(value, {"model", "checkpoint", "backsolve"}, word);
         if (wrong.empty()) w.arguments.adjoint = word == "model" ? "" : word;
         return wrong;
       }},
      {"threads", "0", [](const Workspace& w) { return std::to_string(w.arguments.threads); },
       [](Workspace& w, const std::string& value) { return whole(value, 0, 4096, w.arguments.threads); }},
      {"samples", "0", [](const Workspace& w) { return std::to_string(w.arguments.samples); },
       [](Workspace& w, const std::string& value) {
         return whole(value, 0, int64_t{1} << 31, w.arguments.samples);
       }},
      {"form", "automatic", [](const Workspace& w) { return w.arguments.form; },
       [](Workspace& w, const std::string& value) {
         return one_of(value, {"automatic", "lanes", "features"}, w.arguments.form);
       }},
      {"digits", "6", [](const Workspace& w) { return std::to_string(w.digits); },
       [](Workspace& w, const std::string& value) { return whole(value, 1, 17, w.digits); }},
      {"remarks", "off", [](const Workspace& w) { return std::string(w.arguments.remarks ? "on" : "off"); },
       [](Workspace& w, const std::string& value) {
         std::string word;
         const std::string wrong = one_of(value, {"on", "off"}, word);
         if (wrong.empty()) w.arguments.remarks = word == "on";
         return wrong;
       }},
  };
  return table;
}

void print_data(const DataSource& data) {
  if (data.file.empty()) {
    std::cout << "no data; ':data FILE' names a file\n";
    return;
  }
  std::cout << data.file << "\n";
  for (const DataSource::Named& array : data.arrays)
    std::cout << "  " << declaration(array).substr(5) << "\n";
}

// Relative to the folder of a file that is written, so that both can move.
std::string seen_from(const std::filesystem::path& folder, const std::string& file) {
  std::error_code none;
  const std::filesystem::path from =
      std::filesystem::absolute(folder.empty() ? "." : folder, none).lexically_normal();
  const std::filesystem::path to = std::filesystem::absolute(file, none).lexically_normal();
  const std::filesystem::path relative = to.lexically_relative(from);
  return relative.empty() ? to.string() : relative.string();
}

std::string as_word(const std::string& word) {
  return word.find_first_of(" \t") == std::string::npos ? word : "\"" + word + "\"";
}

// Every line of a text behind the mark of what `nodec repl` alone reads.
std::string marked(const std::string& text) {
  std::string out = "#: ";
  for (const char c : text) {
    out += c;
    if (c == '\n') out += "#: ";
  }
  return out + "\n";
}

// `use "layers.node"` of another folder's file.
std::string use_text(const Entry& entry, const source::Files& files, const std::filesystem::path& folder) {
  const syntax::Use& use = std::get<syntax::Use>(entry.decl->node);
  if (use.stdlib) return entry.text;
  const std::filesystem::path from = std::filesystem::path(files.name(entry.decl->span.file)).parent_path();
  std::string text = entry.text;
  const size_t at = text.find('"' + use.path + '"');
  if (at != std::string::npos)
    text.replace(at + 1, use.path.size(), seen_from(folder, (from / use.path).string()));
  return text;
}

std::string session_text(const Workspace& workspace, const std::filesystem::path& folder,
                         const std::string& weights) {
  const Session& session = workspace.session;
  std::string out, directives;
  bool roomy = false;  // the last declaration took several lines
  const std::vector<Entry>& entries = session.entries();
  for (const size_t i : session.in_order(std::vector<bool>(entries.size(), true))) {
    const Entry& entry = entries[i];
    if (entry.is_let() || entry.broken) continue;
    const std::string text = entry.is_use() ? use_text(entry, session.files(), folder) : entry.text;
    const bool wide = text.find('\n') != std::string::npos;
    if (!out.empty() && (wide || roomy)) out += "\n";
    out += text + "\n";
    roomy = wide;
  }
  if (!workspace.data.file.empty()) {
    // Of NAME=FILE,NAME=FILE each is a file.
    std::string source;
    const bool several = workspace.data.file.find('=') != std::string::npos;
    for (size_t begin = 0; begin <= workspace.data.file.size();) {
      const size_t end = several ? std::min(workspace.data.file.find(',', begin), workspace.data.file.size())
                                 : workspace.data.file.size();
      const std::string part = workspace.data.file.substr(begin, end - begin);
      const size_t equals = several ? part.find('=') + 1 : 0;
      source += (source.empty() ? "" : ",") + part.substr(0, equals) + seen_from(folder, part.substr(equals));
      begin = end + 1;
    }
    std::string line = ":data " + as_word(source);
    for (const std::string& column : workspace.data.columns) line += " " + as_word(column);
    directives += marked(line);
  }
  for (const Setting& setting : settings())
    if (const std::string value = setting.get(workspace); value != setting.standard)
      directives += marked(std::string(":set ") + setting.name + " " + value);
  if (!weights.empty()) directives += marked(":params " + as_word(weights));
  for (const size_t i : session.in_order(std::vector<bool>(entries.size(), true)))
    if (entries[i].is_let() || entries[i].broken) directives += marked(entries[i].text);
  if (!directives.empty())
    out += (out.empty() ? "" : "\n") + ("# What follows is read by `nodec repl` alone.\n" + directives);
  return out;
}

// Whether the parameters' file may be written: it is not there, or an earlier save of the same session named
// it.
bool is_of_session(const std::filesystem::path& file, const std::filesystem::path& beside,
                   const std::string& weights) {
  std::error_code none;
  if (!std::filesystem::exists(beside, none)) return true;
  std::ifstream saved(file);
  const std::string naming = "#: :params " + as_word(weights);
  for (std::string line; std::getline(saved, line);)
    if (line == naming) return true;
  return false;
}

// Whether some field can be solved by the workspace's method; says why not.
bool is_method(const Interpreter& interpreter, const Workspace& workspace) {
  const std::string& method = workspace.arguments.method;
  const std::string name = method.substr(0, method.find_first_of(" ("));
  if (workspace.session.find(name)) return true;
  const Program program = Program::from_text("", "field f { state z: real; z' = -z }",
                                             options_of(workspace.arguments).value_or(Options()));
  const Result<Model> model = program.integrate("f", {});
  interpreter.tell(model.diagnostics());
  return static_cast<bool>(model);
}

}  // namespace

std::vector<std::string> setting_names() {
  std::vector<std::string> names;
  for (const Setting& setting : settings()) names.emplace_back(setting.name);
  return names;
}

void data_command(Interpreter& interpreter, Stretch arguments) {
  std::vector<std::string> words = words_of(interpreter.text(arguments));
  if (words.empty()) return print_data(interpreter.workspace.data);
  if (words.size() == 1 && words[0] == "none") {
    interpreter.workspace.data = DataSource();
    return;
  }
  std::erase(words, "--columns");
  std::string file = words[0];
  if (file.find('=') == std::string::npos) {
    file = interpreter.resolved(file);
  } else {
    std::string all;
    for (size_t begin = 0; begin <= file.size();) {
      const size_t end = std::min(file.find(',', begin), file.size());
      const std::string part = file.substr(begin, end - begin);
      const size_t equals = part.find('=') + 1;
      all += (all.empty() ? "" : ",") + part.substr(0, equals) + interpreter.resolved(part.substr(equals));
      begin = end + 1;
    }
    file = all;
  }
  const Result<DataSource> source = look_at(file, {words.begin() + 1, words.end()});
  interpreter.tell(source.diagnostics());
  if (!source) return;
  interpreter.workspace.data = *source;
  if (interpreter.interactive) print_data(*source);
}

void set_command(Interpreter& interpreter, Stretch arguments) {
  std::string text = interpreter.text(arguments);
  const size_t name_end = std::min(text.find_first_of(" \t="), text.size());
  const std::string name = text.substr(0, name_end);
  size_t begin = text.find_first_not_of(" \t", name_end);
  if (begin != std::string::npos && text[begin] == '=') begin = text.find_first_not_of(" \t", begin + 1);
  const std::string value = begin == std::string::npos ? "" : text.substr(begin);
  if (name.empty()) {
    for (const Setting& setting : settings()) {
      std::string head = setting.name;
      head.resize(12, ' ');
      std::cout << head << setting.get(interpreter.workspace) << "\n";
    }
    return;
  }
  for (const Setting& setting : settings()) {
    if (name != setting.name) continue;
    if (value.empty()) {
      std::cout << setting.get(interpreter.workspace) << "\n";
      return;
    }
    Workspace changed = interpreter.workspace;
    const std::string wrong = setting.put(changed, value == "default" ? setting.standard : value);
    if (!wrong.empty()) return interpreter.error(":set " + name + ": " + wrong);
    if (name == "method" && !changed.arguments.method.empty() && !is_method(interpreter, changed)) return;
    interpreter.workspace = std::move(changed);
    return;
  }
  const std::string near = source::nearest(name, setting_names());
  interpreter.error("there is no setting '" + name + "'" +
                    (near.empty() ? "; ':set' lists them" : "; did you mean '" + near + "'?"));
}

void show_command(Interpreter& interpreter, Stretch arguments) {
  const Session& session = interpreter.workspace.session;
  const std::vector<std::string> words = words_of(interpreter.text(arguments));
  for (const std::string& word : words) {
    if (const Entry* entry = session.find(word))
      std::cout << entry->text << "\n";
    else
      interpreter.error("nothing is declared by the name of '" + word + "'");
  }
  if (!words.empty()) return;
  for (const Entry& entry : session.entries())
    std::cout << (entry.broken ? "# does not fit what was declared later\n" : "") << entry.text << "\n";
}

void drop_command(Interpreter& interpreter, Stretch arguments) {
  const std::vector<std::string> words = words_of(interpreter.text(arguments));
  if (words.empty()) return interpreter.error("':drop' takes names");
  for (const std::string& word : words)
    if (!interpreter.workspace.session.find(word))
      return interpreter.error("nothing is declared by the name of '" + word + "'");
  interpreter.drop({words.begin(), words.end()});
}

void load_command(Interpreter& interpreter, Stretch arguments) {
  const std::vector<std::string> words = words_of(interpreter.text(arguments));
  if (words.size() != 1) return interpreter.error("':load' takes a file");
  interpreter.load(words[0]);
}

void save_command(Interpreter& interpreter, Stretch arguments) {
  const std::vector<std::string> words = words_of(interpreter.text(arguments));
  if (words.size() != 1) return interpreter.error("':save' takes a file");
  const std::filesystem::path file(words[0]);
  if (file.extension() != ".node")
    return interpreter.error("':save' writes a .node file, not '" + words[0] + "'");
  const Workspace& workspace = interpreter.workspace;
  std::string weights;
  if (!workspace.parameters.empty()) {
    std::filesystem::path beside = file;
    beside.replace_extension(".safetensors");
    weights = beside.filename().string();
    if (!is_of_session(file, beside, weights))
      return interpreter.error("'" + beside.string() + "' is there already, and '" + words[0] +
                               "' does not name it: save the session under another name");
    // First the parameters: a file that names them without their being there is no session.
    const std::optional<Diagnostic> problem = write_arrays(beside.string(), workspace.parameters);
    if (problem) return interpreter.tell({*problem});
  }
  std::string text = session_text(workspace, file.parent_path(), weights);
  if (const Result<std::string> formatted = nodec::format(words[0], text)) text = *formatted;
  const runtime::Result<runtime::Done> done = runtime::write_bytes(words[0], std::as_bytes(std::span(text)));
  if (!done) return interpreter.error(done.errors().front().message());
  interpreter.note("saved " + words[0] + (weights.empty() ? "" : ", and the parameters beside it"));
}

void reset_command(Interpreter& interpreter, Stretch) { interpreter.reset(); }

}  // namespace nodec::driver
