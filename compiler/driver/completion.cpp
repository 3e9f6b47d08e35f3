// What is typed so far -> what may come next, from the table that `--help` is made of.
#include "compiler/driver/completion.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>

#include "compiler/embed/include/nodec/nodec.hpp"

namespace nodec::driver {
namespace {

using Words = std::vector<std::string>;

Words split(const std::string& text, char at) {
  Words parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(at, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

// The first clause of a description.
std::string meaning(const std::string& description) { return description.substr(0, description.find("; ")); }

bool takes_value(const CLI::Option& option) { return option.get_type_size() > 0; }

// What the help calls the value, without what it says of it.
std::string metavariable(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  return type.substr(0, type.find(':'));
}

// The values that the help lists in braces.
Words listed_values(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const size_t begin = type.find('{'), end = type.find('}');
  if (begin == std::string::npos || end == std::string::npos) return {};
  return split(type.substr(begin + 1, end - begin - 1), ',');
}

// The endings of files that a description names: ".npz" and the like.
Words endings(const std::string& description) {
  Words list;
  for (size_t at = description.find('.'); at != std::string::npos; at = description.find('.', at + 1)) {
    size_t end = at + 1;
    while (end < description.size() && description[end] >= 'a' && description[end] <= 'z') ++end;
    const std::string ending = description.substr(at + 1, end - at - 1);
    const bool inner = end + 1 < description.size() && description[end] == '.' && description[end + 1] != ' ';
    if (!ending.empty() && !inner && std::find(list.begin(), list.end(), ending) == list.end())
      list.push_back(ending);
  }
  return list;
}

// Words reach this program before the shell has expanded them.
std::string expanded(const std::string& path) {
  const char* home = std::getenv("HOME");
  return home && path.starts_with("~/") ? home + path.substr(1) : path;
}

bool accepts(CLI::Option& option, std::string value) {
  try {
    for (int i = 0;; ++i)
      if (!(*option.get_validator(i))(value).empty()) return false;
  } catch (const CLI::OptionNotFound&) {
    return true;  // that was the last one
  }
}

// One command line, its last word not yet done.
class Line {
 public:
  Line(CLI::App& app, const Words& words) : app_(app), words_(words) {
    current_ = words_.empty() ? "" : words_.back();
    if (!words_.empty()) words_.pop_back();
  }

  std::string candidates() {
    const Words& given = words_;
    if (given.empty()) {
      if (current_.starts_with("-")) {
        offer_options(app_);
      } else {
        offer_verbs(false);
        offer_files("", {"node"});
      }
      return out_;
    }
    CLI::App* verb = find_verb(given[0]);
    size_t at = 0;
    if (!verb && given.size() == 1) {
      if (!given[0].starts_with("-")) offer_verbs(true);
      return out_;
    }
    if (!verb) verb = find_verb(given[at = 1]);
    if (!verb) return out_;
    words_.erase(words_.begin() + static_cast<std::ptrdiff_t>(at));
    of_verb(*verb);
    return out_;
  }

 private:
  CLI::App* find_verb(const std::string& name) {
    for (CLI::App* verb : app_.get_subcommands({}))
      if (verb->get_name() == name) return verb;
    return nullptr;
  }

  void of_verb(CLI::App& verb) {
    std::vector<CLI::Option*> positionals;
    for (CLI::Option* option : verb.get_options({}))
      if (option->get_positional()) positionals.push_back(option);
    CLI::Option* awaited = nullptr;
    for (const std::string& word : words_) {
      if (awaited) {
        given_[awaited->get_name()] = word;
        awaited = nullptr;
      } else if (word.size() > 1 && word[0] == '-') {
        const size_t equals = word.find('=');
        CLI::Option* option = verb.get_option_no_throw(word.substr(0, equals));
        if (!option) continue;
        given_[option->get_name()] = equals == std::string::npos ? "" : word.substr(equals + 1);
        if (takes_value(*option) && equals == std::string::npos) awaited = option;
      } else if (place_ < positionals.size()) {
        given_[positionals[place_++]->get_name()] = word;
      }
    }
    if (awaited) return offer_values(*awaited, "", current_);
    if (current_.starts_with("-")) {
      const size_t equals = current_.find('=');
      if (equals == std::string::npos) return offer_options(verb);
      CLI::Option* option = verb.get_option_no_throw(current_.substr(0, equals));
      if (option && takes_value(*option))
        offer_values(*option, current_.substr(0, equals + 1), current_.substr(equals + 1));
      return;
    }
    if (place_ < positionals.size()) offer_values(*positionals[place_], "", current_);
    if (place_ == positionals.size() || !positionals[place_]->get_required()) offer_options(verb);
  }

  void offer(const std::string& word, const std::string& what = "") {
    if (word.starts_with(current_)) out_ += word + (what.empty() ? "" : "\t" + what) + "\n";
  }

  void offer_files(const std::string& before, const Words& of) {
    out_ += ":files\t" + before;
    for (const std::string& ending : of) out_ += "\t" + ending;
    out_ += "\n";
  }

  void offer_verbs(bool of_a_file) {
    for (CLI::App* verb : app_.get_subcommands({}))
      if (!of_a_file || verb->get_option_no_throw("FILE"))
        offer(verb->get_name(), meaning(verb->get_description()));
  }

  // Those that may still be given.
  void offer_options(CLI::App& app) {
    for (CLI::Option* option : app.get_options({})) {
      if (!option->nonpositional() || option->get_group().empty()) continue;
      if (given_.count(option->get_name()) && option->get_expected_max() <= 1) continue;
      const std::set<CLI::Option*> excluded = option->get_excludes();
      if (std::any_of(excluded.begin(), excluded.end(),
                      [&](const CLI::Option* other) { return given_.count(other->get_name()) > 0; }))
        continue;
      const bool only_short = option->get_lnames().empty();
      offer(only_short ? "-" + option->get_snames().front() : "--" + option->get_lnames().front(),
            meaning(option->get_description()));
    }
  }

  // `before` stands before the value in the word.
  void offer_values(CLI::Option& option, const std::string& before, const std::string& value) {
    const std::string kind = option.get_positional() ? option.get_name() : metavariable(option);
    const size_t equals = value.rfind('='), comma = value.rfind(',');
    const std::string done = comma == std::string::npos ? "" : value.substr(0, comma + 1);
    if (kind == "FILE") {
      if (option.get_positional()) return offer_files(before, {"node"});
      const size_t part = equals == std::string::npos ? 0 : equals + 1;
      return offer_files(before + value.substr(0, part), endings(option.get_description()));
    }
    Words names = listed_values(option);
    if (kind == "NAME=VALUE" || kind == "NAME=V,V" || kind == "NAME=A,B" || kind == "NAME=A:B,A:B") {
      if (equals != std::string::npos) return;
      names = kind == "NAME=VALUE" ? program().names().constants : kind == "NAME=V,V" ? variables() : data();
      for (const std::string& name : names) offer(before + name + "=");
      return;
    }
    if (kind == "MODEL") names = program().names().models;
    if (kind == "FIELD") names = program().names().fields;
    if (kind == "NAME,NAME") names = data();
    if (kind == "CPU") names = library_processors();
    if (kind == "METHOD") names = program().names().methods;
    const Words already = split(done, ',');
    for (const std::string& name : names)
      if (std::find(already.begin(), already.end(), name) == already.end() && accepts(option, done + name))
        offer(before + done + name);
  }

  // Of the model file on the line; an empty one if there is none.
  const Program& program() {
    if (!program_) {
      const auto file = given_.find("FILE");
      const std::string path = file == given_.end() ? "" : expanded(file->second);
      // Nothing that waits or never ends.
      std::error_code error;
      const bool readable = std::filesystem::is_regular_file(path, error);
      program_ = readable ? Program::from_file(path) : Program::from_text("", "");
    }
    return *program_;
  }

  Words variables() {
    const auto field = given_.find("FIELD");
    return field == given_.end() ? data() : program().variables(field->second);
  }

  Words data() {
    const auto name = given_.find("--model");
    const Result<Model> model = program().model(name == given_.end() ? "" : name->second);
    Words names;
    if (model)
      for (const Description& datum : model->data()) names.push_back(datum.name);
    return names;
  }

  CLI::App& app_;
  Words words_;
  std::string current_, out_;
  std::map<std::string, std::string> given_;  // options and positionals by their names, with their values
  size_t place_ = 0;                          // of the positional that comes next
  std::optional<Program> program_;
};

}  // namespace

std::string completions(CLI::App& app, const std::vector<std::string>& words) {
  return Line(app, words).candidates();
}

}  // namespace nodec::driver
