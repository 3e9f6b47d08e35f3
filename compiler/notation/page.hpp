// A derivation as a page: symbols, sections of equations, costs; and its text and LaTeX.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "compiler/graph/cost.hpp"
#include "compiler/notation/writer.hpp"

namespace nodec::notation {

// Words, or a formula.
struct Piece {
  Piece(std::string word) : word(std::move(word)) {}
  Piece(const char* word) : word(word) {}
  Piece(Formula formula) : formula(std::move(formula)) {}
  std::string word;
  Formula formula;
};
using Sentence = std::vector<Piece>;

struct Row {  // what a symbol stands for
  Formula symbol;
  graph::Type type;
  std::string meaning;
};
struct Line {
  Formula left, right;
  graph::Type type;           // of the value
  bool type_said = false;     // beside the equation
  std::string rate = {};      // "" for what is computed each time
  int64_t multiply_adds = 0;  // 0: not said
};
struct Section {
  std::string title;
  Sentence subtitle;
  std::vector<Line> lines;
  std::vector<std::pair<std::string, Sentence>> notes;  // below the lines, each after a word
};
struct CostRow {
  std::string name;
  graph::RatedCost cost;
};
struct Page {
  std::string heading, subheading;
  std::vector<Row> rows;
  std::vector<Section> sections;
  std::vector<CostRow> costs;
  bool lengths = false;  // count as 1 in the costs
  // Of the symbols that the formulas name.
  std::shared_ptr<const void> owner;
};

// "1 multiply-add", "2 multiply-adds".
inline std::string multiply_adds(int64_t count) {
  return std::to_string(count) + (count == 1 ? " multiply-add" : " multiply-adds");
}
// A column of costs. What nothing costs has none.
struct CostColumn {
  const char* name;
  graph::Cost graph::RatedCost::*cost;
};
std::vector<CostColumn> columns_of(const std::vector<CostRow>& costs);
// At most `most_lines` equations a section; a last line says how many were left out.
std::string text_of(const Page& page, size_t most_lines);
std::string latex_of(const Page& page, size_t most_lines);
// "left = right", broken into lines that begin below the right side.
std::vector<std::string> equation_text(const Formula& left, const Formula& right, size_t columns);

}  // namespace nodec::notation
