// Any text as a .csv file: columns that become arrays and data, or an error.
#include "runtime/table.hpp"
#include "tests/fuzz/arrays.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nodec;
  const std::string text = fuzz::as_text(data, size);
  // An option of `--columns` is text of a user, too.
  const runtime::Result<runtime::ColumnMap> columns =
      runtime::parse_columns({text.substr(0, text.find('\n'))});
  if (!columns) fuzz::require_told(columns.errors());
  const runtime::Result<runtime::Table> table = runtime::read_table("input.csv", text);
  if (!table) {
    fuzz::require_told(table.errors());
    return 0;
  }
  for (const runtime::Column& column : table->columns)
    fuzz::require(static_cast<int64_t>(column.values.size()) == table->rows(), "a column has a value a row");
  for (const std::string& name : runtime::table_arrays(*table)) {
    const runtime::Result<runtime::Array> array = runtime::table_array(*table, name, {}, {});
    if (array)
      fuzz::require_sound(*array);
    else
      fuzz::require_told(array.errors());
  }
  if (columns) {
    for (const auto& [name, list] : *columns) {
      const runtime::Result<runtime::Array> array = runtime::table_array(*table, name, *columns, {-1});
      if (array)
        fuzz::require_sound(*array);
      else
        fuzz::require_told(array.errors());
    }
  }
  fuzz::bind_all({"input.csv", *table});
  return 0;
}
