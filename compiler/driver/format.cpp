// `fmt`: a file in the canonical layout, in place.
#include <filesystem>
#include <iostream>
#include <span>

#include "compiler/driver/arguments.hpp"
#include "runtime/files.hpp"

namespace nodec::driver {

int format(const Arguments& arguments) {
  // Devices and pipes have nothing in place, and some no end.
  std::error_code none;
  if (std::filesystem::exists(arguments.file, none) &&
      !std::filesystem::is_regular_file(arguments.file, none)) {
    usage_error("'" + arguments.file + "' is not a regular file");
    return static_cast<int>(Outcome::wrong_input);
  }
  const runtime::Result<std::vector<std::byte>> bytes = runtime::read_bytes(arguments.file);
  if (!bytes) {
    usage_error(bytes.errors().front().message());
    return static_cast<int>(Outcome::wrong_input);
  }
  const std::string text(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  const Result<std::string> formatted = nodec::format(arguments.file, text);
  print(formatted.diagnostics(), arguments);
  if (!formatted) return static_cast<int>(formatted.outcome());
  if (arguments.to_stdout) {
    std::cout << *formatted;
    return 0;
  }
  // What is in the layout already keeps its time of change.
  if (*formatted == text) return 0;
  if (arguments.check) {
    std::cout << arguments.file << ": not in the canonical layout\n";
    return static_cast<int>(Outcome::wrong_input);
  }
  const runtime::Result<runtime::Done> written =
      runtime::write_bytes(arguments.file, std::as_bytes(std::span(*formatted)));
  if (!written) {
    usage_error(written.errors().front().message());
    return static_cast<int>(Outcome::wrong_input);
  }
  return 0;
}

}  // namespace nodec::driver
