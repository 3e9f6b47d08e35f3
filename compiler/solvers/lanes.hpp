// Small pieces that every stepper writes with: variables of a loop, rows of a state, sums over elements.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "compiler/schedule/builder.hpp"
#include "compiler/schedule/solving.hpp"

namespace nodec::solvers {

using schedule::BufferId;
using schedule::Builder;
using schedule::Rows;
using schedule::Value;

// A value per lane that loops change.
class Variable {
 public:
  Variable(Builder& b, const std::string& name, schedule::Kind kind = schedule::Kind::real);
  Value get(Builder& b) const { return b.load(buffer_, b.index(0)); }
  void set(Builder& b, Value value) const { b.store(buffer_, b.index(0), value); }
  void set(Builder& b, Value value, Value mask) const { b.store_masked(buffer_, b.index(0), value, mask); }

 private:
  BufferId buffer_;
};

// A condition per lane that loops change.
class Flag {
 public:
  Flag(Builder& b, const std::string& name) : variable_(b, name, schedule::Kind::integer) {}
  Value get(Builder& b) const { return b.integer_equal(variable_.get(b), b.integer(1)); }
  void set(Builder& b, Value mask) const { variable_.set(b, b.select(mask, b.integer(1), b.integer(0))); }

 private:
  Variable variable_;
};

// New rows [count] of the function's frame.
Rows frame_rows(Builder& b, const std::string& name, int64_t count);
// Rows from the n-th on.
Rows shift(Builder& b, Rows rows, int64_t n);
Value load(Builder& b, Rows rows, Value element);
void store(Builder& b, Rows rows, Value element, Value value);
void store(Builder& b, Rows rows, Value element, Value value, Value mask);
void copy(Builder& b, Rows to, Rows from, int64_t count);
void fill(Builder& b, Rows rows, int64_t count, double value);
// Each lane's own row: rows[lane_row · width + element].
Value lane_index(Builder& b, Rows rows, Value lane_row, int64_t width, Value element);

// for element in first … end−1; small ranges are unrolled, `terms` counts the arithmetic of one element.
void each_element(Builder& b, int64_t first, int64_t end, int64_t terms,
                  const std::function<void(Value element)>& body);
// The same with values carried from element to element.
void fold_elements(Builder& b, int64_t first, int64_t end, int64_t terms, std::vector<Value>& carried,
                   const std::function<void(Value element, std::vector<Value>& carried)>& body);

// Σ_j weights[j] · rows[j·width + element], no code for zero weights; `none` when all are zero.
Value weighted_sum(Builder& b, const std::vector<double>& weights, Rows rows, int64_t width, Value element);

// |x| < inf.
Value finite(Builder& b, Value x);

}  // namespace nodec::solvers
