// Declarations to the arrays of an archive or the columns of a table, by name and rank.
#include "runtime/located.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace nodec::runtime {
namespace {

std::string shape_text(const Declared& declared, bool samples) {
  std::string text = samples ? "samples" : "";
  for (const Extent& extent : declared.shape) text += (text.empty() ? "" : ", ") + extent.text();
  return "[" + text + "]";
}

// How a declaration lies in a table: its first axis down the rows, or whole in every row.
struct Column {
  const Declared* declared;
  Array array;  // [rows, tail…]
  bool down = false;
};

// The tail that mapped columns are to fill, and whether the first axis runs down the rows.
bool runs_down(const Declared& declared, size_t columns) {
  if (declared.shape.empty()) return false;
  int64_t product = 1;
  for (const Extent& extent : declared.shape) {
    if (!extent.is_constant()) return true;
    product *= *extent.evaluate({});
  }
  return product != static_cast<int64_t>(columns);
}

std::vector<int64_t> open_shape(const Declared& declared, size_t first) {
  std::vector<int64_t> shape;
  for (size_t a = first; a < declared.shape.size(); ++a) {
    shape.push_back(declared.shape[a].is_constant() ? *declared.shape[a].evaluate({}) : -1);
  }
  return shape;
}

// The rows of each series; one series of all rows when there is no such column.
std::vector<std::vector<int64_t>> rows_by_series(const Table& table, bool each_row) {
  std::vector<std::vector<int64_t>> groups;
  for (int64_t row = 0; row < table.rows(); ++row) {
    const int64_t group = each_row ? row : table.series.empty() ? 0 : table.series[row];
    if (group >= static_cast<int64_t>(groups.size())) groups.resize(group + 1);
    groups[group].push_back(row);
  }
  return groups;
}

class TableLocator {
 public:
  TableLocator(const Table& table, const ColumnMap& map, Errors& errors)
      : table_(table), map_(map), errors_(errors) {}

  std::vector<Located> locate(const std::vector<Declared>& declared) {
    std::vector<Column> columns;
    bool down = false;
    for (const Declared& d : declared) {
      if (std::optional<Column> column = read(d)) {
        down = down || column->down;
        columns.push_back(std::move(*column));
      }
    }
    // Without series, arrays that run down the rows make the table one sample, which has no sample axis.
    const bool grouped = !table_.series.empty();
    const bool each_row = !down && !grouped;
    groups_ = rows_by_series(table_, each_row);
    all_ = rows_by_series(table_, false);
    if (grouped) {
      all_.assign(1, {});
      for (int64_t row = 0; row < table_.rows(); ++row) all_[0].push_back(row);
    }
    std::vector<Located> located;
    for (Column& column : columns) {
      const bool shared = column.declared->constant || (down && !grouped);
      if (shared && grouped && column.down) {
        errors_.push_back(error(Problem::shared_needed, table_.file, column.declared->name,
                                shape_text(*column.declared, false), "a series for each sample"));
        continue;
      }
      Located found{column.declared, nullptr, {}, shared, {}, &table_};
      const bool good = column.down ? stack(column, shared, found) : settle(column, shared, found);
      if (good) located.push_back(std::move(found));
    }
    for (Located& found : located) found.array = &found.own;
    return located;
  }

 private:
  std::optional<Column> read(const Declared& declared) {
    if (!has_array(table_, declared.name, map_)) {
      std::string columns;
      for (const auto& column : table_.columns) {
        if (columns.size() > 200) {
          columns += ", …";
          break;
        }
        columns += (columns.empty() ? "'" : ", '") + column.name + "'";
      }
      errors_.push_back(error(Problem::csv_missing_array, table_.file, declared.name,
                              suggestion(declared.name, table_arrays(table_)), shape_text(declared, false),
                              columns, declared.name));
      return std::nullopt;
    }
    const auto mapped = map_.find(declared.name);
    const bool by_map = mapped != map_.end();
    bool down = by_map && runs_down(declared, mapped->second.size());
    Result<Array> array = table_array(table_, declared.name, map_, open_shape(declared, down ? 1 : 0));
    if (!array) {
      errors_.insert(errors_.end(), array.errors().begin(), array.errors().end());
      return std::nullopt;
    }
    const size_t tail = array->shape.size() - 1, rank = declared.shape.size();
    if (!by_map) down = tail + 1 == rank;
    if (tail + (down ? 1 : 0) != rank) {
      errors_.push_back(
          error(Problem::wrong_shape, table_.file, declared.name, shape_text(declared, false), array->shape));
      return std::nullopt;
    }
    return Column{&declared, std::move(*array), down};
  }

  static int64_t width(const Column& column) {
    int64_t product = 1;
    for (size_t a = 1; a < column.array.shape.size(); ++a) product *= column.array.shape[a];
    return product;
  }

  // [series, longest, tail…], or [rows, tail…] when shared.
  bool stack(Column& column, bool shared, Located& found) {
    if (shared) {
      found.own = std::move(column.array);
      return true;
    }
    size_t longest = 0;
    for (const std::vector<int64_t>& rows : groups_) longest = std::max(longest, rows.size());
    std::vector<int64_t> shape = column.array.shape;
    shape[0] = static_cast<int64_t>(longest);
    shape.insert(shape.begin(), static_cast<int64_t>(groups_.size()));
    const std::optional<int64_t> count = element_count(shape);
    if (!count) {
      errors_.push_back(error(Problem::array_too_large, table_.file, column.declared->name, shape));
      return false;
    }
    const size_t row_bytes = static_cast<size_t>(width(column)) * sizeof(double);
    found.own =
        Array{shape, Element::f64, std::vector<std::byte>(static_cast<size_t>(*count) * sizeof(double))};
    for (size_t s = 0; s < groups_.size(); ++s) {
      for (size_t r = 0; r < groups_[s].size(); ++r) {
        const std::byte* from = column.array.bytes.data() + static_cast<size_t>(groups_[s][r]) * row_bytes;
        std::copy(from, from + row_bytes, found.own.bytes.data() + (s * longest + r) * row_bytes);
      }
      found.rows.push_back(static_cast<int64_t>(groups_[s].size()));
    }
    return true;
  }

  // The one value that an array has in every row of a series.
  bool settle(Column& column, bool shared, Located& found) {
    const std::vector<std::vector<int64_t>>& groups = shared ? all_ : groups_;
    const int64_t elements = width(column);
    std::vector<double> values;
    for (size_t s = 0; s < groups.size(); ++s) {
      const int64_t first = groups[s][0] * elements;
      for (int64_t e = 0; e < elements; ++e) {
        const double value = column.array.real(first + e);
        values.push_back(value);
        for (const int64_t row : groups[s]) {
          const double other = column.array.real(row * elements + e);
          if (other == value || (std::isnan(other) && std::isnan(value))) continue;
          const bool named = !table_.series.empty() && !shared;
          errors_.push_back(make_error(Problem::csv_not_constant, table_.file, table_.lines[row],
                                       {column.declared->name, named ? "series" : "table", value, other,
                                        named ? "series '" + table_.series_names[s] + "'" : "the table"}));
          return false;
        }
      }
    }
    std::vector<int64_t> shape = column.array.shape;
    shape[0] = static_cast<int64_t>(groups.size());
    if (shared) shape.erase(shape.begin());
    found.own = Array::of(std::move(shape), std::span<const double>(values));
    return true;
  }

  const Table& table_;
  const ColumnMap& map_;
  Errors& errors_;
  std::vector<std::vector<int64_t>> groups_, all_;  // rows of each sample; all rows
};

}  // namespace

int64_t Located::line(int64_t sample, int64_t row) const {
  if (!table) return 0;
  const bool down = array->shape.size() > static_cast<size_t>(sample_axes()) && (!rows.empty() || shared);
  if (table->series.empty()) {
    const int64_t index = shared ? (down ? row : 0) : sample;
    return table->lines[std::min(index, table->rows() - 1)];
  }
  for (int64_t r = 0, seen = 0; r < table->rows(); ++r) {
    if (table->series[r] != sample) continue;
    if (!down || seen == row) return table->lines[r];
    ++seen;
  }
  return 0;
}

std::string expected_shape(const Declared& declared, bool both) {
  if (!both || declared.constant) return shape_text(declared, false);
  return shape_text(declared, false) + " or " + shape_text(declared, true);
}

std::vector<Located> locate(const std::string& file, const Arrays& arrays,
                            const std::vector<Declared>& declared, Errors& errors) {
  std::vector<Located> located;
  for (const Declared& d : declared) {
    const Array* array = arrays.find(d.name);
    if (!array) {
      errors.push_back(error(Problem::missing_array, file, d.name, suggestion(d.name, arrays.names()),
                             expected_shape(d, true)));
      continue;
    }
    const size_t rank = array->shape.size(), wanted = d.shape.size();
    if (rank == wanted + 1 && d.constant) {
      errors.push_back(error(Problem::shared_needed, file, d.name, shape_text(d, false), array->shape));
    } else if (rank != wanted && rank != wanted + 1) {
      errors.push_back(error(Problem::wrong_shape, file, d.name, expected_shape(d, true), array->shape));
    } else {
      located.push_back({&d, array, {}, rank == wanted, {}, nullptr});
    }
  }
  return located;
}

std::vector<Located> locate(const Table& table, const std::vector<Declared>& declared,
                            const ColumnMap& columns, Errors& errors) {
  return TableLocator(table, columns, errors).locate(declared);
}

}  // namespace nodec::runtime
