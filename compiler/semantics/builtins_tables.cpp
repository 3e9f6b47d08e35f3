// Functions given by points: the interval that holds a time, and the line between its ends.
#include "compiler/graph/algebra.hpp"
#include "compiler/semantics/builtins.hpp"

namespace nodec::semantics {

namespace {

Tensor times(Builtins& b, size_t i) {
  Tensor ts = b.real(i);
  if (ts.rank() != 1) b.fail(Id::needs_vector, b.at(i), b.name(), ts.type().text());
  return ts;
}

Tensor time(Builtins& b, size_t i) {
  Tensor t = b.real(i);
  if (t.rank() != 0) b.fail(Id::not_a_scalar, b.at(i), "the time", t.type().text());
  return t;
}

// The last k with ts[k] ≤ t, clamped to 0 … n − 2.
Tensor interval(Builtins& b, const Tensor& ts, const Tensor& t) {
  Tensor passed = b.map("where", {b.map("less_equal", {ts, t}), b.integer(Extent(1)), b.integer(Extent(0))});
  Tensor last = b.map("sub", {b.sum(passed, {0}), b.integer(Extent(1))});
  Tensor most = b.integer(ts.shape()[0] - Extent(2));
  return b.map("max", {b.map("min", {last, most}), b.integer(Extent(0))});
}

Tensor pick(Builtins& b, const Tensor& x, const Tensor& k) { return b.pick(x, k); }

Value build_search(Builtins& b) {
  Tensor ts = times(b, 0);
  return {interval(b, ts, time(b, 1))};
}

Value build_interp(Builtins& b) {
  Tensor t = time(b, 0), ts = times(b, 1), xs = b.real(2);
  if (xs.rank() < 1 || xs.shape()[0] != ts.shape()[0]) b.refuse_pair(Id::table_lengths, ts, 1, xs, 2);
  if (ts.shape()[0] == Extent(1)) return {pick(b, xs, b.integer(Extent(0)))};
  Tensor k = interval(b, ts, t);
  Tensor next = b.map("add", {k, b.integer(Extent(1))});
  Tensor t0 = pick(b, ts, k), t1 = pick(b, ts, next);
  Tensor inside = b.map("div", {b.map("sub", {t, t0}), b.map("sub", {t1, t0})});
  // Outside, and where two times agree, a value is held; elsewhere the slope counts, at the last time too.
  Tensor before = b.map("less", {t, t0}), after = b.map("greater", {t, t1}),
         flat = b.map("less_equal", {t1, t0});
  Tensor share = b.map(
      "where", {before, b.constant(0), b.map("where", {b.map("or", {after, flat}), b.constant(1), inside})});
  Tensor from = pick(b, xs, k), to = pick(b, xs, next);
  return {b.map("add", {from, b.map("mul", {share, b.map("sub", {to, from})})})};
}

constexpr Builtins::Row rows[] = {
    {"search", 2, 2, "", build_search, "search(ts, t)"},
    {"interp", 3, 3, "", build_interp, "interp(t, ts, xs)"},
};

}  // namespace

std::span<const Builtins::Row> Builtins::tables() { return rows; }

}  // namespace nodec::semantics
