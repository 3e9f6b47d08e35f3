// The arrays behind declarations, wherever a file keeps them: whole, by sample, or as series of a table's
// rows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/binding.hpp"

namespace nodec::runtime {

// The array behind one declaration.
struct Located {
  const Declared* declared = nullptr;
  const Array* array = nullptr;
  Array own;  // what `array` points to, when it was put together from columns
  bool shared = false;
  std::vector<int64_t> rows;  // of each sample's series, along its first axis; empty unless series differ
  const Table* table = nullptr;

  int64_t sample_axes() const { return shared ? 0 : 1; }
  std::vector<int64_t> sample_shape() const {
    return {array->shape.begin() + sample_axes(), array->shape.end()};
  }
  // Line in a table of an element of `sample`, whose first index is `row`; 0 when there is none.
  int64_t line(int64_t sample, int64_t row) const;
};

// "[T, 2] or [samples, T, 2]"
std::string expected_shape(const Declared& declared, bool both);

// One entry for each declaration that has an array of a fitting rank, in order of declaration; errors for the
// others.
std::vector<Located> locate(const std::string& file, const Arrays& arrays,
                            const std::vector<Declared>& declared, Errors& errors);
std::vector<Located> locate(const Table& table, const std::vector<Declared>& declared,
                            const ColumnMap& columns, Errors& errors);

}  // namespace nodec::runtime
