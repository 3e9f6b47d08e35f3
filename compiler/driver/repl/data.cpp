// Data files by array, for the prompt.
#include "compiler/driver/repl/data.hpp"

#include <algorithm>

#include "compiler/embed/data.hpp"
#include "runtime/binding.hpp"

namespace nodec::driver {
namespace {

template <class T>
Result<T> failed(const runtime::Errors& errors, Outcome outcome = Outcome::wrong_input) {
  return Result<T>::failed(embed::convert(errors), outcome);
}

std::vector<std::string> names_of(const runtime::Table& table, const runtime::ColumnMap& columns) {
  std::vector<std::string> names = runtime::table_arrays(table);
  for (const auto& [name, list] : columns)
    if (!std::count(names.begin(), names.end(), name)) names.push_back(name);
  return names;
}

// One column is a number a row, several are an array a row.
runtime::Result<runtime::Array> array_of(const runtime::Table& table, const std::string& name,
                                         const runtime::ColumnMap& columns) {
  const auto mapped = columns.find(name);
  const bool several = mapped != columns.end() && mapped->second.size() > 1;
  return runtime::table_array(table, name, columns,
                              several ? std::vector<int64_t>{-1} : std::vector<int64_t>{});
}

Array converted(const runtime::Array& array) {
  Array out{array.shape, {}};
  out.values.resize(static_cast<size_t>(array.size()));
  for (size_t i = 0; i < out.values.size(); ++i) out.values[i] = array.real(static_cast<int64_t>(i));
  return out;
}

}  // namespace

const DataSource::Named* DataSource::find(const std::string& name) const {
  for (const Named& array : arrays)
    if (array.name == name) return &array;
  return nullptr;
}

Result<DataSource> look_at(const std::string& file, const std::vector<std::string>& columns) {
  DataSource source{file, columns, {}};
  const runtime::Result<runtime::ColumnMap> map = runtime::parse_columns(columns);
  if (!map) return failed<DataSource>(map.errors(), Outcome::wrong_usage);
  const runtime::Result<runtime::DataFile> data = runtime::read_data(file);
  if (!data) return failed<DataSource>(data.errors());
  if (auto* arrays = std::get_if<runtime::Arrays>(&data->contents)) {
    for (const runtime::Arrays::Item& item : arrays->items())
      source.arrays.push_back({item.name, item.array.shape, runtime::is_integer(item.array.element)});
    return source;
  }
  const runtime::Table& table = std::get<runtime::Table>(data->contents);
  for (const std::string& name : names_of(table, *map)) {
    const runtime::Result<runtime::Array> array = array_of(table, name, *map);
    if (array) {
      source.arrays.push_back({name, array->shape, false});
    } else if (map->contains(name)) {
      return failed<DataSource>(array.errors());
    }  // a column of text is nobody's array
  }
  return source;
}

Result<Arrays> read_named(const DataSource& source, const std::set<std::string>& names) {
  Arrays out;
  if (names.empty()) return out;
  const runtime::Result<runtime::ColumnMap> map = runtime::parse_columns(source.columns);
  if (!map) return failed<Arrays>(map.errors(), Outcome::wrong_usage);
  const runtime::Result<runtime::DataFile> data = runtime::read_data(source.file);
  if (!data) return failed<Arrays>(data.errors());
  for (const std::string& name : names) {
    if (auto* arrays = std::get_if<runtime::Arrays>(&data->contents)) {
      if (const runtime::Array* array = arrays->find(name)) out[name] = converted(*array);
      continue;
    }
    const runtime::Result<runtime::Array> array =
        array_of(std::get<runtime::Table>(data->contents), name, *map);
    if (!array) return failed<Arrays>(array.errors());
    out[name] = converted(*array);
  }
  return out;
}

std::string declaration(const DataSource::Named& array) {
  std::string text = "data " + array.name + (array.integer ? ": int" : ": real");
  for (size_t i = 0; i < array.shape.size(); ++i) text += (i ? ", " : "[") + std::to_string(array.shape[i]);
  return text + (array.shape.empty() ? "" : "]");
}

}  // namespace nodec::driver
