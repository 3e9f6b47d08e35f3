// The extension of a path chooses how its bytes become arrays; arrays to the text of a .csv table.
#include "runtime/formats.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <new>

#include "runtime/files.hpp"
#include "runtime/npy.hpp"
#include "runtime/table.hpp"

namespace nodec::runtime {
namespace {

constexpr std::string_view known_formats = ".npz, .safetensors or .csv";

std::string number_text(const Array& array, int64_t i) {
  if (is_integer(array.element)) {
    if (const std::optional<int64_t> value = array.integer(i)) return std::to_string(*value);
  }
  const double value = array.real(i);
  if (std::isnan(value)) return "nan";
  char digits[40];
  // The shortest text that reads back, in the element's own precision.
  const auto end = array.element == Element::f32
                       ? std::to_chars(digits, digits + sizeof digits, static_cast<float>(value))
                       : std::to_chars(digits, digits + sizeof digits, value);
  return std::string(digits, end.ptr);
}

// A cell that holds a separator is quoted.
std::string cell_text(const std::string& name) {
  if (name.find_first_of(",\"\r\n") == std::string::npos) return name;
  std::string quoted = "\"";
  for (const char c : name) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

// An array as columns: the element at (sample, row, column) is at sample·sample_stride + row·row_stride +
// column.
struct Part {
  const Array* array;
  int64_t sample_stride = 0, row_stride = 0, columns = 1;
};

}  // namespace

std::string extension(const std::string& path) {
  const size_t slash = path.find_last_of('/'), dot = path.find_last_of('.');
  if (dot == std::string::npos || (slash != std::string::npos && dot < slash)) return "";
  std::string text = path.substr(dot);
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

Result<std::string> write_csv(const std::string& file, const Arrays& arrays, const TableLayout& layout) {
  int64_t samples = -1, rows = -1;
  std::vector<Part> parts;
  std::string text = layout.sample_axis && !layout.rows.empty() ? "series" : "";
  for (const Arrays::Item& item : arrays.items()) {
    const std::string& name = item.name;
    const Array& array = item.array;
    Part part{&array};
    size_t axis = 0;
    const auto take_axis = [&](int64_t& extent, int64_t& stride) {
      if (axis >= array.shape.size() || (extent >= 0 && array.shape[axis] != extent)) return false;
      extent = array.shape[axis++];
      stride = 1;
      for (size_t a = axis; a < array.shape.size(); ++a) stride *= array.shape[a];
      return true;
    };
    const auto mismatch = [&](const std::string& what, int64_t extent) {
      return error(Problem::csv_shape, file, name, array.shape,
                   extent < 0 ? "an axis of " + what : std::to_string(extent) + " " + what);
    };
    if (layout.sample_axis && !take_axis(samples, part.sample_stride)) return mismatch("samples", samples);
    if (layout.rows.count(name) && !take_axis(rows, part.row_stride)) return mismatch("rows", rows);
    const std::vector<int64_t> tail(array.shape.begin() + static_cast<std::ptrdiff_t>(axis),
                                    array.shape.end());
    for (const int64_t extent : tail) part.columns *= extent;
    std::vector<int64_t> index(tail.size(), 0);
    for (int64_t c = 0; c < part.columns; ++c) {
      if (!text.empty()) text += ',';
      text += cell_text(tail.empty() ? name : name + Detail(index).text);
      for (size_t a = tail.size(); a-- > 0 && ++index[a] == tail[a];) index[a] = 0;
    }
    parts.push_back(part);
  }
  text += '\n';
  for (int64_t s = 0; s < (layout.sample_axis ? samples : 1); ++s) {
    for (int64_t r = 0; r < (layout.rows.empty() ? 1 : rows); ++r) {
      std::string line = layout.sample_axis && !layout.rows.empty() ? std::to_string(s) : "";
      for (const Part& part : parts) {
        for (int64_t c = 0; c < part.columns; ++c) {
          if (!line.empty()) line += ',';
          line += number_text(*part.array, s * part.sample_stride + r * part.row_stride + c);
        }
      }
      text += line + '\n';
    }
  }
  return text;
}

Result<Arrays> read_arrays(const std::string& path) {
  const std::string format = extension(path);
  if (format != ".npz" && format != ".npy" && format != ".safetensors") {
    return error(Problem::unknown_format, path, format, known_formats);
  }
  // Smaller files are read whole, so that later changes to them do not matter.
  constexpr size_t smallest_mapped = size_t{64} << 20;
  std::vector<std::byte> read;
  Mapping file = map_bytes(path, smallest_mapped).value_or(Mapping{});
  if (!file.owner) {
    Result<std::vector<std::byte>> bytes = read_bytes(path);
    if (!bytes) return bytes.errors();
    read = std::move(*bytes);
    file.bytes = read;
  }
  try {
    if (format == ".npz") return read_npz(path, file.bytes, file.owner);
    if (format == ".safetensors") return read_safetensors(path, file.bytes, file.owner);
    const size_t slash = path.find_last_of('/');
    std::string name = path.substr(slash == std::string::npos ? 0 : slash + 1);
    name.resize(name.size() - format.size());
    Result<Array> array = read_npy(path, name, file.bytes, file.owner);
    if (!array) return array.errors();
    Arrays arrays;
    arrays.add(name, std::move(*array));
    return arrays;
  } catch (const std::bad_alloc&) {
    return error(Problem::out_of_memory, path, "its arrays");
  }
}

Result<Done> write_arrays(const std::string& path, const Arrays& arrays, const TableLayout& layout) {
  const std::string format = extension(path);
  try {
    if (format == ".npz") {
      Result<std::vector<std::byte>> bytes = write_npz(path, arrays);
      if (!bytes) return bytes.errors();
      return write_bytes(path, *bytes);
    }
    if (format == ".safetensors") return write_bytes(path, write_safetensors(arrays));
    if (format == ".csv") {
      Result<std::string> text = write_csv(path, arrays, layout);
      if (!text) return text.errors();
      return write_bytes(path, std::as_bytes(std::span(*text)));
    }
  } catch (const std::bad_alloc&) {
    return error(Problem::out_of_memory, path, "its arrays");
  }
  return error(Problem::unknown_format, path, format, known_formats);
}

}  // namespace nodec::runtime
