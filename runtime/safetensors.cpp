// .safetensors files: a JSON header that gives each array's type, shape and place in the bytes that follow.
#include <algorithm>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "runtime/bytes.hpp"
#include "runtime/formats.hpp"
#include "runtime/half.hpp"

namespace nodec::runtime {
namespace {

using Json = nlohmann::json;

constexpr std::string_view metadata = "__metadata__";
constexpr uint64_t longest_header = 100'000'000;  // the format's own limit

struct Stored {
  std::string_view code;
  Element element;  // after reading
  size_t bytes;     // in the file
  float (*widen)(uint16_t) = nullptr;
};
constexpr Stored stored_elements[] = {{"F32", Element::f32, 4},
                                      {"F64", Element::f64, 8},
                                      {"F16", Element::f32, 2, half_to_float},
                                      {"BF16", Element::f32, 2, bfloat_to_float},
                                      {"I8", Element::i8, 1},
                                      {"I16", Element::i16, 2},
                                      {"I32", Element::i32, 4},
                                      {"I64", Element::i64, 8},
                                      {"U8", Element::u8, 1},
                                      {"U16", Element::u16, 2},
                                      {"U32", Element::u32, 4},
                                      {"U64", Element::u64, 8},
                                      {"BOOL", Element::boolean, 1}};

const Stored* stored_element(std::string_view code) {
  for (const Stored& stored : stored_elements) {
    if (stored.code == code) return &stored;
  }
  return nullptr;
}

std::string_view type_code(Element element) {
  for (const Stored& stored : stored_elements) {
    if (stored.element == element && !stored.widen) return stored.code;
  }
  return "";
}

// Non-negative integers only.
std::optional<std::vector<int64_t>> integers(const Json& json) {
  if (!json.is_array()) return std::nullopt;
  std::vector<int64_t> values;
  for (const Json& value : json) {
    if (!value.is_number_unsigned() || value.get<uint64_t>() > uint64_t{1} << 62) return std::nullopt;
    values.push_back(value.get<int64_t>());
  }
  return values;
}

// Finds a name that occurs twice in the outermost object, where a JSON object would silently keep one of the
// two.
class DuplicateFinder : public nlohmann::json_sax<Json> {
 public:
  const std::string& duplicate() const { return duplicate_; }

  bool key(string_t& name) override {
    if (depth_ == 1 && !seen_.insert(name).second) duplicate_ = name;
    return true;
  }
  bool start_object(size_t) override { return ++depth_, true; }
  bool end_object() override { return --depth_, true; }
  bool start_array(size_t) override { return ++depth_, true; }
  bool end_array() override { return --depth_, true; }
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

 private:
  std::set<std::string> seen_;
  std::string duplicate_;
  int depth_ = 0;
};

// Entries must tile the data: no overlap, no hole.
bool tiles(std::vector<std::pair<int64_t, int64_t>> ranges, size_t size) {
  std::sort(ranges.begin(), ranges.end());
  int64_t end = 0;
  for (const auto& [first, last] : ranges) {
    if (first != end) return false;
    end = last;
  }
  return static_cast<size_t>(end) == size;
}

}  // namespace

Result<Arrays> read_safetensors(const std::string& file, std::span<const std::byte> bytes,
                                const std::shared_ptr<const void>& mapping) {
  const auto bad = [&](const std::string& why) {
    return error(Problem::malformed, file, ".safetensors", why);
  };
  constexpr size_t prefix = 8;
  if (bytes.size() < prefix) return bad("it is shorter than 8 bytes");
  const uint64_t length = little(bytes, 0, prefix);
  if (length > longest_header) return bad("a header of " + std::to_string(length) + " bytes is too long");
  if (length > bytes.size() - prefix)
    return error(Problem::truncated, file, "the header", length, uint64_t{bytes.size() - prefix});
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + prefix, length);
  const std::span<const std::byte> data = bytes.subspan(prefix + length);
  const Json header = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!header.is_object()) return bad("its header is not a JSON object");
  DuplicateFinder finder;
  Json::sax_parse(text.begin(), text.end(), &finder);
  if (!finder.duplicate().empty()) return error(Problem::duplicate_array, file, finder.duplicate());

  Arrays arrays;
  std::vector<std::pair<int64_t, int64_t>> ranges;
  for (const auto& [name, entry] : header.items()) {
    if (name == metadata) continue;
    const auto broken = [&](const std::string& why) {
      return error(Problem::malformed_array, file, name, why);
    };
    if (!entry.is_object() || !entry.contains("dtype") || !entry["dtype"].is_string() ||
        !entry.contains("shape") || !entry.contains("data_offsets")) {
      return broken("its entry needs dtype, shape and data_offsets");
    }
    const std::string code = entry["dtype"].get<std::string>();
    const Stored* stored = stored_element(code);
    if (!stored) return error(Problem::unsupported_element, file, name, code);
    const std::optional<std::vector<int64_t>> shape = integers(entry["shape"]),
                                              offsets = integers(entry["data_offsets"]);
    if (!shape) return broken("its shape is not a list of extents");
    if (!offsets || offsets->size() != 2) return broken("its data_offsets are not two numbers");
    const std::optional<int64_t> elements = element_count(*shape);
    if (!elements) return error(Problem::array_too_large, file, name, *shape);
    const int64_t first = (*offsets)[0], last = (*offsets)[1];
    if (last < first) return broken("it ends before it begins");
    if (static_cast<uint64_t>(last) > data.size()) {
      return error(Problem::truncated, file, "array '" + name + "'", last, uint64_t{data.size()});
    }
    const int64_t expected = *elements * static_cast<int64_t>(stored->bytes);
    if (last - first != expected) {
      return broken("expected " + std::to_string(expected) + " bytes for its shape, found " +
                    std::to_string(last - first));
    }
    ranges.emplace_back(first, last);
    Array array{*shape, stored->element, {}};
    const std::span<const std::byte> source =
        data.subspan(static_cast<size_t>(first), static_cast<size_t>(expected));
    if (stored->widen) {
      array.bytes.resize(2 * source.size());
      for (size_t i = 0; i < source.size(); i += 2) {
        const float value = stored->widen(static_cast<uint16_t>(little(source, i, 2)));
        std::memcpy(array.bytes.data() + 2 * i, &value, 4);
      }
    } else if (mapping) {
      array.mapped = source;
      array.mapping = mapping;
    } else {
      array.bytes.assign(source.begin(), source.end());
    }
    arrays.add(name, std::move(array));
  }
  if (!tiles(std::move(ranges), data.size())) return bad("its arrays overlap or leave a gap");
  return arrays;
}

std::vector<std::byte> write_safetensors(const Arrays& arrays) {
  static_assert(std::endian::native == std::endian::little, "arrays are written as they lie in memory");
  Json header = Json::object();
  // Wide elements first, so that every array is aligned to its elements.
  std::vector<const Arrays::Item*> order;
  for (const Arrays::Item& item : arrays.items()) order.push_back(&item);
  std::stable_sort(order.begin(), order.end(), [](const Arrays::Item* a, const Arrays::Item* b) {
    return element_bytes(a->array.element) > element_bytes(b->array.element);
  });
  size_t end = 0;
  for (const Arrays::Item* item : order) {
    const size_t begin = end;
    end += item->array.data().size();
    header[item->name] = {{"dtype", type_code(item->array.element)},
                          {"shape", item->array.shape},
                          {"data_offsets", std::vector<size_t>{begin, end}}};
  }
  std::string text = header.dump(-1, ' ', false, Json::error_handler_t::replace);
  text.append((8 - text.size() % 8) % 8, ' ');
  std::vector<std::byte> bytes;
  bytes.reserve(8 + text.size() + end);
  append_little(bytes, text.size(), 8);
  const std::span<const std::byte> characters = std::as_bytes(std::span(text));
  bytes.insert(bytes.end(), characters.begin(), characters.end());
  for (const Arrays::Item* item : order)
    bytes.insert(bytes.end(), item->array.data().begin(), item->array.data().end());
  return bytes;
}

}  // namespace nodec::runtime
