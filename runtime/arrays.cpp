// Bytes of arrays to numbers.
#include "runtime/arrays.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace nodec::runtime {
namespace {

template <class T>
T read_as(const Array& array, int64_t i) {
  T value;
  std::memcpy(&value, array.data().data() + static_cast<size_t>(i) * sizeof(T), sizeof(T));
  return value;
}

// Calls `visit` with element i in its own C++ type.
template <class Visit>
auto visit_element(const Array& array, int64_t i, Visit&& visit) {
  switch (array.element) {
    case Element::f32:
      return visit(read_as<float>(array, i));
    case Element::f64:
      return visit(read_as<double>(array, i));
    case Element::i8:
      return visit(read_as<int8_t>(array, i));
    case Element::i16:
      return visit(read_as<int16_t>(array, i));
    case Element::i32:
      return visit(read_as<int32_t>(array, i));
    case Element::i64:
      return visit(read_as<int64_t>(array, i));
    case Element::u8:
      return visit(read_as<uint8_t>(array, i));
    case Element::u16:
      return visit(read_as<uint16_t>(array, i));
    case Element::u32:
      return visit(read_as<uint32_t>(array, i));
    case Element::u64:
      return visit(read_as<uint64_t>(array, i));
    case Element::boolean:
      break;
  }
  return visit(static_cast<uint8_t>(read_as<uint8_t>(array, i) != 0));
}

template <class T>
Array make_array(std::vector<int64_t> shape, Element element, std::span<const T> values) {
  Array array{std::move(shape), element, {}};
  const std::span<const std::byte> bytes = std::as_bytes(values);
  array.bytes.assign(bytes.begin(), bytes.end());
  return array;
}

}  // namespace

size_t element_bytes(Element element) {
  constexpr size_t sizes[] = {4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 1};
  return sizes[static_cast<size_t>(element)];
}

std::string_view element_name(Element element) {
  constexpr std::string_view names[] = {"f32", "f64", "i8",  "i16", "i32", "i64",
                                        "u8",  "u16", "u32", "u64", "bool"};
  return names[static_cast<size_t>(element)];
}

bool is_integer(Element element) { return element != Element::f32 && element != Element::f64; }

std::optional<int64_t> element_count(const std::vector<int64_t>& shape) {
  constexpr int64_t largest = int64_t{1} << 31;
  int64_t count = 1;
  bool empty = false;
  for (const int64_t extent : shape) {
    if (extent < 0) return std::nullopt;
    if (extent == 0) {
      empty = true;
    } else if (count > largest / extent) {
      return std::nullopt;
    } else {
      count *= extent;
    }
  }
  return empty ? 0 : count;
}

double Array::real(int64_t i) const {
  return visit_element(*this, i, [](auto value) { return static_cast<double>(value); });
}

std::optional<int64_t> Array::integer(int64_t i) const {
  return visit_element(*this, i, [](auto value) -> std::optional<int64_t> {
    using T = decltype(value);
    if constexpr (std::is_floating_point_v<T>) {
      constexpr double limit = 9223372036854775808.0;  // 2^63
      const double real = static_cast<double>(value);
      if (!(real >= -limit && real < limit) || std::trunc(real) != real) return std::nullopt;
      return static_cast<int64_t>(real);
    } else if constexpr (std::is_same_v<T, uint64_t>) {
      if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return std::nullopt;
      return static_cast<int64_t>(value);
    } else {
      return static_cast<int64_t>(value);
    }
  });
}

Array Array::of(std::vector<int64_t> shape, std::span<const double> values) {
  return make_array(std::move(shape), Element::f64, values);
}
Array Array::of(std::vector<int64_t> shape, std::span<const float> values) {
  return make_array(std::move(shape), Element::f32, values);
}
Array Array::of(std::vector<int64_t> shape, std::span<const int64_t> values) {
  return make_array(std::move(shape), Element::i64, values);
}

bool Arrays::add(std::string name, Array array) {
  if (!index_.emplace(name, items_.size()).second) return false;
  items_.push_back({std::move(name), std::move(array)});
  return true;
}

const Array* Arrays::find(const std::string& name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &items_[found->second].array;
}

std::vector<std::string> Arrays::names() const {
  std::vector<std::string> names;
  for (const Item& item : items_) names.push_back(item.name);
  return names;
}

Reals Reals::of_mapped(const Array& array, bool double_precision) {
  Reals reals(double_precision);
  reals.mapped_ = array;
  return reals;
}

bool Reals::has_address() const {
  return !mapped_.mapping || mapped_.element == (double_precision_ ? Element::f64 : Element::f32);
}

double Reals::mapped_real(size_t i) const {
  const double value = mapped_.real(static_cast<int64_t>(i));
  return double_precision_ ? value : static_cast<double>(static_cast<float>(value));
}

void Reals::read(size_t first, size_t count, void* out) const {
  const size_t width = double_precision_ ? sizeof(double) : sizeof(float);
  if (has_address()) {
    std::memcpy(out, static_cast<const std::byte*>(data()) + first * width, count * width);
    return;
  }
  // The type is looked at once, not for each element; what lies in a file need not be aligned.
  visit_element(mapped_, 0, [&](auto example) {
    using From = decltype(example);
    const std::byte* from = mapped_.mapped.data() + first * sizeof(From);
    for (size_t i = 0; i < count; ++i, from += sizeof(From)) {
      From value;
      std::memcpy(&value, from, sizeof value);
      if (mapped_.element == Element::boolean) value = static_cast<From>(value != From{});
      if (double_precision_)
        static_cast<double*>(out)[i] = static_cast<double>(value);
      else
        static_cast<float*>(out)[i] = static_cast<float>(static_cast<double>(value));
    }
  });
}

std::span<const std::byte> Reals::stored() const {
  if (mapped_.mapping) return mapped_.mapped;
  return double_precision_ ? std::as_bytes(std::span(doubles_)) : std::as_bytes(std::span(floats_));
}

Reals Reals::copied() const {
  Reals own(double_precision_, size());
  if (size() > 0) read(0, size(), own.data());
  return own;
}

void Reals::resize(size_t size) {
  if (double_precision_) {
    doubles_.resize(size);
  } else {
    floats_.resize(size);
  }
}

void Reals::set(size_t i, double value) {
  if (double_precision_) {
    doubles_[i] = value;
  } else {
    floats_[i] = static_cast<float>(value);
  }
}

void Reals::set(size_t first, std::span<const double> values) {
  if (double_precision_) {
    std::copy(values.begin(), values.end(), doubles_.begin() + static_cast<ptrdiff_t>(first));
  } else {
    std::transform(values.begin(), values.end(), floats_.begin() + static_cast<ptrdiff_t>(first),
                   [](double x) { return static_cast<float>(x); });
  }
}

void Reals::get(size_t first, std::span<double> values) const {
  if (double_precision_) {
    std::copy_n(doubles_.begin() + static_cast<ptrdiff_t>(first), values.size(), values.begin());
  } else {
    std::copy_n(floats_.begin() + static_cast<ptrdiff_t>(first), values.size(), values.begin());
  }
}

Array Reals::array(std::vector<int64_t> shape) const {
  return double_precision_ ? Array::of(std::move(shape), std::span<const double>(doubles_))
                           : Array::of(std::move(shape), std::span<const float>(floats_));
}

std::string_view precision_name(bool double_precision) { return double_precision ? "f64" : "f32"; }

}  // namespace nodec::runtime
