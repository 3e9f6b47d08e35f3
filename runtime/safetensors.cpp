// .safetensors files: a JSON header that gives each array's type, shape and place in the bytes that follow.
#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

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

// A list of non-negative integers; longer ones than any array needs are no such list.
struct Integers {
  static constexpr size_t longest = 64;
  bool good = false;
  std::vector<int64_t> values;
};
struct Entry {
  bool is_object = false, has_type = false, has_shape = false, has_offsets = false;
  std::string type;
  Integers shape, offsets;
};

// Reads the header as it comes, so that its size bounds the memory: what no entry has, however deeply nested,
// is passed over.
class HeaderReader : public nlohmann::json_sax<Json> {
 public:
  bool is_object() const { return is_object_; }
  const std::string& duplicate() const { return duplicate_; }
  const std::map<std::string, Entry>& entries() const { return entries_; }

  bool key(string_t& name) override {
    if (depth_ == 1) {
      const auto [place, added] = entries_.try_emplace(name);
      if (!added) duplicate_ = name;
      entry_ = &place->second;
    } else if (depth_ == 2 && entry_ && entry_->is_object) {
      begin_field(name);
    }
    return true;
  }
  bool start_object(size_t) override {
    if (depth_ == 0) is_object_ = true;
    if (depth_ == 1 && entry_) entry_->is_object = true;
    return open(nullptr);
  }
  bool start_array(size_t) override {
    Integers* const list = depth_ == 2 && entry_ && entry_->is_object ? field_list_ : nullptr;
    if (list) list->good = true;
    return open(list);
  }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool string(string_t& text) override {
    if (depth_ == 2 && entry_ && type_follows_) {
      entry_->has_type = true;
      entry_->type = text;
    }
    return other();
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (!list_ || depth_ != 3) return true;
    list_->good = list_->good && value <= uint64_t{1} << 62 && list_->values.size() < Integers::longest;
    if (list_->good) list_->values.push_back(static_cast<int64_t>(value));
    return true;
  }
  bool null() override { return other(); }
  bool boolean(bool) override { return other(); }
  bool number_integer(number_integer_t) override { return other(); }
  bool number_float(number_float_t, const string_t&) override { return other(); }
  bool binary(binary_t&) override { return other(); }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

 private:
  void begin_field(const std::string& name) {
    type_follows_ = name == "dtype";
    field_list_ = name == "shape" ? &entry_->shape : name == "data_offsets" ? &entry_->offsets : nullptr;
    if (field_list_) *field_list_ = {};
    if (type_follows_) entry_->has_type = false;
    entry_->has_shape = entry_->has_shape || name == "shape";
    entry_->has_offsets = entry_->has_offsets || name == "data_offsets";
  }
  bool open(Integers* list) {
    other();
    if (list) list_ = list;
    return ++depth_, true;
  }
  bool close() {
    if (--depth_ == 2) list_ = nullptr;
    return true;
  }
  // A list holds nothing but numbers.
  bool other() {
    if (list_) list_->good = false;
    return true;
  }

  std::map<std::string, Entry> entries_;
  std::string duplicate_;
  bool is_object_ = false, type_follows_ = false;
  Entry* entry_ = nullptr;
  Integers* field_list_ = nullptr;  // that the next array is
  Integers* list_ = nullptr;        // that is open
  int64_t depth_ = 0;
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
  HeaderReader header;
  if (!Json::sax_parse(text.begin(), text.end(), &header) || !header.is_object())
    return bad("its header is not a JSON object");
  if (!header.duplicate().empty()) return error(Problem::duplicate_array, file, header.duplicate());

  Arrays arrays;
  std::vector<std::pair<int64_t, int64_t>> ranges;
  for (const auto& one : header.entries()) {
    const std::string& name = one.first;
    const Entry& entry = one.second;
    if (name == metadata) continue;
    const auto broken = [&](const std::string& why) {
      return error(Problem::malformed_array, file, name, why);
    };
    if (!entry.is_object || !entry.has_type || !entry.has_shape || !entry.has_offsets)
      return broken("its entry needs dtype, shape and data_offsets");
    const Stored* stored = stored_element(entry.type);
    if (!stored) return error(Problem::unsupported_element, file, name, entry.type);
    if (!entry.shape.good) return broken("its shape is not a list of extents");
    if (!entry.offsets.good || entry.offsets.values.size() != 2)
      return broken("its data_offsets are not two numbers");
    const std::vector<int64_t>& shape = entry.shape.values;
    const std::optional<int64_t> elements = element_count(shape);
    if (!elements) return error(Problem::array_too_large, file, name, shape);
    const int64_t first = entry.offsets.values[0], last = entry.offsets.values[1];
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
    Array array{shape, stored->element, {}};
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
