// Diagnostics to text: the place, the message, the source line and a caret or a range under it.
#include <algorithm>
#include <cstdio>

#include "compiler/source/diagnostics.hpp"
#include "compiler/source/utf8.hpp"

namespace nodec::source {
namespace {

constexpr int shown_columns = 100;  // of a long line
constexpr int shown_before = 30;    // of these, kept to the left of the range
constexpr int tab_stop = 4;
constexpr uint32_t read_bytes = 1024;  // on either side of the mark: a line may be as long as a file

std::string_view word(Severity severity) {
  switch (severity) {
    case Severity::error:
      return "error";
    case Severity::warning:
      return "warning";
    case Severity::remark:
      return "remark";
  }
  return "error";
}

// A source line as a terminal shows it: tabs expanded, control characters and broken UTF-8 replaced, so that
// a file can neither move the caret away nor send commands to the terminal.
struct Cell {
  uint32_t byte;  // in the line
  int width;
  std::string text;
};

std::vector<Cell> cells_of(std::string_view line, uint32_t from, uint32_t to) {
  std::vector<Cell> cells;
  int column = 0;
  for (uint32_t byte = from; byte < to;) {
    const CodePoint point = code_point_at(line, byte);
    Cell cell{byte, 1, " "};
    if (point.value == '\t') {
      cell.width = tab_stop - column % tab_stop;
      cell.text.assign(cell.width, ' ');
    } else if (point.value < 0x20) {
      cell.text = to_utf8(0x2400 + point.value);  // "control pictures"
    } else if (point.value >= 0x7F && point.value < 0xA0) {
      cell.text = to_utf8(0xFFFD);
    } else {
      cell.width = display_width(point.value);
      // Marks that reorder text on screen (bidirectional controls) would part the caret from its character.
      const bool reorders = (point.value >= 0x200E && point.value <= 0x200F) ||
                            (point.value >= 0x202A && point.value <= 0x202E) ||
                            (point.value >= 0x2066 && point.value <= 0x2069);
      cell.text = reorders ? "" : to_utf8(point.value);
      if (reorders) cell.width = 0;
    }
    column += cell.width;
    byte += point.length;
    cells.push_back(std::move(cell));
  }
  return cells;
}

std::string gutter(int line) {
  char buffer[24];
  if (line > 0) {
    std::snprintf(buffer, sizeof buffer, "%5d | ", line);
  } else {
    std::snprintf(buffer, sizeof buffer, "      | ");
  }
  return buffer;
}

void append_trimmed(std::string& out, std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  out += line;
  out += '\n';
}

int width_of(const std::vector<Cell>& cells) {
  int width = 0;
  for (const Cell& cell : cells) width += cell.width;
  return width;
}

// A line as it is shown: some of its cells, and how many columns stand before them.
struct Shown {
  const std::vector<Cell>& cells;
  size_t first, stop;
  int indent;
  int32_t file;
  uint32_t line_begin, line_end;  // its bytes
};

// What to write, under the places where it goes; as many rows as keep the texts apart. A removal shows
// dashes.
void append_fixes(std::string& out, const Shown& shown, const std::vector<Fix>& fixes,
                  std::vector<bool>& done) {
  std::string row;
  int used = 0;
  auto flush = [&] {
    if (!row.empty()) append_trimmed(out, gutter(0) + row);
    row.clear();
    used = 0;
  };
  for (size_t f = 0; f < fixes.size(); ++f) {
    const Fix& fix = fixes[f];
    if (done[f] || fix.span.file != shown.file) continue;
    if (fix.span.begin < shown.line_begin || fix.span.begin > shown.line_end) continue;
    if (shown.first < shown.stop && fix.span.begin < shown.line_begin + shown.cells[shown.first].byte)
      continue;
    int column = shown.indent, removed = 0;
    for (size_t i = shown.first; i < shown.stop; ++i) {
      const uint32_t byte = shown.line_begin + shown.cells[i].byte;
      if (byte < fix.span.begin) column += shown.cells[i].width;
      if (byte >= fix.span.begin && byte < fix.span.end) removed += shown.cells[i].width;
    }
    const std::vector<Cell> cells = cells_of(fix.text, 0, static_cast<uint32_t>(fix.text.size()));
    if (used > 0 && column <= used) flush();
    row.append(static_cast<size_t>(column - used), ' ');
    for (const Cell& cell : cells) row += cell.text;
    if (cells.empty()) row.append(static_cast<size_t>(removed), '-');
    used = column + (cells.empty() ? removed : width_of(cells));
    done[f] = true;
  }
  flush();
}

// The line that holds the span's beginning, marks under the span's part of that line, and what to write
// there.
void append_source(std::string& out, const Files& files, Span span, const std::vector<Fix>& fixes,
                   std::vector<bool>& done) {
  const Position position = files.position(span.file, span.begin);
  const std::string_view line = files.line(span.file, position.line);
  const std::string& text = files.text(span.file);
  const auto line_begin = static_cast<uint32_t>(line.data() ? line.data() - text.data() : 0);
  const auto line_size = static_cast<uint32_t>(line.size());
  const uint32_t begin = std::min(span.begin - std::min(span.begin, line_begin), line_size);
  const uint32_t end = std::clamp(span.end - std::min(span.end, line_begin), begin, line_size);

  uint32_t from = begin - std::min(begin, read_bytes);
  while (from > 0 && from < begin && (static_cast<unsigned char>(line[from]) & 0xC0) == 0x80) ++from;
  const std::vector<Cell> cells = cells_of(line, from, std::min(line_size, begin + read_bytes));
  size_t first = 0, last = cells.size();
  while (first < last && cells[first].byte < begin) ++first;
  const size_t mark = first;
  // A window around the mark when the line is long.
  int left = 0;
  while (first > 0 && left + cells[first - 1].width <= shown_before) left += cells[--first].width;
  if (width_of(cells) <= shown_columns) first = 0;
  int used = 0;
  size_t stop = first;
  while (stop < last && used + cells[stop].width <= shown_columns) used += cells[stop++].width;

  std::string shown = gutter(position.line), marks = gutter(0);
  const bool cut = first > 0 || from > 0;
  if (cut) shown += "…", marks += ' ';
  for (size_t i = first; i < stop; ++i) {
    shown += cells[i].text;
    if (i < mark) marks.append(cells[i].width, ' ');
  }
  if (stop < last || begin + read_bytes < line_size) shown += "…";
  marks += '^';
  int underlined = 0;
  for (size_t i = mark; i < stop && cells[i].byte < end; ++i) underlined += cells[i].width;
  if (underlined > 1) marks.append(underlined - 1, '~');
  append_trimmed(out, std::move(shown));
  append_trimmed(out, std::move(marks));
  append_fixes(out, {cells, first, stop, cut ? 1 : 0, span.file, line_begin, line_begin + line_size}, fixes,
               done);
}

std::string place(const Files& files, Span span) {
  if (!span.known()) return "";
  const Position position = files.position(span.file, span.begin);
  return files.name(span.file) + ":" + std::to_string(position.line) + ":" + std::to_string(position.column) +
         ": ";
}

}  // namespace

std::string render(const Files& files, const Diagnostic& diagnostic) {
  std::string out = place(files, diagnostic.span);
  out += word(diagnostic.severity);
  out += ": " + diagnostic.text + " [" + std::string(message(diagnostic.id).id) + "]\n";
  const std::vector<Fix>& fixes = diagnostic.fixes;
  std::vector<bool> done(fixes.size(), false);
  if (diagnostic.span.known()) append_source(out, files, diagnostic.span, fixes, done);
  for (const Note& note : diagnostic.notes) {
    out += place(files, note.span) + "note: " + note.text + "\n";
    // The same place again would repeat the line just shown.
    if (note.span.known() && note.span != diagnostic.span) append_source(out, files, note.span, fixes, done);
  }
  for (size_t f = 0; f < fixes.size(); ++f) {
    if (!done[f]) append_source(out, files, fixes[f].span, fixes, done);
  }
  return out;
}

std::string render(const Files& files, const Diagnostics& diagnostics) {
  std::string out;
  int shown = 0;
  for (const Diagnostic& diagnostic : diagnostics.all()) {
    out += render(files, diagnostic);
    if (diagnostic.severity == Severity::error) ++shown;
  }
  if (const int hidden = diagnostics.errors() - shown; hidden > 0) {
    Diagnostics count;
    out += render(files, count.report(Id::too_many_errors, Span{}, hidden));
  }
  return out;
}

}  // namespace nodec::source
