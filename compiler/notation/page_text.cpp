// A page -> text of at most 100 columns.
#include <algorithm>

#include "compiler/notation/page.hpp"

namespace nodec::notation {
namespace {

constexpr size_t columns = 100, indent = 6;

std::string padded(const std::string& text, size_t to) {
  const size_t has = width(text);
  return has < to ? text + std::string(to - has, ' ') : text;
}

std::string right_aligned(const std::string& text, size_t to) {
  const size_t has = width(text);
  return has < to ? std::string(to - has, ' ') + text : text;
}

std::string written(const Sentence& sentence) {
  std::string text;
  for (const Piece& piece : sentence) {
    text += piece.formula ? text_writer().write(piece.formula) : piece.word;
  }
  return text;
}

// Where a line may be broken before a character, and how deep in parentheses that is.
std::vector<std::string> broken(const std::string& text, size_t first, size_t rest) {
  std::vector<std::string> lines;
  std::vector<std::string> left = characters(text);
  size_t most = first;
  while (left.size() > most) {
    size_t best = 0;
    int depth = 0, best_depth = 1 << 20;
    for (size_t i = 0; i < most && i < left.size(); ++i) {
      if (left[i] == "(" || left[i] == "[") ++depth;
      if (left[i] == ")" || left[i] == "]") --depth;
      const bool space = left[i] == " " && i > 0;
      if (!space || i < most / 3) continue;
      const std::string& next = i + 1 < left.size() ? left[i + 1] : left[i];
      const bool sign = (next == "+" || next == "−" || next == "∘" || next == "·");
      const int cost = 2 * depth + (sign ? 0 : 1);
      if (cost <= best_depth) {
        best_depth = cost;
        best = i;
      }
    }
    if (best == 0) best = std::min(most, left.size());
    std::string line;
    for (size_t i = 0; i < best; ++i) line += left[i];
    lines.push_back(line);
    const bool at_space = best < left.size() && left[best] == " ";
    left.erase(left.begin(), left.begin() + static_cast<std::ptrdiff_t>(best + (at_space ? 1 : 0)));
    most = rest;
  }
  std::string line;
  for (const std::string& c : left) line += c;
  lines.push_back(line);
  return lines;
}

// A matrix with brackets over several lines.
std::vector<std::string> matrix_lines(const Formula& matrix) {
  const auto n = static_cast<size_t>(matrix->value);
  const size_t rows = matrix->parts.size() / n;
  std::vector<size_t> widths(n, 0);
  std::vector<std::string> entries;
  for (size_t i = 0; i < matrix->parts.size(); ++i) {
    entries.push_back(text_writer().write(matrix->parts[i]));
    widths[i % n] = std::max(widths[i % n], width(entries.back()));
  }
  std::vector<std::string> lines;
  for (size_t row = 0; row < rows; ++row) {
    std::string line = rows == 1 ? "[ " : row == 0 ? "⎡ " : row + 1 == rows ? "⎣ " : "⎢ ";
    for (size_t column = 0; column < n; ++column)
      line += padded(entries[row * n + column], widths[column]) + (column + 1 < n ? "   " : " ");
    lines.push_back(line + (rows == 1 ? "]" : row == 0 ? "⎤" : row + 1 == rows ? "⎦" : "⎥"));
  }
  return lines;
}

std::string annotation(const Line& line) {
  std::string text;
  const auto add = [&](const std::string& word) { text += (text.empty() ? "" : ", ") + word; };
  if (line.type_said && !line.type.scalar()) {
    std::vector<std::string> extents;
    for (const graph::Extent& e : line.type.shape) extents.push_back(e.text());
    add("∈ " + text_writer().space(extents, line.type.element == graph::Element::integer));
  }
  if (line.multiply_adds > 0) add(multiply_adds(line.multiply_adds));
  if (!line.rate.empty()) add(line.rate);
  return text;
}

std::string row_text(const Row& row, size_t names, size_t spaces) {
  std::vector<std::string> extents;
  for (const graph::Extent& e : row.type.shape) extents.push_back(e.text());
  const std::string space = text_writer().space(extents, row.type.element == graph::Element::integer);
  return "      " + padded(text_writer().write(row.symbol), names) + " ∈ " + padded(space, spaces) + "   " +
         row.meaning + "\n";
}

std::string costs_text(const std::vector<CostRow>& costs) {
  const std::vector<CostColumn> shown = columns_of(costs);
  std::string first = padded("  Cost", 16), second(16, ' ');
  for (const CostColumn& column : shown) {
    first += right_aligned(column.name, 27);
    second += right_aligned("multiply-adds", 15) + right_aligned("elementwise", 12);
  }
  std::string text = first + "\n" + second + "\n";
  for (const CostRow& row : costs) {
    std::string line = padded("      " + row.name, 16);
    for (const CostColumn& column : shown) {
      const graph::Cost& c = row.cost.*column.cost;
      line += right_aligned(std::to_string(c.multiply_adds), 15) +
              right_aligned(std::to_string(c.operations), 12);
    }
    text += line + "\n";
  }
  return text;
}

}  // namespace

std::vector<CostColumn> columns_of(const std::vector<CostRow>& costs) {
  std::vector<CostColumn> columns{{"each evaluation", &graph::RatedCost::evaluation}};
  for (const CostColumn& more : {CostColumn{"once per sample", &graph::RatedCost::sample},
                                 CostColumn{"once per update", &graph::RatedCost::update}}) {
    const bool any = std::any_of(costs.begin(), costs.end(), [&](const CostRow& row) {
      const graph::Cost& c = row.cost.*more.cost;
      return c.multiply_adds + c.operations > 0;
    });
    if (any) columns.push_back(more);
  }
  return columns;
}

std::vector<std::string> equation_text(const Formula& left, const Formula& right, size_t most) {
  const std::string head = text_writer().write(left) + " = ";
  const size_t below = width(head);
  std::vector<std::string> lines;
  if (right->form == Form::matrix && most != SIZE_MAX)
    lines = matrix_lines(right);
  else if (most == SIZE_MAX)
    lines = {text_writer().side(right)};
  else
    lines = broken(text_writer().side(right), most - below, most - below);
  for (size_t i = 0; i < lines.size(); ++i) lines[i] = (i == 0 ? head : std::string(below, ' ')) + lines[i];
  return lines;
}

std::string text_of(const Page& page, size_t most_lines) {
  std::string text = page.heading;
  if (!page.subheading.empty())
    text += std::string(std::max<size_t>(
                            3, columns - std::min(columns, width(page.heading) + width(page.subheading))),
                        ' ') +
            page.subheading;
  text += "\n\n";
  size_t names = 0, spaces = 0;
  for (const Row& row : page.rows) {
    names = std::max(names, width(text_writer().write(row.symbol)));
    std::vector<std::string> extents;
    for (const graph::Extent& e : row.type.shape) extents.push_back(e.text());
    spaces = std::max(spaces, width(text_writer().space(extents, false)));
  }
  for (const Row& row : page.rows) text += row_text(row, names, spaces);

  // Annotations stand in a column of their own, to the right of what they are about.
  size_t column = 0, notes = 0;
  for (const Section& section : page.sections)
    for (const Line& line : section.lines) notes = std::max(notes, width(annotation(line)));
  for (const Section& section : page.sections)
    for (const Line& line : section.lines)
      if (!annotation(line).empty())
        for (const std::string& piece : equation_text(line.left, line.right, columns - indent))
          column = std::max(column, indent + width(piece) + 4);
  column = std::min(column, columns - notes);
  for (const Section& section : page.sections) {
    const std::string subtitle = written(section.subtitle);
    text += "\n  " + section.title + (subtitle.empty() ? "" : "   " + subtitle) + "\n";
    size_t written_lines = 0;
    for (const Line& line : section.lines) {
      if (written_lines++ == most_lines) {
        text += std::string(indent, ' ') + "… " + std::to_string(section.lines.size() - most_lines) +
                " more equations; --all shows them\n";
        break;
      }
      const std::string note = annotation(line);
      std::vector<std::string> pieces = equation_text(line.left, line.right, columns - indent);
      for (size_t i = 0; i < pieces.size(); ++i) {
        std::string here = std::string(indent, ' ') + pieces[i];
        if (i + 1 == pieces.size() && !note.empty()) {
          if (width(here) + 2 <= column)
            here = padded(here, column) + note;
          else
            here += "\n" + std::string(column, ' ') + note;
        }
        text += here + "\n";
      }
    }
    size_t words = 0;
    for (const auto& [word, sentence] : section.notes) words = std::max(words, width(word));
    for (const auto& [word, sentence] : section.notes)
      text += std::string(indent, ' ') + (words > 0 ? padded(word, words) + "   " : "") + written(sentence) +
              "\n";
  }
  text += "\n" + costs_text(page.costs);
  if (page.lengths) text += "      where lengths count as 1\n";
  return text;
}

}  // namespace nodec::notation
