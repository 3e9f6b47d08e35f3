// The command line: `nodec FILE VERB [options]` or `nodec VERB FILE [options]` -> one verb.
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <iostream>
#include <new>
#include <string>
#include <vector>

#include "compiler/driver/arguments.hpp"
#include "compiler/driver/completion.hpp"
#include "compiler/driver/library.hpp"
#include "compiler/driver/manual.hpp"
#include "compiler/driver/process.hpp"

namespace nodec::driver {
namespace {

constexpr const char* completion_verb = "completion";

bool is_verb(const std::string& word) {
  return word == completion_verb ||
         std::any_of(verbs().begin(), verbs().end(), [&](const Verb& v) { return word == v.name; });
}

void add_common(CLI::App& app, Arguments& a, const std::string& default_precision) {
  app.add_option("FILE", a.file, "the .node file")->required();
  app.add_option("--model", a.model, "which model (default: the only or the first one)")
      ->type_name("MODEL")
      ->check(not_empty());
  app.add_option("--seed", a.seed, "seed of initial values, noise and shuffling (default 0)")
      ->type_name("N")
      ->check(any_seed());
  app.add_option("--precision", a.precision, "f32 or f64 (default " + default_precision + ")")
      ->check(CLI::IsMember({"f32", "f64"}))
      ->default_str(default_precision);
  app.add_option("--method", a.method,
                 "replace the method of every solve: dop853, or with options \"rk4(steps = 100)\"")
      ->type_name("METHOD")
      ->check(not_empty());
  app.add_option("--rtol", a.rtol, "replace the relative tolerance of every adaptive solve")
      ->type_name("X")
      ->check(finite_number(Sign::positive));
  app.add_option("--atol", a.atol, "replace the absolute tolerance of every adaptive solve")
      ->type_name("X")
      ->check(finite_number(Sign::not_negative));
  app.add_option("--adjoint", a.adjoint, "replace how gradients of every solve are found")
      ->type_name("KIND")
      ->check(not_empty(), "{checkpoint,backsolve}");
  app.add_option(
         "--samples", a.samples,
         "how many samples to draw when the model has no data (default 1); of `compile --emit=obj`, how many "
         "a call is made for (default: any number, by code for few and for many)")
      ->type_name("N")
      ->check(whole_number(1, int64_t{1} << 31));
  app.add_option("--target", a.target, "cpu (the host)")->type_name("NAME")->check(not_empty(), "{cpu}");
  app.add_option("--form", a.form, "vectors of samples (lanes) or of one sample's elements (features)")
      ->type_name("FORM")
      ->check(CLI::IsMember({"automatic", "lanes", "features"}))
      ->default_str("automatic");
  app.add_option("--threads", a.threads, "threads (default: one for each core); results do not depend on it")
      ->type_name("N")
      ->check(whole_number(0, 4096));
  app.add_option("-D", a.definitions, "set a dim or a const: -D H=128")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  app.add_flag("--json", a.json, "print a machine-readable report on standard output");
  app.add_flag("--remarks", a.remarks,
               "also say what the compiler decided, and what costs more than it looks");
  app.add_flag("--time-passes", a.time_passes, "print the time of each stage of compilation");
  app.add_flag("--no-cache", a.no_cache, "compile anew, and keep no machine code in the user's cache");
  app.add_flag("--quiet", a.quiet, "print errors only");
}

std::string verb_help(const Verb& verb) { return std::string("Example:\n  ") + verb.example + "\n"; }

void add_completion(CLI::App& app, std::string& shell) {
  CLI::App* sub =
      app.add_subcommand(completion_verb, "print the script by which a shell completes nodec's words");
  sub->footer(
      "Example:\n  source <(nodec completion bash)\nAn installed nodec has brought these scripts to where "
      "the "
      "shells look for them.\n");
  sub->add_option("SHELL", shell, "the shell")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  sub->callback([&shell] { std::cout << completion_script(shell); });
}

int run(std::vector<std::string> words) {
  CLI::App app{"nodec: a modeling language and JIT compiler for neural ODEs"};
  app.name("nodec");
  app.set_version_flag("--version", std::string("nodec ") + version());
  app.add_flag_callback(
      "--man",
      [&app] {
        std::cout << manual(app);
        throw CLI::Success();
      },
      "print the manual page: nodec --man | man -l -");
  app.require_subcommand(1);
  app.footer(
      "Exit status: 0 done; 1 the model or the data is wrong; 2 wrong usage; 3 a numerical failure.\n"
      "Example:\n  nodec model.node train --data data.npz --out weights.safetensors\n"
      "`nodec VERB --help` explains a verb.");
  Arguments arguments;
  int status = 0;
  for (const Verb& verb : verbs()) {
    CLI::App* sub = app.add_subcommand(verb.name, verb.summary);
    sub->footer(verb_help(verb));
    add_common(*sub, arguments, verb.default_precision);
    verb.options(*sub, arguments);
    sub->callback([&arguments, &status, &verb] {
      if (arguments.precision.empty())
        arguments.precision = emits_files(arguments) ? "f64" : verb.default_precision;
      status = options_of(arguments) ? verb.run(arguments) : static_cast<int>(Outcome::wrong_usage);
    });
  }
  std::string shell;
  add_completion(app, shell);
  if (!words.empty() && words[0] == "--complete") {
    std::cout << completions(app, {words.begin() + 1, words.end()});
    return 0;
  }
  // `FILE VERB` and `VERB FILE` are the same.
  if (words.size() >= 2 && !is_verb(words[0]) && is_verb(words[1])) std::swap(words[0], words[1]);
  if (words.size() >= 2 && !is_verb(words[0]) && words[0][0] != '-' && words[1][0] != '-') {
    usage_error("'" + words[1] + "' is not a verb; `nodec --help` lists them");
    return 2;
  }
  std::reverse(words.begin(), words.end());
  try {
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  // What a full disk has swallowed was not done.
  if (std::fflush(stdout) != 0 || std::ferror(stdout) || !std::cout.flush()) {
    usage_error("cannot write the standard output");
    return static_cast<int>(Outcome::wrong_input);
  }
  return status;
}

}  // namespace
}  // namespace nodec::driver

int main(int argc, char** argv) {
#ifdef __GLIBC__
  // A heap that grows in large pieces and is never trimmed: checking and compiling take a quarter less time.
  // A few, since threads that generate code wait for each other on one.
  mallopt(M_ARENA_MAX, 4);
  mallopt(M_TOP_PAD, 8 << 20);
  mallopt(M_TRIM_THRESHOLD, 512 << 20);
#endif
  nodec::driver::limit_memory();
  nodec::driver::tell_of_shrunk_files();
  try {
    return nodec::driver::run({argv + 1, argv + argc});
  } catch (const std::bad_alloc&) {
    std::fputs("nodec: error: not enough memory\n", stderr);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "nodec: error: internal error: %s\n", error.what());
  }
  return 1;
}
