// Rows of numbers to the end of a CSV file.
#include "runtime/log.hpp"

#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <string_view>

#include "runtime/files.hpp"

namespace nodec::runtime {
namespace {

std::string header(const std::vector<std::string>& columns) {
  std::string line;
  for (const std::string& column : columns) line += (line.empty() ? "" : ",") + column;
  return line;
}

// The first line, and those of the others whose first cell is a number of at most `keep`; a last line without
// its end was being written when the run was killed.
std::string kept_rows(std::string_view text, int64_t keep) {
  std::string kept;
  for (bool first = true; !text.empty(); first = false) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) break;
    const std::string_view line = text.substr(0, end + 1);
    text.remove_prefix(end + 1);
    int64_t step = 0;
    const auto read = std::from_chars(line.data(), line.data() + line.size(), step);
    if (first || (read.ec == std::errc{} && step <= keep)) kept += line;
  }
  return kept;
}

}  // namespace

Result<Log> Log::open(const std::string& path, const std::vector<std::string>& columns,
                      std::optional<int64_t> keep) {
  std::string start = header(columns) + "\n";
  if (keep && exists(path)) {
    const Result<std::vector<std::byte>> bytes = read_bytes(path);
    if (!bytes) return bytes.errors();
    const std::string_view text(reinterpret_cast<const char*>(bytes->data()), bytes->size());
    const std::string found(text.substr(0, text.find('\n')));
    if (!text.empty() && found + "\n" != start)
      return error(Problem::log_columns, path, header(columns), found);
    if (!text.empty()) start = kept_rows(text, *keep);
  }
  if (Result<Done> written = write_bytes(path, std::as_bytes(std::span(start))); !written)
    return written.errors();
  std::FILE* file = std::fopen(path.c_str(), "a");
  if (!file) return error(Problem::cannot_open, path, std::strerror(errno));
  return Log(path, file);
}

void Log::row(int64_t step, const std::vector<std::optional<double>>& cells) {
  std::string line = std::to_string(step);
  for (const std::optional<double>& cell : cells) {
    line += ',';
    if (!cell) continue;
    if (std::isnan(*cell)) {
      line += "nan";
      continue;
    }
    char digits[32];
    line.append(digits, std::to_chars(digits, digits + sizeof digits, *cell).ptr);
  }
  line += '\n';
  failed_ = std::fwrite(line.data(), 1, line.size(), file_.get()) != line.size() || failed_;
}

Result<Done> Log::flush() {
  const bool good = !failed_ && std::fflush(file_.get()) == 0;
  if (!good) return error(Problem::cannot_write, path_, std::strerror(errno));
  ::fsync(::fileno(file_.get()));
  return Done{};
}

}  // namespace nodec::runtime
