// .csv files: columns of numbers by name, and their grouping into arrays.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/arrays.hpp"

namespace nodec::runtime {

// One column; a cell that is not a number is an error only when the column is read.
struct Column {
  std::string name;
  std::vector<double> values;  // NaN where the cell is empty
  int64_t bad_row = -1;        // the first cell that is not a number
  std::string bad_cell;
};

struct Table {
  std::string file;
  std::vector<Column> columns;
  std::vector<int64_t> lines;  // of each row in the file
  std::vector<int64_t>
      series;  // of each row: 0, 1, … in order of first appearance; empty without a column `series`
  std::vector<std::string> series_names;

  int64_t rows() const { return static_cast<int64_t>(lines.size()); }
  int find(std::string_view column) const;  // −1 when there is none
};

// RFC 4180 with a header: quoted cells, LF or CR LF, a byte order mark; spaces around cells do not count,
// blank lines are skipped.
Result<Table> read_table(const std::string& file, std::string_view text);

// Array name -> the columns that are its elements, in row-major order.
using ColumnMap = std::map<std::string, std::vector<std::string>>;
// "y=hare,lynx" or "t=year,y=hare,lynx"; several options add up.
Result<ColumnMap> parse_columns(const std::vector<std::string>& options);

// The array `name`, of shape [rows, tail…], of a table. The tail is given by the columns `name` or `name[i,
// j]`, or, where `columns` names them, by `tail` (an extent of −1 stands for what the number of columns asks
// for). Nothing when no column is of that name.
Result<Array> table_array(const Table& table, const std::string& name, const ColumnMap& columns,
                          std::vector<int64_t> tail);
bool has_array(const Table& table, const std::string& name, const ColumnMap& columns);

// The arrays that the header names, in order of their first columns.
std::vector<std::string> table_arrays(const Table& table);

}  // namespace nodec::runtime
