// Texts to lines and positions.
#include <algorithm>

#include "compiler/source/diagnostics.hpp"

namespace nodec::source {

Span join(Span a, Span b) {
  if (!a.known()) return b;
  if (a.file != b.file) return a;
  return {a.file, std::min(a.begin, b.begin), std::max(a.end, b.end)};
}

int32_t Files::add(std::string name, std::string text) {
  // A byte order mark is no part of the text: offsets and columns count from what follows it.
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
  File file{std::move(name), std::move(text), {0}};
  for (size_t i = 0; i < file.text.size(); ++i) {
    if (file.text[i] == '\n') file.line_starts.push_back(static_cast<uint32_t>(i + 1));
  }
  files_.push_back(std::move(file));
  return count() - 1;
}

Position Files::position(int32_t file, uint32_t byte) const {
  const File& f = files_[file];
  byte = std::min(byte, static_cast<uint32_t>(f.text.size()));
  const auto next = std::upper_bound(f.line_starts.begin(), f.line_starts.end(), byte);
  Position position{static_cast<int>(next - f.line_starts.begin()), 1};
  for (uint32_t i = *(next - 1); i < byte; ++i) {
    // Every byte but a continuation byte begins a code point.
    if ((static_cast<unsigned char>(f.text[i]) & 0xC0) != 0x80) ++position.column;
  }
  return position;
}

std::string_view Files::line(int32_t file, int line) const {
  const File& f = files_[file];
  if (line < 1 || line > static_cast<int>(f.line_starts.size())) return {};
  const uint32_t begin = f.line_starts[line - 1];
  std::string_view text = std::string_view(f.text).substr(begin);
  text = text.substr(0, text.find('\n'));
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

std::string Files::place(Span span) const {
  if (!span.known()) return "";
  return name(span.file) + ":" + std::to_string(position(span.file, span.begin).line);
}

}  // namespace nodec::source
