// linsolve, logabsdet: elimination with row exchanges, written out for the small matrices of a model.
#include "compiler/graph/algebra.hpp"
#include "compiler/semantics/builtins.hpp"

namespace nodec::semantics {

namespace {

constexpr int64_t largest_matrix = 16;

// The rows of U, each from its pivot on, with the right-hand sides after it. Of equal size the first
// candidate is the pivot.
std::vector<Tensor> eliminate(Builtins& b, Tensor block, int64_t n) {
  auto along_rows = [&](const Tensor& x, int64_t rows, int64_t columns) {
    return b.spread(b.reshape(x, {Extent(rows), Extent(1)}), {Extent(rows), Extent(columns)});
  };
  auto slice = [&](const Tensor& x, int64_t row, int64_t column) {
    const std::vector<Extent> shape = x.shape();
    return b.view(x, {{Extent(row), {{0, 1}}, 0}, {Extent(column), {{1, 1}}, 0}},
                  {shape[0] - Extent(row), shape[1] - Extent(column)});
  };
  std::vector<Tensor> rows;
  for (int64_t k = 0; k < n; ++k) {
    const int64_t left = n - k, width = block.shape()[1].value();
    const Tensor first = b.view(block, {{Extent(0), {}, 0}, {Extent(0), {{0, 1}}, 0}}, {Extent(width)});
    if (left == 1) {
      rows.push_back(first);
      break;
    }
    const Tensor column = b.view(block, {{Extent(0), {{0, 1}}, 0}, {Extent(0), {}, 0}}, {Extent(left)});
    const Tensor which = b.reduce(b.map("abs", {column}), graph::Reduction::argmax, {0});
    const Tensor pivot_row = b.pick(block, which);
    const Tensor below = slice(block, 1, 0);
    const Tensor number{graph::add(b.g, b.g.iota(Extent(left - 1)),
                                   b.g.constant(1, {{Extent(left - 1)}, graph::Element::integer})),
                        {},
                        std::nullopt};
    const Tensor exchanged = along_rows(b.map("equal", {number, which}), left - 1, width);
    const Tensor rest = b.map("where", {exchanged, first, below});
    const Tensor pivot = b.view(pivot_row, {{Extent(0), {}, 0}}, {});
    const Tensor head = b.view(rest, {{Extent(0), {{0, 1}}, 0}, {Extent(0), {}, 0}}, {Extent(left - 1)});
    const Tensor factors = along_rows(b.map("div", {head, pivot}), left - 1, width);
    block = slice(b.map("sub", {rest, b.map("mul", {factors, pivot_row})}), 0, 1);
    rows.push_back(pivot_row);
  }
  return rows;
}

int64_t square(Builtins& b, const Tensor& a) {
  if (a.rank() != 2 || a.shape()[0] != a.shape()[1])
    b.fail(Id::needs_square, b.at(0), b.name(), a.type().text());
  const Extent n = a.shape()[0];
  if (!n.is_constant() || n.value() > largest_matrix || n.value() < 1)
    b.unsupported("'" + b.name() + "' of a matrix of " + n.text() + " rows: 1 to " +
                  std::to_string(largest_matrix) + " rows");
  return n.value();
}

Tensor element(Builtins& b, const Tensor& row, int64_t k) { return b.view(row, {{Extent(k), {}, 0}}, {}); }

Value build_linsolve(Builtins& b) {
  const Tensor a = b.real(0), right = b.real(1);
  const int64_t n = square(b, a);
  if (right.rank() < 1 || right.rank() > 2 || right.shape()[0] != Extent(n) ||
      !right.type().size().is_constant())
    b.refuse_pair(Id::product_shapes, a, 0, right, 1);
  const Extent columns = right.rank() == 2 ? right.shape()[1] : Extent(1);
  // [A | b], joined along the second axis as the transposes along the first.
  auto turned = [&](const Tensor& x) {
    return b.view(x, {{Extent(0), {{1, 1}}, 0}, {Extent(0), {{0, 1}}, 0}}, {x.shape()[1], x.shape()[0]});
  };
  const Tensor block = turned(b.joined({turned(a), turned(b.reshape(right, {Extent(n), columns}))}));
  const std::vector<Tensor> rows = eliminate(b, block, n);
  std::vector<Tensor> solution(static_cast<size_t>(n));
  for (int64_t i = n; i-- > 0;) {
    const Tensor& row = rows[static_cast<size_t>(i)];
    Tensor x = b.view(row, {{Extent(n - i), {{0, 1}}, 0}}, {columns});
    for (int64_t j = i + 1; j < n; ++j)
      x = b.map("sub", {x, b.map("mul", {element(b, row, j - i), solution[static_cast<size_t>(j)]})});
    solution[static_cast<size_t>(i)] = b.map("div", {x, element(b, row, 0)});
  }
  return b.done(b.reshape(b.joined(solution), right.shape()));
}

Value build_logabsdet(Builtins& b) {
  const Tensor a = b.real(0);
  Tensor total = b.constant(0);
  for (const Tensor& row : eliminate(b, a, square(b, a)))
    total = b.map("add", {total, b.map("log", {b.map("abs", {element(b, row, 0)})})});
  return {total};
}

constexpr Builtins::Row rows[] = {
    {"linsolve", 2, 2, "", build_linsolve, "linsolve(A, b)"},
    {"logabsdet", 1, 1, "", build_logabsdet, "logabsdet(A)"},
};

}  // namespace

std::span<const Builtins::Row> Builtins::algebra() { return rows; }

}  // namespace nodec::semantics
