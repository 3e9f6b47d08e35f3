// Small pieces that every stepper writes with (see lanes.hpp).
#include "compiler/solvers/lanes.hpp"

#include <algorithm>
#include <limits>

namespace nodec::solvers {

namespace {

// Unrolled code may not grow with the state: at most this many elements, and this much arithmetic.
constexpr int64_t unrolled_elements = 8;
constexpr int64_t unrolled_terms = 64;

bool unrolls(int64_t count, int64_t terms) {
  return count <= 1 || (count <= unrolled_elements && count * terms <= unrolled_terms);
}

}  // namespace

Variable::Variable(Builder& b, const std::string& name, schedule::Kind kind)
    : buffer_(b.frame(name, 1, true, kind)) {}

Rows frame_rows(Builder& b, const std::string& name, int64_t count) {
  return {b.frame(name, std::max<int64_t>(1, count)), b.index(0)};
}

Rows shift(Builder& b, Rows rows, int64_t n) { return {rows.buffer, b.integer_add(rows.offset, b.index(n))}; }

Value load(Builder& b, Rows rows, Value element) {
  return b.load(rows.buffer, b.integer_add(rows.offset, element));
}

void store(Builder& b, Rows rows, Value element, Value value) {
  b.store(rows.buffer, b.integer_add(rows.offset, element), value);
}

void store(Builder& b, Rows rows, Value element, Value value, Value mask) {
  b.store_masked(rows.buffer, b.integer_add(rows.offset, element), value, mask);
}

void copy(Builder& b, Rows to, Rows from, int64_t count) {
  b.copy(to.buffer, to.offset, from.buffer, from.offset, b.index(count));
}

void fill(Builder& b, Rows rows, int64_t count, double value) {
  b.fill(rows.buffer, rows.offset, b.index(count), b.real(value));
}

Value lane_index(Builder& b, Rows rows, Value lane_row, int64_t width, Value element) {
  const Value first = b.integer_add(b.integer_of(rows.offset), b.integer_of(element));
  return b.integer_add(b.integer_mul(lane_row, b.integer(width)), first);
}

void each_element(Builder& b, int64_t first, int64_t end, int64_t terms,
                  const std::function<void(Value element)>& body) {
  if (unrolls(end - first, terms)) {
    for (int64_t d = first; d < end; ++d) body(b.index(d));
  } else {
    b.for_loop(b.index(first), b.index(end), body);
  }
}

void fold_elements(Builder& b, int64_t first, int64_t end, int64_t terms, std::vector<Value>& carried,
                   const std::function<void(Value element, std::vector<Value>& carried)>& body) {
  if (unrolls(end - first, terms)) {
    for (int64_t d = first; d < end; ++d) body(b.index(d), carried);
    return;
  }
  std::vector<Variable> variables;
  for (Value value : carried) {
    variables.emplace_back(b, "sum", b.type(value).kind);
    variables.back().set(b, value);
  }
  b.for_loop(b.index(first), b.index(end), [&](Value element) {
    std::vector<Value> inside;
    for (const Variable& variable : variables) inside.push_back(variable.get(b));
    body(element, inside);
    for (size_t i = 0; i < variables.size(); ++i) variables[i].set(b, inside[i]);
  });
  for (size_t i = 0; i < variables.size(); ++i) carried[i] = variables[i].get(b);
}

Value weighted_sum(Builder& b, const std::vector<double>& weights, Rows rows, int64_t width, Value element) {
  Value sum = schedule::none;
  for (size_t j = 0; j < weights.size(); ++j) {
    if (weights[j] == 0) continue;
    const Value term = load(b, shift(b, rows, static_cast<int64_t>(j) * width), element);
    sum = sum == schedule::none ? b.mul(b.real(weights[j]), term) : b.fma(b.real(weights[j]), term, sum);
  }
  return sum;
}

Value finite(Builder& b, Value x) {
  return b.less(b.abs(x), b.real(std::numeric_limits<double>::infinity()));
}

}  // namespace nodec::solvers
