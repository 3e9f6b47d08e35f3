// The manual page, from the table that `--help` is made of.
#include "compiler/driver/manual.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <vector>

#include "compiler/driver/arguments.hpp"

namespace nodec::driver {
namespace {

// Text as groff takes it: a backslash or hyphen stands for itself, and no line begins a request.
std::string escaped(const std::string& text) {
  std::string out;
  bool fresh_line = true;
  for (const char c : text) {
    if (fresh_line && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
    fresh_line = c == '\n';
  }
  return out;
}

std::string sentence(std::string text) {
  if (!text.empty() && text.back() != '.') text += '.';
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return escaped(text);
}

// Of the options, in their order; CLI11's own `--help` stands under the first heading only.
std::vector<const CLI::Option*> options_of(const CLI::App& app) {
  std::vector<const CLI::Option*> list;
  for (const CLI::Option* option : app.get_options())
    if (option != app.get_help_ptr() && !option->get_group().empty()) list.push_back(option);
  return list;
}

bool same(const CLI::Option* a, const CLI::Option* b) {
  return a->get_name() == b->get_name() && a->get_description() == b->get_description();
}

bool in_every_verb(const CLI::Option* option, const std::vector<const CLI::App*>& verbs) {
  return std::all_of(verbs.begin(), verbs.end(), [&](const CLI::App* verb) {
    const std::vector<const CLI::Option*> list = options_of(*verb);
    return std::any_of(list.begin(), list.end(),
                       [&](const CLI::Option* other) { return same(option, other); });
  });
}

std::string entry(const CLI::Option& option) {
  std::string head = ".TP\n.B " + escaped(option.get_name());
  if (option.get_positional() && option.get_expected_max() > 0 && option.get_snames().empty() &&
      option.get_lnames().empty())
    head = ".TP\n.I " + escaped(option.get_name());
  else if (option.get_type_size() > 0)
    head = ".TP\n.BI \"" + escaped(option.get_name()) + " \" " +
           escaped(option.get_type_name().substr(0, option.get_type_name().find(':')));
  return head + "\n" + sentence(option.get_description()) + "\n";
}

// Others, as `completion`, have no options in common with these.
bool reads_a_model(const CLI::App* verb) { return verb->get_option_no_throw("FILE") != nullptr; }

std::string example_of(const std::string& footer) {
  const size_t at = footer.find("Example:\n");
  if (at == std::string::npos) return "";
  std::string example = footer.substr(at + 9);
  example = example.substr(0, example.find('\n'));
  example.erase(0, example.find_first_not_of(' '));
  return ".PP\n.EX\n" + escaped(example) + "\n.EE\n";
}

}  // namespace

std::string manual(const CLI::App& app) {
  const std::vector<const CLI::App*> all = app.get_subcommands(std::function<bool(const CLI::App*)>());
  std::vector<const CLI::App*> verbs;
  std::copy_if(all.begin(), all.end(), std::back_inserter(verbs), reads_a_model);
  std::string page = ".TH NODEC 1 \"\" \"nodec " + std::string(version()) +
                     "\" \"User Commands\"\n"
                     ".SH NAME\nnodec \\- a modeling language and JIT compiler for neural ODEs\n"
                     ".SH SYNOPSIS\n.B nodec\n.I FILE VERB\n.RI [ options ]\n.br\n.B nodec\n.I VERB FILE\n"
                     ".RI [ options ]\n"
                     ".SH DESCRIPTION\n"
                     "A file of the\n.B .node\nlanguage declares vector fields and models: data, solves, "
                     "outputs and a loss. The verb says what\nbecomes of them. Each verb explains itself by\n"
                     ".BR \"nodec \\fIVERB\\fP \\-\\-help\" .\n"
                     ".SH VERBS\n";
  for (const CLI::App* verb : all) {
    page += ".SS " + escaped(verb->get_name()) + "\n" + sentence(verb->get_description()) + "\n";
    for (const CLI::Option* option : options_of(*verb))
      if (!in_every_verb(option, verbs) && option->get_name() != "--precision") page += entry(*option);
    page += example_of(verb->get_footer());
  }
  page += ".SH COMMON OPTIONS\nEvery verb that reads a model takes these.\n";
  for (const CLI::Option* option : options_of(*verbs.front())) {
    if (option->get_name() == "--precision")
      page += ".TP\n.BI \"\\-\\-precision \" NAME\nf32 or f64. Each verb's own default stands in its help.\n";
    else if (in_every_verb(option, verbs))
      page += entry(*option);
  }
  page +=
      ".SH EXIT STATUS\n"
      ".TP\n.B 0\nDone.\n"
      ".TP\n.B 1\nThe model or the data is wrong.\n"
      ".TP\n.B 2\nWrong usage.\n"
      ".TP\n.B 3\nA numerical failure: step size underflow, a non\\-finite value, the limit of steps. It "
      "names "
      "sample, time\nand state;\n.B \\-\\-out\nis still written, with NaN for that sample.\n"
      ".SH FILES\n"
      ".TP\n.I W.checkpoint\nBeside\n.B \\-\\-out\nof\n.BR train :\nwhat\n.B \\-\\-resume\ngoes on from.\n"
      ".TP\n.I $XDG_CACHE_HOME/nodec, ~/.cache/nodec\nMachine code kept between runs, at most 256 MiB.\n"
      ".SH SEE ALSO\n.BR gnuplot (1),\nwhich\n.B plot\ndraws with.\n";
  return page;
}

}  // namespace nodec::driver
