// The text of a .csv file to columns, and columns to arrays.
#include "runtime/table.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <new>
#include <optional>
#include <set>

namespace nodec::runtime {
namespace {

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::optional<double> parse_number(std::string_view cell) {
  if (cell.starts_with('+')) cell.remove_prefix(1);
  double value = 0;
  const auto [end, problem] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (end != cell.data() + cell.size() || problem == std::errc::invalid_argument) return std::nullopt;
  if (problem == std::errc::result_out_of_range) {
    return std::strtod(std::string(cell).c_str(), nullptr);  // zero or infinity
  }
  return value;
}

// Splits a text into rows of cells.
class Rows {
 public:
  explicit Rows(std::string_view text) : text_(text) {
    constexpr std::string_view mark = "\xef\xbb\xbf";
    if (text_.starts_with(mark)) text_.remove_prefix(mark.size());
  }

  // Line of the row read last.
  int64_t line() const { return first_line_; }
  bool open_quote() const { return open_quote_; }

  // The next row that is not blank; false at the end.
  bool next(std::vector<std::string>& cells) {
    do {
      if (at_ >= text_.size() || open_quote_) return false;
      read_row(cells);
    } while (cells.size() == 1 && cells[0].empty() && !quoted_);
    return true;
  }

 private:
  void read_row(std::vector<std::string>& cells) {
    cells.clear();
    first_line_ = ++line_;
    quoted_ = false;
    while (true) {
      cells.push_back(read_cell());
      if (at_ >= text_.size() || open_quote_) return;
      const char c = text_[at_++];
      if (c == ',') continue;
      if (c == '\r' && at_ < text_.size() && text_[at_] == '\n') ++at_;
      return;
    }
  }

  // Up to a comma or the end of the line, which is left in place.
  std::string read_cell() {
    size_t start = at_;
    while (start < text_.size() && (text_[start] == ' ' || text_[start] == '\t')) ++start;
    if (start < text_.size() && text_[start] == '"') return read_quoted(start + 1);
    const size_t end = std::min(text_.find_first_of(",\r\n", at_), text_.size());
    const std::string_view cell = text_.substr(at_, end - at_);
    at_ = end;
    return std::string(trimmed(cell));
  }

  std::string read_quoted(size_t start) {
    std::string cell;
    quoted_ = true;
    at_ = start;
    while (true) {
      const size_t quote = text_.find('"', at_);
      const std::string_view part = text_.substr(at_, quote == std::string_view::npos ? quote : quote - at_);
      cell += part;
      line_ += std::count(part.begin(), part.end(), '\n');
      if (quote == std::string_view::npos) {
        open_quote_ = true;
        at_ = text_.size();
        return cell;
      }
      at_ = quote + 1;
      if (at_ >= text_.size() || text_[at_] != '"') break;
      cell += '"';
      ++at_;
    }
    // What follows the closing quote belongs to the cell, as it would without quotes.
    const size_t end = std::min(text_.find_first_of(",\r\n", at_), text_.size());
    cell += trimmed(text_.substr(at_, end - at_));
    at_ = end;
    return cell;
  }

  std::string_view text_;
  size_t at_ = 0;
  int64_t line_ = 0, first_line_ = 0;
  bool quoted_ = false, open_quote_ = false;
};

constexpr std::string_view series_column = "series";

// "y[0, 1]" -> y, {0, 1}; a name without brackets is its own array.
struct ElementName {
  std::string array;
  std::vector<int64_t> index;
};
ElementName parse_element_name(const std::string& column) {
  ElementName whole{column, {}};
  const size_t open = column.find('[');
  if (open == std::string::npos || open == 0 || column.back() != ']') return whole;
  ElementName element{std::string(trimmed(std::string_view(column).substr(0, open))), {}};
  std::string_view rest = std::string_view(column).substr(open + 1, column.size() - open - 2);
  while (true) {
    const size_t comma = rest.find(',');
    const std::string_view digits = trimmed(rest.substr(0, comma));
    int64_t value = 0;
    const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (problem != std::errc() || end != digits.data() + digits.size() || value < 0 || value > (1 << 24))
      return whole;
    element.index.push_back(value);
    if (comma == std::string_view::npos) return element;
    rest.remove_prefix(comma + 1);
  }
}

void add_cell(Column& column, const std::string& cell, int64_t row) {
  double value = std::numeric_limits<double>::quiet_NaN();
  if (!cell.empty()) {
    if (const std::optional<double> number = parse_number(cell)) {
      value = *number;
    } else if (column.bad_row < 0) {
      column.bad_row = row;
      column.bad_cell = cell.substr(0, 40);
    }
  }
  column.values.push_back(value);
}

Result<Table> parse_table(const std::string& file, std::string_view text) {
  Rows rows(text);
  std::vector<std::string> cells;
  if (!rows.next(cells)) return error(Problem::csv_no_header, file);
  // What follows an open quote is all one cell: nothing else that could be said of it is the mistake.
  const auto open_quote = [&] { return make_error(Problem::csv_open_quote, file, rows.line(), {}); };
  if (rows.open_quote()) return open_quote();
  Table table{file, {}, {}, {}, {}};
  std::set<std::string> names;
  int series = -1;
  for (const std::string& name : cells) {
    if (!names.insert(name).second && !name.empty())
      return make_error(Problem::csv_duplicate_column, file, rows.line(), {name});
    if (name == series_column) series = static_cast<int>(table.columns.size());
    table.columns.push_back({name, {}, -1, {}});
  }
  std::map<std::string, int64_t> numbers;
  while (rows.next(cells)) {
    if (rows.open_quote()) return open_quote();
    if (cells.size() != table.columns.size()) {
      return make_error(Problem::csv_cells, file, rows.line(),
                        {uint64_t{table.columns.size()}, uint64_t{cells.size()}});
    }
    const int64_t row = table.rows();
    table.lines.push_back(rows.line());
    for (size_t c = 0; c < cells.size(); ++c) {
      if (static_cast<int>(c) != series) {
        add_cell(table.columns[c], cells[c], row);
        continue;
      }
      const auto [found, added] = numbers.emplace(cells[c], static_cast<int64_t>(numbers.size()));
      if (added) table.series_names.push_back(cells[c]);
      table.series.push_back(found->second);
      table.columns[c].values.push_back(static_cast<double>(found->second));
    }
  }
  if (table.lines.empty()) return error(Problem::csv_no_rows, file);
  return table;
}

// The columns of an array and the shape of one row of it.
struct Selection {
  std::vector<int> columns;
  std::vector<int64_t> shape;
};

Result<Selection> select_mapped(const Table& table, const std::string& name,
                                const std::vector<std::string>& names, std::vector<int64_t> tail) {
  Selection selection;
  for (const std::string& column : names) {
    const int found = table.find(column);
    if (found < 0) {
      std::vector<std::string> known;
      for (const Column& c : table.columns) known.push_back(c.name);
      return make_error(Problem::csv_missing_column, table.file, 1,
                        {name, column, suggestion(column, known)});
    }
    selection.columns.push_back(found);
  }
  const int64_t count = static_cast<int64_t>(names.size());
  int64_t given = 1;
  int open = -1;
  for (size_t a = 0; a < tail.size(); ++a) {
    if (tail[a] >= 0) given *= tail[a];
    if (tail[a] < 0) open = static_cast<int>(a);
  }
  if (open >= 0 && given > 0) tail[open] = count / given, given *= tail[open];
  if (given != count)
    return make_error(Problem::csv_shape, table.file, 1, {name, tail, std::to_string(count) + " elements"});
  selection.shape = std::move(tail);
  return selection;
}

Result<Selection> select_named(const Table& table, const std::string& name) {
  std::vector<std::pair<std::vector<int64_t>, int>> found;
  for (size_t c = 0; c < table.columns.size(); ++c) {
    ElementName element = parse_element_name(table.columns[c].name);
    if (element.array == name) found.emplace_back(std::move(element.index), static_cast<int>(c));
  }
  std::sort(found.begin(), found.end());
  Selection selection;
  selection.shape.assign(found[0].first.size(), 0);
  for (const auto& [index, column] : found) {
    if (index.size() != selection.shape.size()) {
      return make_error(Problem::csv_bad_column, table.file, 1,
                        {table.columns[column].name, "its number of indices differs from the others'"});
    }
    for (size_t a = 0; a < index.size(); ++a) selection.shape[a] = std::max(selection.shape[a], index[a] + 1);
    selection.columns.push_back(column);
  }
  // Sorted, so the first index that is out of step is the first that is missing.
  std::vector<int64_t> expected(selection.shape.size(), 0);
  for (const auto& entry : found) {
    if (entry.first != expected) break;
    for (size_t a = expected.size(); a-- > 0 && ++expected[a] == selection.shape[a];) {
      if (a > 0) expected[a] = 0;
    }
  }
  const std::optional<int64_t> count = element_count(selection.shape);
  if (!count || *count != static_cast<int64_t>(found.size())) {
    std::string indices = Detail(expected).text;
    return make_error(Problem::csv_missing_column, table.file, 1, {name, name + indices, ""});
  }
  return selection;
}

}  // namespace

int Table::find(std::string_view column) const {
  for (size_t c = 0; c < columns.size(); ++c) {
    if (columns[c].name == column) return static_cast<int>(c);
  }
  return -1;
}

Result<Table> read_table(const std::string& file, std::string_view text) {
  try {
    return parse_table(file, text);
  } catch (const std::bad_alloc&) {
    return error(Problem::out_of_memory, file, "its columns");
  }
}

Result<ColumnMap> parse_columns(const std::vector<std::string>& options) {
  ColumnMap columns;
  for (const std::string& option : options) {
    std::string name;
    std::string_view rest = option;
    while (true) {
      const size_t comma = rest.find(',');
      std::string_view item = trimmed(rest.substr(0, comma));
      if (const size_t equals = item.find('='); equals != std::string_view::npos) {
        name = trimmed(item.substr(0, equals));
        item = trimmed(item.substr(equals + 1));
      }
      if (name.empty() || item.empty()) return error(Problem::columns_option, "", option);
      columns[name].emplace_back(item);
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  return columns;
}

bool has_array(const Table& table, const std::string& name, const ColumnMap& columns) {
  if (columns.count(name)) return true;
  return std::any_of(table.columns.begin(), table.columns.end(),
                     [&](const Column& c) { return parse_element_name(c.name).array == name; });
}

std::vector<std::string> table_arrays(const Table& table) {
  std::vector<std::string> names;
  std::set<std::string> seen;
  for (const Column& column : table.columns) {
    std::string name = parse_element_name(column.name).array;
    if (column.name != series_column && seen.insert(name).second) names.push_back(std::move(name));
  }
  return names;
}

Result<Array> table_array(const Table& table, const std::string& name, const ColumnMap& columns,
                          std::vector<int64_t> tail) {
  const auto mapped = columns.find(name);
  Result<Selection> selection = mapped != columns.end()
                                    ? select_mapped(table, name, mapped->second, std::move(tail))
                                    : select_named(table, name);
  if (!selection) return selection.errors();
  std::vector<int64_t> shape = selection->shape;
  shape.insert(shape.begin(), table.rows());
  if (!element_count(shape)) return error(Problem::array_too_large, table.file, name, shape);
  for (const int c : selection->columns) {
    const Column& column = table.columns[c];
    if (column.bad_row >= 0) {
      return make_error(Problem::csv_not_a_number, table.file, table.lines[column.bad_row],
                        {column.name, column.bad_cell});
    }
  }
  std::vector<double> values;
  values.reserve(selection->columns.size() * table.lines.size());
  for (int64_t row = 0; row < table.rows(); ++row) {
    for (const int c : selection->columns) values.push_back(table.columns[c].values[row]);
  }
  return Array::of(std::move(shape), std::span<const double>(values));
}

}  // namespace nodec::runtime
