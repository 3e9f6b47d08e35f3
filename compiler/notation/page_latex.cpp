// A page -> a body of LaTeX for a paper that uses amsmath and amssymb.
#include <algorithm>

#include "compiler/notation/page.hpp"

namespace nodec::notation {
namespace {

// Words of a sentence, with what LaTeX reads as a command escaped.
std::string words(const std::string& text) {
  std::string result;
  for (const std::string& c : characters(text)) {
    if (c == "_" || c == "#" || c == "%" || c == "&" || c == "$" || c == "{" || c == "}")
      result += "\\" + c;
    else if (c == "…")
      result += "\\dots ";
    else if (c.size() > 1)
      result += "$" + latex_writer().symbol({c}) + "$";
    else
      result += c;
  }
  return result;
}

std::string written(const Sentence& sentence) {
  std::string text;
  for (const Piece& piece : sentence) {
    if (piece.formula)
      text += "$" + latex_writer().write(piece.formula) + "$";
    else
      text += piece.word == " = " ? " $=$ " : words(piece.word);
  }
  return text;
}

std::string space_of(const graph::Type& type) {
  std::vector<std::string> extents;
  for (const graph::Extent& e : type.shape) extents.push_back(e.text());
  return latex_writer().space(extents, type.element == graph::Element::integer);
}

std::string annotation(const Line& line) {
  std::string text;
  if (line.type_said && !line.type.scalar()) text = "\\in " + space_of(line.type);
  std::string said;
  if (line.multiply_adds > 0) said = multiply_adds(line.multiply_adds);
  if (!line.rate.empty()) said += (said.empty() ? "" : ", ") + line.rate;
  if (!said.empty()) text += "\\text{" + std::string(text.empty() ? "" : ", ") + said + "}";
  return text;
}

// A sum that is too long for a line is broken before its signs.
std::string equation(const Line& line) {
  constexpr size_t most_columns = 76;
  const std::string left = latex_writer().write(line.left) + " &= ";
  const size_t all = width(text_writer().write(line.right));
  if (line.right->form != Form::sum || all <= most_columns) return left + latex_writer().side(line.right);
  std::string text = left;
  size_t columns = 0;
  for (size_t i = 0; i < line.right->parts.size(); ++i) {
    const Formula& term = line.right->parts[i];
    const bool negative = term->form == Form::negative;
    const Formula bare = negative ? term->parts[0] : term;
    const size_t here = width(text_writer().write(bare)) + 3;
    const char* sign = negative ? " - " : " + ";
    if (i > 0 && columns + here > most_columns) {
      text += " \\\\\n  &\\quad";
      columns = 0;
    }
    // Products bind stronger than the sum that they stand in.
    text += (i == 0 ? (negative ? "-" : "") : sign) + latex_writer().write(bare);
    columns += here;
  }
  return text;
}

std::string table(const std::vector<CostRow>& costs) {
  const std::vector<CostColumn> columns = columns_of(costs);
  std::string text = "\\begin{center}\\begin{tabular}{l" + std::string(2 * columns.size(), 'r') + "}\n ";
  for (const CostColumn& column : columns) text += std::string(" & \\multicolumn{2}{c}{") + column.name + "}";
  text += " \\\\\n ";
  for (size_t i = 0; i < columns.size(); ++i) text += " & multiply-adds & elementwise";
  text += " \\\\ \\hline\n";
  for (const CostRow& row : costs) {
    text += "  " + row.name;
    for (const CostColumn& column : columns) {
      const graph::Cost& c = row.cost.*column.cost;
      text += " & " + std::to_string(c.multiply_adds) + " & " + std::to_string(c.operations);
    }
    text += " \\\\\n";
  }
  return text + "\\end{tabular}\\end{center}\n";
}

}  // namespace

std::string latex_of(const Page& page, size_t most_lines) {
  std::string text = "% " + page.heading + (page.subheading.empty() ? "" : ", " + page.subheading) +
                     "; needs amsmath and amssymb\n";
  std::string where;
  for (const Row& row : page.rows)
    where += (where.empty() ? " with " : ",\n  ") + std::string("$") + latex_writer().write(row.symbol) +
             " \\in " + space_of(row.type) + "$ " + words(row.meaning);
  for (size_t s = 0; s < page.sections.size(); ++s) {
    const Section& section = page.sections[s];
    const std::string subtitle = written(section.subtitle);
    const std::string title = std::string(s == 0 ? "\\noindent" : "") + "\\textbf{" + section.title + "}" +
                              (subtitle.empty() ? "" : " " + subtitle);
    // \intertext stands between lines only.
    text += s == 0 ? title + where + "\n\\begin{align*}\n" : "\\intertext{" + title + "}\n";
    std::vector<std::string> lines;
    for (size_t i = 0; i < std::min(most_lines, section.lines.size()); ++i) {
      const std::string note = annotation(section.lines[i]);
      lines.push_back("  " + equation(section.lines[i]) + (note.empty() ? "" : " \\tag*{$" + note + "$}"));
    }
    if (section.lines.size() > most_lines)
      lines.push_back("  &\\text{\\dots\\ " + std::to_string(section.lines.size() - most_lines) +
                      " more equations}");
    for (const auto& [word, sentence] : section.notes)
      lines.push_back("  &\\text{" + words(word) + (word.empty() ? "" : ": ") + written(sentence) + "}");
    for (size_t i = 0; i < lines.size(); ++i)
      text += lines[i] + (s + 1 == page.sections.size() && i + 1 == lines.size() ? "\n" : " \\\\\n");
  }
  return text + "\\end{align*}\n" + table(page.costs);
}

}  // namespace nodec::notation
