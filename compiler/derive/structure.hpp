// ∂e/∂x in the form that the expression gives it: zero, diagonal, of low rank, dense.
#pragma once

#include <string>
#include <vector>

#include "compiler/derive/derive.hpp"

namespace nodec::derive {

// A part of a matrix: rows [row, row + rows), columns [column, column + columns).
struct Piece {
  enum class Kind : uint8_t { diagonal, low_rank, dense };
  Kind kind;
  graph::Extent row, column, rows, columns;
  Ref value = nullptr;  // diagonal: real[rows] (columns is as many); dense: real[rows, columns]
  Ref left = nullptr, right = nullptr;  // low_rank: left @ right, real[rows, rank] and real[rank, columns]
};

// Σ pieces; none: zero. The rows are e's elements, the columns x's, both row-major.
struct Block {
  graph::Extent rows, columns;
  std::vector<Piece> pieces;
};

// Products with a vector cost what the pieces hold instead of rows · columns; an implicit method solves with
// them. A piece is diagonal or of low rank only where that is plain from the expression.
Block structure(Graph& g, Ref e, Ref x, Refusal* refusal);

// Whether each element can differ from zero, row-major. The block's extents are constants.
std::vector<bool> pattern(const Block& block);
// "0", "diagonal", "diagonal + rank 64", "3 diagonals", "dense", …
std::string describe(const Block& block);
// The block as one matrix real[rows, columns].
Ref dense(Graph& g, const Block& block);

}  // namespace nodec::derive
