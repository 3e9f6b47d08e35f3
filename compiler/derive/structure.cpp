// Terms of a Jacobian -> pieces of a matrix.
#include "compiler/derive/structure.hpp"

#include <algorithm>
#include <set>

#include "compiler/derive/network.hpp"
#include "compiler/graph/algebra.hpp"

namespace nodec::derive {
namespace {

using namespace graph;

// Beyond this many terms a block is one dense piece.
constexpr size_t most_pieces = 16;

// A product whose factors fall into two sides when one label, the bond, is cut.
struct Split {
  std::vector<size_t> left, right;  // factors
  char bond = 0;                    // 0: there is none to cut, the rank is 1
};

// The factors that the label reaches, not through the bond.
std::set<size_t> reached(const Term& term, char label, char bond) {
  std::set<char> labels{label};
  std::set<size_t> factors;
  for (bool grown = true; grown;) {
    grown = false;
    for (size_t f = 0; f < term.factors.size(); ++f) {
      const auto& word = term.indices[f];
      const bool touches = std::any_of(word.begin(), word.end(), [&](const Index& i) {
        return i.label != bond && labels.count(i.label) > 0;
      });
      if (!touches || !factors.insert(f).second) continue;
      grown = true;
      for (const Index& index : word) labels.insert(index.label);
    }
  }
  return factors;
}

bool split_at(const Term& term, char row, char column, char bond, Split& split) {
  const std::set<size_t> left = reached(term, row, bond), right = reached(term, column, bond);
  split = {{}, {}, bond};
  for (size_t f = 0; f < term.factors.size(); ++f) {
    if (left.count(f) && right.count(f)) return false;
    (right.count(f) ? split.right : split.left).push_back(f);
  }
  return true;
}

Term side(const Term& term, const std::vector<size_t>& factors, const std::string& labels) {
  Term result;
  for (const size_t f : factors) {
    result.factors.push_back(term.factors[f]);
    result.indices.push_back(term.indices[f]);
  }
  for (const auto& [label, range] : term.ranges)
    if (labels.find(label) != std::string::npos || result.in_factor(label)) result.ranges[label] = range;
  return result;
}

bool less(const Extent& a, const Extent& b) {
  return a.is_constant() && (!b.is_constant() || a.value() < b.value());
}

class Builder {
 public:
  Builder(Graph& g, Block& block) : g_(g), block_(block) {}

  // False where a term is none of the forms.
  bool add(const Term& term) {
    if (term.axes.size() != 1 || term.with.size() != 1) return false;
    const Index row = term.axes[0], column = term.with[0];
    const Range& of_row = term.ranges.at(row.label);
    const Range& of_column = term.ranges.at(column.label);
    Piece piece{Piece::Kind::diagonal, of_row.begin + row.shift, of_column.begin + column.shift,
                of_row.extent, of_column.extent};
    if (row.label == column.label) {
      piece.value = contract_term(g_, term, {row.label}, Ties::first);
    } else if (piece.rows == Extent(1) && piece.columns == Extent(1)) {
      const Ref value = contract_term(g_, term, {row.label, column.label}, Ties::first);
      piece.value = vanishes(value) ? nullptr : g_.reshape(value, {1});
    } else if (Split best; splits(term, row.label, column.label, best)) {
      piece.kind = Piece::Kind::low_rank;
      cut(term, row.label, column.label, best, piece);
    } else {
      piece.kind = Piece::Kind::dense;
      piece.value = contract_term(g_, term, {row.label, column.label}, Ties::first);
    }
    if (piece.kind == Piece::Kind::low_rank || !vanishes(piece.value)) merge(piece);
    return true;
  }

 private:
  // The split of least rank, if that is less than the piece's rows and columns.
  bool splits(const Term& term, char row, char column, Split& best) const {
    Split split;
    if (split_at(term, row, column, 0, split)) {
      best = split;
      const auto one = [](const Extent& e) { return e == Extent(1); };
      return !one(term.ranges.at(row).extent) && !one(term.ranges.at(column).extent);
    }
    Extent rank = term.ranges.at(row).extent;
    if (less(term.ranges.at(column).extent, rank)) rank = term.ranges.at(column).extent;
    bool found = false;
    for (const auto& [label, range] : term.ranges) {
      if (label == row || label == column || !less(range.extent, rank)) continue;
      if (!split_at(term, row, column, label, split)) continue;
      best = split;
      rank = range.extent;
      found = true;
    }
    return found;
  }

  void cut(const Term& term, char row, char column, const Split& split, Piece& piece) {
    const std::string bond = split.bond ? std::string{split.bond} : "";
    Term left = side(term, split.left, row + bond), right = side(term, split.right, column + bond);
    left.coefficient = term.coefficient;
    // Labels that no factor has are counted once.
    for (const auto& [label, range] : term.ranges)
      if (!left.ranges.count(label) && !right.ranges.count(label)) left.ranges[label] = range;
    piece.left = contract_term(g_, left, row + bond, Ties::first);
    piece.right = contract_term(g_, right, bond + column, Ties::first);
    if (!bond.empty()) return;
    piece.left = g_.reshape(piece.left, {piece.rows, 1});
    piece.right = g_.reshape(piece.right, {1, piece.columns});
  }

  // Pieces of one kind and place are one.
  void merge(const Piece& piece) {
    for (Piece& other : block_.pieces) {
      if (piece.kind == Piece::Kind::low_rank || other.kind != piece.kind) continue;
      if (!(other.row == piece.row && other.column == piece.column && other.rows == piece.rows &&
            other.columns == piece.columns))
        continue;
      other.value = graph::add(g_, other.value, piece.value);
      return;
    }
    block_.pieces.push_back(piece);
  }

  Graph& g_;
  Block& block_;
};

Ref as_matrix(Graph& g, const Piece& piece) {
  if (piece.kind == Piece::Kind::low_rank) return matmul(g, piece.left, piece.right);
  return piece.value;
}

}  // namespace

Block structure(Graph& g, Ref e, Ref x, Refusal* refusal) {
  Block block{e->type.size(), x->type.size(), {}};
  const std::vector<Ref> active = postorder(std::vector<Ref>{e});
  const bool solves = std::any_of(active.begin(), active.end(),
                                  [](Ref node) { return node->is(Kind::solve) || node->is(Kind::adjoint); });
  if (!solves && e->type.rank() <= 1 && x->type.rank() <= 1) {
    // A scalar is a vector of one element.
    const Ref rows = g.reshape(e, {block.rows});
    Network network(g, x, {most_pieces, Ties::first}, *refusal);
    Terms terms = network.derive(rows);
    if (*refusal) return block;
    bool plain = true;
    Builder builder(g, block);
    for (Term& term : terms) {
      if (x->type.scalar()) {
        Index index{};
        plain = plain && term.fresh(1, index);
        term.with = {index};
      }
      plain = plain && builder.add(term);
    }
    if (plain) return block;
    block.pieces.clear();
  }
  const Ref whole = g.reshape(jacobian(g, e, x, refusal), {block.rows, block.columns});
  if (!vanishes(whole)) block.pieces = {{Piece::Kind::dense, 0, 0, block.rows, block.columns, whole}};
  return block;
}

std::vector<bool> pattern(const Block& block) {
  const size_t columns = static_cast<size_t>(block.columns.value());
  std::vector<bool> result(static_cast<size_t>(block.rows.value()) * columns);
  for (const Piece& piece : block.pieces)
    for (int64_t i = 0; i < piece.rows.value(); ++i)
      for (int64_t j = 0; j < piece.columns.value(); ++j) {
        if (piece.kind == Piece::Kind::diagonal && i != j) continue;
        result[static_cast<size_t>(piece.row.value() + i) * columns +
               static_cast<size_t>(piece.column.value() + j)] = true;
      }
  return result;
}

std::string describe(const Block& block) {
  size_t diagonals = 0;
  bool main = false;
  std::string rest;
  for (const Piece& piece : block.pieces) {
    if (piece.kind == Piece::Kind::diagonal) {
      ++diagonals;
      main = main || piece.row == piece.column;
    } else if (piece.kind == Piece::Kind::low_rank) {
      rest += " + rank " + piece.left->type.shape[1].text();
    } else {
      const bool whole = piece.rows == block.rows && piece.columns == block.columns;
      rest += whole ? " + dense" : " + dense " + piece.rows.text() + "×" + piece.columns.text();
    }
  }
  std::string text;
  if (diagonals == 1) text = main ? " + diagonal" : " + off-diagonal";
  if (diagonals > 1) text = " + " + std::to_string(diagonals) + " diagonals";
  text += rest;
  return text.empty() ? "0" : text.substr(3);
}

Ref dense(Graph& g, const Block& block) {
  const std::vector<Extent> shape{block.rows, block.columns};
  Ref total = zeros(g, {shape, Element::real});
  for (const Piece& piece : block.pieces) {
    const bool diagonal = piece.kind == Piece::Kind::diagonal;
    View view;
    view.axes = {{piece.row, {{0, 1}}, 0}, {piece.column, {{diagonal ? 0 : 1, 1}}, 0}};
    total = add(g, total, g.place(as_matrix(g, piece), view, shape));
  }
  return total;
}

}  // namespace nodec::derive
