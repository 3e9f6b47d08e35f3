// A model -> files for programs that run without nodec: MODEL.o, MODEL.h, MODEL.so.
#include "compiler/driver/library.hpp"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <optional>
#include <span>

#include "compiler/driver/json.hpp"
#include "runtime/files.hpp"

extern char** environ;

namespace nodec::driver {
namespace {

constexpr std::array<const char*, 6> texts = {"ast", "graph", "adjoint", "tile", "llvm", "asm"};
constexpr std::array<const char*, 3> files = {"obj", "header", "shared"};

std::vector<std::string> words(const std::string& list) {
  std::vector<std::string> out;
  for (size_t begin = 0; begin <= list.size();) {
    const size_t end = std::min(list.find(',', begin), list.size());
    out.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

template <size_t N>
bool among(const std::array<const char*, N>& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

bool asks_for(const Arguments& arguments, const char* kind) {
  const std::vector<std::string> kinds = words(arguments.emit);
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

// Its exit status; nothing when there is no such program.
std::optional<int> run(std::vector<std::string> command) {
  std::vector<char*> words;
  for (std::string& word : command) words.push_back(word.data());
  words.push_back(nullptr);
  pid_t child = 0;
  if (::posix_spawnp(&child, words[0], nullptr, nullptr, words.data(), environ) != 0) return {};
  int status = 0;
  if (::waitpid(child, &status, 0) < 0) return 1;
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
  // Where the program is found only by the child, it says so by this status.
  return code == 127 ? std::nullopt : std::optional<int>(code);
}

// "" or why there is no shared object.
std::string link(const std::string& object, const std::string& shared, bool needs_libm) {
  // Compilers know where libm is; a linker needs none of their files otherwise.
  std::vector<std::vector<std::string>> linkers;
  for (const char* compiler : {"cc", "gcc", "clang"})
    linkers.push_back({compiler, "-shared", "-nostartfiles", "-Wl,-z,noexecstack"});
  if (!needs_libm)
    for (const char* linker : {"ld.lld", "ld"}) linkers.push_back({linker, "-shared", "-z", "noexecstack"});
  for (std::vector<std::string>& command : linkers) {
    command.insert(command.end(), {"-o", shared, object});
    if (needs_libm) command.push_back("-lm");
    const std::optional<int> status = run(command);
    if (!status) continue;
    return *status == 0 ? "" : command[0] + " cannot link '" + object + "'";
  }
  std::string names;
  for (const std::vector<std::string>& command : linkers) names += (names.empty() ? "" : ", ") + command[0];
  return "--emit=shared needs a linker, and none of " + names + " is found; --emit=obj needs none";
}

// A file beside the one that it becomes, removed if it does not.
struct Beside {
  std::string path;
  explicit Beside(const std::string& file) : path(file + "." + std::to_string(::getpid()) + ".tmp") {}
  ~Beside() {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
  }
};

bool write_shared(const Arguments& arguments, const std::string& file, const Library& library) {
  const Beside object(file + ".o"), shared(file);
  if (!write_text(arguments, object.path, library.object)) return false;
  const std::string problem = link(object.path, shared.path, library.needs_libm);
  std::error_code error;
  if (problem.empty()) std::filesystem::rename(shared.path, file, error);
  if (problem.empty() && !error) return true;
  usage_error(problem.empty() ? "'" + file + "' cannot be written: " + error.message() : problem);
  return false;
}

}  // namespace

bool emits_files(const Arguments& arguments) {
  return !arguments.emit.empty() && among(files, words(arguments.emit)[0]);
}

std::string check_emit(const std::string& value) {
  const std::vector<std::string> list = words(value);
  if (list.size() == 1 && among(texts, list[0])) return "";
  for (const std::string& word : list)
    if (!among(files, word))
      return "expected one of ast graph adjoint tile llvm asm, or some of obj,header,shared, not '" + value +
             "'";
  return "";
}

bool write_text(const Arguments& arguments, const std::string& file, const std::string& text) {
  const runtime::Result<runtime::Done> done = runtime::write_bytes(file, std::as_bytes(std::span(text)));
  if (done) return true;
  Diagnostic d;
  d.id = "cannot_write";
  d.file = file;
  d.text = done.errors().front().text;
  d.rendered = file + ": error: " + d.text + "\n";
  print({d}, arguments);
  return false;
}

int compile_library(const Arguments& arguments, const Model& model) {
  if (arguments.out.empty()) {
    usage_error("--emit=" + arguments.emit + " writes files: name them by -o, as in -o " + model.name());
    return static_cast<int>(Outcome::wrong_usage);
  }
  const std::filesystem::path out(arguments.out);
  const std::string extension = out.extension();
  const bool known = extension == ".o" || extension == ".h" || extension == ".so";
  const std::string stem = known ? (out.parent_path() / out.stem()).string() : arguments.out;
  const std::optional<Arrays> weights = load_weights(arguments, model);
  if (!weights) return arguments.said->status;
  LibraryOptions options;
  options.samples = arguments.samples;
  options.shared_data = arguments.shared;
  options.processor = arguments.processor;
  const Result<Library> library = model.library(*weights, options);
  print(library.diagnostics(), arguments);
  if (!library) return static_cast<int>(library.outcome());
  std::vector<std::string> written;
  const auto write = [&](const char* kind, const char* ending, const auto& writer) {
    if (!asks_for(arguments, kind)) return true;
    written.push_back(stem + ending);
    return writer(written.back());
  };
  const bool good =
      write("obj", ".o", [&](const std::string& f) { return write_text(arguments, f, library->object); }) &&
      write("header", ".h",
            [&](const std::string& f) { return write_text(arguments, f, library->header); }) &&
      write("shared", ".so", [&](const std::string& f) { return write_shared(arguments, f, *library); });
  if (!good) return 1;
  if (arguments.json) {
    std::cout << nlohmann::ordered_json{{"files", written},
                                        {"code_bytes", library->code_bytes},
                                        {"needs_libm", library->needs_libm},
                                        {"diagnostics", to_json(arguments.said->diagnostics)}}
                     .dump(2)
              << "\n";
  } else if (!arguments.quiet) {
    for (const std::string& file : written) std::printf("%s\n", file.c_str());
    std::printf("machine code: %lld bytes%s\n", static_cast<long long>(library->code_bytes),
                library->needs_libm ? "; link with -lm" : "");
  }
  if (arguments.time_passes) print_stages(library->stages);
  return 0;
}

}  // namespace nodec::driver
