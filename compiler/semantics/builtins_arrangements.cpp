// Functions that make or rearrange arrays: reshape, transpose, concat, zeros, eye, …
#include <algorithm>
#include <map>

#include "compiler/graph/algebra.hpp"
#include "compiler/semantics/builtins.hpp"

namespace nodec::semantics {

using graph::AxisMap;
using graph::Element;

namespace {

constexpr int any = 1 << 20;

Extent product_of(const std::vector<Extent>& shape) {
  Extent product(1);
  for (const Extent& e : shape) product = product * e;
  return product;
}

Value build_reshape(Builtins& b) {
  Tensor x = b.tensor(0);
  std::vector<Extent> shape;
  int inferred = -1;
  Extent known(1);
  for (size_t i = 1; i < b.count(); ++i) {
    Extent extent = b.extent(i);
    if (extent == Extent(-1) && inferred < 0) {
      inferred = static_cast<int>(i) - 1;
    } else {
      if (extent.is_constant() && extent.value() < 0) b.fail(Id::negative_extent, b.at(i), extent.text());
      known = known * extent;
    }
    shape.push_back(extent);
  }
  const Extent total = product_of(x.shape());
  if (inferred >= 0) {
    if (known.is_constant() && known.value() > 0)
      shape[static_cast<size_t>(inferred)] = floor_divide(total, known.value());
    known = known * shape[static_cast<size_t>(inferred)];
  }
  if (known != total)
    b.fail(Id::reshape_size, b.span(), x.type().text(), total.text(), Type{shape, x.element()}.text());
  return b.done(b.reshape(x, shape));
}

Value build_transpose(Builtins& b) {
  Tensor x = b.tensor(0);
  const int rank = x.rank();
  std::vector<int> order;
  for (size_t i = 1; i < b.count(); ++i) order.push_back(b.axis_index(b.actual(i).value, b.at(i), rank));
  if (b.count() == 1) {
    for (int a = rank; a-- > 0;) order.push_back(a);
  }
  std::vector<int> sorted = order;
  std::sort(sorted.begin(), sorted.end());
  bool permutation = static_cast<int>(sorted.size()) == rank;
  for (int a = 0; permutation && a < rank; ++a) permutation = sorted[static_cast<size_t>(a)] == a;
  if (!permutation) b.fail(Id::transpose_axes, b.span(), rank);
  std::vector<AxisMap> axes(static_cast<size_t>(rank));
  std::vector<Extent> shape;
  for (int a = 0; a < rank; ++a) {
    axes[static_cast<size_t>(order[static_cast<size_t>(a)])].terms = {{a, 1}};
    shape.push_back(x.shape()[static_cast<size_t>(order[static_cast<size_t>(a)])]);
  }
  return {b.view(x, axes, shape)};
}

Value build_filled(Builtins& b) {
  Type type;
  for (size_t i = 0; i < b.count(); ++i) {
    type.shape.push_back(b.extent(i));
    if (type.shape.back().is_constant() && type.shape.back().value() < 0) {
      b.fail(Id::negative_extent, b.at(i), type.shape.back().text());
    }
  }
  b.check(type, b.span());
  return b.done({b.g.constant(b.name() == "ones" ? 1 : 0, type), {}, std::nullopt});
}

Value build_eye(Builtins& b) {
  const Extent n = b.extent(0);
  b.check({{n, n}, Element::real}, b.span());
  Tensor counter{b.g.iota(n), {}, std::nullopt};
  Tensor row = b.reshape(counter, {n, Extent(1)});
  Tensor equal = b.map("equal", {row, counter});
  return {b.map("where", {equal, b.constant(1), b.constant(0)})};
}

Value build_outer(Builtins& b) {
  Tensor x = b.real(0), y = b.real(1);
  if (x.rank() != 1 || y.rank() != 1) b.refuse_pair(Id::needs_vectors, x, 0, y, 1);
  return b.done(b.contract({"i", "j"}, "ij", {x, y}));
}

Value build_diag(Builtins& b) {
  Tensor x = b.real(0);
  if (x.rank() == 2) {
    if (x.shape()[0] != x.shape()[1]) b.fail(Id::needs_square, b.at(0), b.name(), x.type().text());
    return {b.contract({"ii"}, "i", {x})};
  }
  if (x.rank() != 1) b.fail(Id::needs_vector_or_matrix, b.at(0), b.name(), x.type().text());
  const Extent n = x.shape()[0];
  Tensor counter{b.g.iota(n), {}, std::nullopt};
  Tensor equal = b.map("equal", {b.reshape(counter, {n, Extent(1)}), counter});
  return b.done(b.map("where", {equal, x, b.constant(0)}));
}

Value build_reverse(Builtins& b) {
  Tensor x = b.tensor(0);
  if (x.rank() == 0) b.fail(Id::needs_axis, b.span(), b.name(), x.type().text());
  std::vector<int> reversed = b.has("axis") ? b.axes(x, true) : std::vector<int>{0};
  std::vector<AxisMap> axes;
  for (int a = 0; a < x.rank(); ++a) {
    const bool turn = std::find(reversed.begin(), reversed.end(), a) != reversed.end();
    axes.push_back(
        {turn ? x.shape()[static_cast<size_t>(a)] - Extent(1) : Extent(0), {{a, turn ? -1 : 1}}, 0});
  }
  return {b.view(x, axes, x.shape())};
}

Value build_pad(Builtins& b) {
  Tensor x = b.real(0);
  const Extent before = b.extent(1), after = b.extent(b.count() - 1);
  for (const Extent& e : {before, after}) {
    if (e.is_constant() && e.value() < 0) b.fail(Id::negative_extent, b.at(1), e.text());
  }
  if (x.rank() == 0) b.fail(Id::needs_axis, b.span(), b.name(), x.type().text());
  for (int axis : b.axes(x, true)) x = b.padded(x, axis, before, after);
  return b.done(x);
}

Value build_len(Builtins& b) {
  if (auto* list = b.actual(0).value.as<DimList>()) {
    return {b.integer(Extent(static_cast<int64_t>(list->dims.size())))};
  }
  if (auto* array = b.actual(0).value.as<Value::ArrayValue>()) {
    return {b.integer(Extent(static_cast<int64_t>(array->instances.size())))};
  }
  Tensor x = b.tensor(0);
  if (x.rank() == 0) b.fail(Id::needs_axis, b.span(), b.name(), x.type().text());
  return {b.integer(x.shape()[0])};
}

// a at 0, b at n − 1, both exactly.
Value build_linspace(Builtins& b) {
  Tensor from = b.real(0), to = b.real(1);
  const Extent n = b.extent(2);
  if (from.rank() != 0 || to.rank() != 0) b.refuse_pair(Id::needs_scalars, from, 0, to, 1);
  b.check({{n}, Element::real}, b.span());
  Tensor counter = b.as_real({b.g.iota(n), {}, std::nullopt});
  if (n == Extent(1)) return {b.reshape(from, {Extent(1)})};
  Tensor share = b.map("div", {counter, b.as_real(b.integer(n - Extent(1)))});
  Tensor rest = b.map("sub", {b.constant(1), share});
  return b.done(b.map("add", {b.map("mul", {from, rest}), b.map("mul", {to, share})}));
}

Value build_concat(Builtins& b) {
  std::vector<Tensor> parts;
  bool reals = false;
  for (size_t i = 0; i < b.count(); ++i) {
    Tensor x = b.number(i);
    if (x.rank() == 0) x = b.reshape(x, {Extent(1)});
    reals = reals || x.element() == Element::real;
    parts.push_back(x);
  }
  Extent first(0);
  for (size_t i = 0; i < parts.size(); ++i) {
    if (reals) parts[i] = b.as_real(parts[i]);
    std::vector<Extent> rest = parts[i].shape(), wanted = parts[0].shape();
    first = first + rest[0];
    rest.erase(rest.begin());
    wanted.erase(wanted.begin());
    if (rest != wanted) b.refuse_pair(Id::concat_shapes, parts[0], 0, parts[i], i);
  }
  return b.done(b.joined(parts));
}

Value build_einsum(Builtins& b) {
  const auto* string = b.text(0) ? std::get_if<syntax::String>(&b.text(0)->node) : nullptr;
  if (!string) b.fail(Id::einsum_labels, b.at(0), "the first argument is a string such as \"ij,j->i\"");
  std::vector<std::string> labels(1);
  std::string result;
  bool arrow = false;
  for (size_t k = 0; k < string->text.size(); ++k) {
    const char c = string->text[k];
    if (c == ' ') continue;
    if (c == '-' && k + 1 < string->text.size() && string->text[k + 1] == '>' && !arrow) {
      arrow = true;
      ++k;
    } else if (c == ',' && !arrow) {
      labels.emplace_back();
    } else if (c >= 'a' && c <= 'z') {
      (arrow ? result : labels.back()) += c;
    } else {
      b.fail(Id::einsum_labels, b.at(0), std::string("'") + c + "' is no label; labels are a to z");
    }
  }
  if (!arrow) b.fail(Id::einsum_labels, b.at(0), "there is no '->'");
  if (labels.size() != b.count() - 1) {
    b.fail(Id::einsum_labels, b.at(0),
           std::to_string(labels.size()) + " operands are labelled, " + std::to_string(b.count() - 1) +
               " are given");
  }
  std::vector<Tensor> operands;
  std::map<char, std::pair<Extent, size_t>> extents;
  for (size_t i = 0; i < labels.size(); ++i) {
    Tensor x = b.real(i + 1);
    if (x.rank() != static_cast<int>(labels[i].size())) {
      b.fail(Id::einsum_labels, b.at(i + 1), "'" + labels[i] + "' labels " + x.type().text());
    }
    for (size_t a = 0; a < labels[i].size(); ++a) {
      auto [place, added] = extents.emplace(labels[i][a], std::pair{x.shape()[a], i + 1});
      if (!added && place->second.first != x.shape()[a]) {
        b.fail(Id::einsum_labels, b.at(i + 1),
               std::string("'") + labels[i][a] + "' is " + place->second.first.text() + " and " +
                   x.shape()[a].text());
      }
    }
    operands.push_back(x);
  }
  for (size_t k = 0; k < result.size(); ++k) {
    if (!extents.contains(result[k]) || result.find(result[k], k + 1) != std::string::npos) {
      b.fail(Id::einsum_labels, b.at(0),
             std::string("'") + result[k] + "' of the result must stand once there and in an operand");
    }
  }
  // Two at a time, from the left; a label stays as long as something after it has it.
  while (operands.size() > 2) {
    std::string later = result, kept;
    for (size_t i = 2; i < labels.size(); ++i) later += labels[i];
    for (char label : labels[0] + labels[1]) {
      if (later.find(label) != std::string::npos && kept.find(label) == std::string::npos) kept += label;
    }
    operands[1] = b.contract({labels[0], labels[1]}, kept, {operands[0], operands[1]});
    labels[1] = kept;
    operands.erase(operands.begin());
    labels.erase(labels.begin());
  }
  return b.done(b.contract(labels, result, operands));
}

Value build_where(Builtins& b) {
  Tensor c = b.tensor(0);
  if (c.element() != Element::boolean) b.fail(Id::not_a_condition, b.at(0), c.type().text());
  return {b.map("where", {c, b.tensor(1), b.tensor(2)})};
}

Value build_stop_gradient(Builtins& b) { return {b.stop(b.real(0))}; }

constexpr Builtins::Row rows[] = {
    {"reshape", 2, any, "", build_reshape, "reshape(x, n, m)"},
    {"transpose", 1, any, "", build_transpose, "transpose(x) or transpose(x, 1, 0)"},
    {"zeros", 0, any, "", build_filled, "zeros(n, m)"},
    {"ones", 0, any, "", build_filled, "ones(n, m)"},
    {"eye", 1, 1, "", build_eye, "eye(n)"},
    {"outer", 2, 2, "", build_outer, "outer(a, b)"},
    {"diag", 1, 1, "", build_diag, "diag(x)"},
    {"reverse", 1, 1, "axis", build_reverse, "reverse(x) or reverse(x, axis = k)"},
    {"pad", 2, 3, "axis", build_pad, "pad(x, n) or pad(x, before, after)"},
    {"len", 1, 1, "", build_len, "len(x)"},
    {"linspace", 3, 3, "", build_linspace, "linspace(a, b, n)"},
    {"concat", 1, any, "", build_concat, "concat(a, b)"},
    {"einsum", 2, any, "", build_einsum, "einsum(\"ij,j->i\", A, x)"},
    {"where", 3, 3, "", build_where, "where(c, a, b)"},
    {"stop_gradient", 1, 1, "", build_stop_gradient, "stop_gradient(e)"},
};

}  // namespace

std::span<const Builtins::Row> Builtins::arrangements() { return rows; }

}  // namespace nodec::semantics
