// The bytes of a .npy file to an array and back (numpy.lib.format, versions 1.0 to 3.0).
#include "runtime/npy.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <optional>

#include "runtime/bytes.hpp"
#include "runtime/half.hpp"

namespace nodec::runtime {
namespace {

constexpr char magic[] = "\x93NUMPY";
constexpr size_t magic_bytes = 6;

struct Header {
  std::string type;
  bool fortran = false;
  std::vector<int64_t> shape;
};

// The header is the text of a Python dictionary with three known keys.
class HeaderParser {
 public:
  explicit HeaderParser(std::string_view text) : rest_(text) {}

  std::optional<Header> parse() {
    Header header;
    bool type = false, order = false, shape = false;
    if (!take('{')) return std::nullopt;
    while (!take('}')) {
      std::string key;
      if (!text(key) || !take(':')) return std::nullopt;
      if (key == "descr" && !type) {
        // A list here describes a record; its text is kept for the message.
        if (!text(header.type)) header.type = "record";
        if (header.type == "record") return header;
        type = true;
      } else if (key == "fortran_order" && !order) {
        order = true;
        if (word("True")) {
          header.fortran = true;
        } else if (!word("False")) {
          return std::nullopt;
        }
      } else if (key == "shape" && !shape) {
        shape = true;
        if (!tuple(header.shape)) return std::nullopt;
      } else {
        return std::nullopt;
      }
      if (!take(',')) {
        if (!take('}')) return std::nullopt;
        break;
      }
    }
    skip();
    if (!type || !order || !shape || !rest_.empty()) return std::nullopt;
    return header;
  }

 private:
  void skip() {
    const size_t first = rest_.find_first_not_of(" \t\r\n");
    rest_.remove_prefix(first == std::string_view::npos ? rest_.size() : first);
  }
  bool take(char c) {
    skip();
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool word(std::string_view expected) {
    skip();
    if (!rest_.starts_with(expected)) return false;
    rest_.remove_prefix(expected.size());
    return true;
  }
  bool text(std::string& value) {
    skip();
    if (rest_.empty() || (rest_[0] != '\'' && rest_[0] != '"')) return false;
    const size_t end = rest_.find(rest_[0], 1);
    if (end == std::string_view::npos) return false;
    value = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    return true;
  }
  bool tuple(std::vector<int64_t>& values) {
    if (!take('(')) return false;
    while (!take(')')) {
      skip();
      int64_t value = 0;
      const auto [end, problem] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
      if (problem != std::errc()) return false;
      rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
      values.push_back(value);
      if (!take(',')) return take(')');
    }
    return true;
  }

  std::string_view rest_;
};

struct Stored {
  Element element;  // after reading
  size_t bytes;     // in the file
  bool half = false;
};

std::optional<Stored> stored_element(std::string_view type) {
  constexpr std::pair<std::string_view, Stored> known[] = {
      {"f2", {Element::f32, 2, true}}, {"f4", {Element::f32, 4}}, {"f8", {Element::f64, 8}},
      {"i1", {Element::i8, 1}},        {"i2", {Element::i16, 2}}, {"i4", {Element::i32, 4}},
      {"i8", {Element::i64, 8}},       {"u1", {Element::u8, 1}},  {"u2", {Element::u16, 2}},
      {"u4", {Element::u32, 4}},       {"u8", {Element::u64, 8}}, {"b1", {Element::boolean, 1}}};
  for (const auto& [code, stored] : known) {
    if (type.size() == 3 && type.substr(1) == code) return stored;
  }
  return std::nullopt;
}

std::string_view type_code(Element element) {
  constexpr std::string_view codes[] = {"<f4", "<f8", "|i1", "<i2", "<i4", "<i8",
                                        "|u1", "<u2", "<u4", "<u8", "|b1"};
  return codes[static_cast<size_t>(element)];
}

void swap_bytes(std::vector<std::byte>& bytes, size_t width) {
  for (size_t i = 0; i < bytes.size(); i += width) std::reverse(bytes.begin() + i, bytes.begin() + i + width);
}

// Column-major to row-major.
std::vector<std::byte> transposed(const std::vector<std::byte>& source, const std::vector<int64_t>& shape,
                                  size_t width) {
  std::vector<std::byte> result(source.size());
  std::vector<int64_t> index(shape.size(), 0), strides(shape.size(), 1);
  for (size_t a = 1; a < shape.size(); ++a) strides[a] = strides[a - 1] * shape[a - 1];
  for (size_t to = 0; to < result.size(); to += width) {
    int64_t from = 0;
    for (size_t a = 0; a < shape.size(); ++a) from += index[a] * strides[a];
    std::memcpy(result.data() + to, source.data() + static_cast<size_t>(from) * width, width);
    for (size_t a = shape.size(); a-- > 0 && ++index[a] == shape[a];) index[a] = 0;
  }
  return result;
}

void widen_halves(std::vector<std::byte>& bytes) {
  std::vector<std::byte> wide(2 * bytes.size());
  for (size_t i = 0; i < bytes.size(); i += 2) {
    uint16_t half;
    std::memcpy(&half, bytes.data() + i, 2);
    const float value = half_to_float(half);
    std::memcpy(wide.data() + 2 * i, &value, 4);
  }
  bytes.swap(wide);
}

}  // namespace

Result<Array> read_npy(const std::string& file, const std::string& name, std::span<const std::byte> bytes,
                       const std::shared_ptr<const void>& mapping) {
  const auto bad = [&](const std::string& why) { return error(Problem::malformed_array, file, name, why); };
  if (bytes.size() < magic_bytes + 4 || std::memcmp(bytes.data(), magic, magic_bytes) != 0)
    return bad("it is not a .npy array");
  const uint64_t version = little(bytes, magic_bytes, 1);
  if (version < 1 || version > 3)
    return bad("version " + std::to_string(version) + " of the .npy format is not known");
  const size_t count = version == 1 ? 2 : 4;
  const size_t start = magic_bytes + 2 + count;
  if (bytes.size() < start) return bad("its header is cut off");
  const uint64_t length = little(bytes, magic_bytes + 2, count);
  if (length > bytes.size() - start) return bad("its header is cut off");
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + start, length);
  const std::optional<Header> header = HeaderParser(text).parse();
  if (!header) return bad("its header is damaged");

  const std::optional<Stored> stored = stored_element(header->type);
  const char order = header->type.empty() ? '\0' : header->type[0];
  if (!stored || std::string_view("<>=|").find(order) == std::string_view::npos) {
    return error(Problem::unsupported_element, file, name, header->type);
  }
  if (header->shape.size() > 64) return bad("it has more than 64 axes");
  const bool negative =
      std::any_of(header->shape.begin(), header->shape.end(), [](int64_t n) { return n < 0; });
  if (negative) return bad("its shape " + Detail(header->shape).text + " has a negative extent");
  const std::optional<int64_t> elements = element_count(header->shape);
  if (!elements) return error(Problem::array_too_large, file, name, header->shape);
  const uint64_t expected = static_cast<uint64_t>(*elements) * stored->bytes;
  const uint64_t found = bytes.size() - start - length;
  if (found < expected) return error(Problem::truncated, file, "array '" + name + "'", expected, found);
  if (found > expected) {
    return bad("expected " + std::to_string(expected) + " bytes for its shape, found " +
               std::to_string(found));
  }

  Array array{header->shape, stored->element, {}};
  const std::byte* data = bytes.data() + start + length;
  const bool big = order == '>' || (order == '=' && std::endian::native == std::endian::big);
  const bool swapped = big != (std::endian::native == std::endian::big) && stored->bytes > 1;
  if (mapping && !swapped && !header->fortran && !stored->half) {
    array.mapped = {data, static_cast<size_t>(expected)};
    array.mapping = mapping;
    return array;
  }
  array.bytes.assign(data, data + expected);
  if (swapped) swap_bytes(array.bytes, stored->bytes);
  if (header->fortran && header->shape.size() > 1 && *elements > 0) {
    array.bytes = transposed(array.bytes, array.shape, stored->bytes);
  }
  if (stored->half) widen_halves(array.bytes);
  return array;
}

std::vector<std::byte> write_npy(const Array& array) {
  static_assert(std::endian::native == std::endian::little, "arrays are written as they lie in memory");
  std::string header =
      "{'descr': '" + std::string(type_code(array.element)) + "', 'fortran_order': False, 'shape': (";
  for (const int64_t extent : array.shape)
    header += std::to_string(extent) + (array.shape.size() == 1 ? "," : ", ");
  if (array.shape.size() > 1) header.resize(header.size() - 2);
  header += "), }";
  // The data begin at a multiple of 64 bytes.
  const size_t prefix = magic_bytes + 2 + (header.size() < 60000 ? 2 : 4);
  header.append(63 - (prefix + header.size()) % 64, ' ');
  header += '\n';

  std::vector<std::byte> bytes;
  bytes.reserve(prefix + header.size() + array.data().size());
  for (size_t i = 0; i < magic_bytes; ++i) bytes.push_back(static_cast<std::byte>(magic[i]));
  append_little(bytes, prefix == magic_bytes + 4 ? 1 : 2, 1);
  append_little(bytes, 0, 1);
  append_little(bytes, header.size(), prefix - magic_bytes - 2);
  const std::span<const std::byte> text = std::as_bytes(std::span(header));
  bytes.insert(bytes.end(), text.begin(), text.end());
  bytes.insert(bytes.end(), array.data().begin(), array.data().end());
  return bytes;
}

}  // namespace nodec::runtime
