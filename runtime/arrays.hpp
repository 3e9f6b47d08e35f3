// Named arrays of numbers, as files hold them, and their conversion to the reals that compiled code reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/error.hpp"

namespace nodec::runtime {

enum class Element : uint8_t { f32, f64, i8, i16, i32, i64, u8, u16, u32, u64, boolean };

size_t element_bytes(Element element);
std::string_view element_name(Element element);  // "f32"
bool is_integer(Element element);                // also boolean

// The number of elements of a shape; nothing when an extent is negative or the count exceeds 2^31.
std::optional<int64_t> element_count(const std::vector<int64_t>& shape);

// Row-major, host byte order.
struct Array {
  std::vector<int64_t> shape;
  Element element = Element::f64;
  std::vector<std::byte> bytes;
  // Of an array that stays in a mapped file: where, and what keeps it there; `bytes` is empty.
  std::span<const std::byte> mapped = {};
  std::shared_ptr<const void> mapping = nullptr;

  std::span<const std::byte> data() const { return mapping ? mapped : bytes; }
  int64_t size() const { return static_cast<int64_t>(data().size() / element_bytes(element)); }
  // Element i as a real; integers beyond 2^53 are rounded.
  double real(int64_t i) const;
  // Element i exactly, when it is an integer that int64_t holds.
  std::optional<int64_t> integer(int64_t i) const;

  static Array of(std::vector<int64_t> shape, std::span<const double> values);
  static Array of(std::vector<int64_t> shape, std::span<const float> values);
  static Array of(std::vector<int64_t> shape, std::span<const int64_t> values);
};

// Arrays by name, in the order in which they were added.
class Arrays {
 public:
  struct Item {
    std::string name;
    Array array;
  };
  // False, and nothing happens, when the name is taken.
  bool add(std::string name, Array array);
  const Array* find(const std::string& name) const;
  const std::vector<Item>& items() const { return items_; }
  std::vector<std::string> names() const;
  size_t size() const { return items_.size(); }

 private:
  std::vector<Item> items_;
  std::map<std::string, size_t> index_;
};

// Reals in the precision of compiled code: own ones, or those of a mapped file, which cannot be set.
class Reals {
 public:
  // An array that stays in its file. Of another element type than the precision's it has no address: compiled
  // code is given copies of the parts that it is to read.
  static Reals of_mapped(const Array& array, bool double_precision);
  explicit Reals(bool double_precision = true, size_t size = 0) : double_precision_(double_precision) {
    resize(size);
  }
  bool double_precision() const { return double_precision_; }
  size_t size() const {
    if (mapped_.mapping) return static_cast<size_t>(mapped_.size());
    return double_precision_ ? doubles_.size() : floats_.size();
  }
  void resize(size_t size);
  // Rounded to the precision.
  double operator[](size_t i) const {
    if (mapped_.mapping) return mapped_real(i);
    return double_precision_ ? doubles_[i] : static_cast<double>(floats_[i]);
  }
  // Rounds to the precision.
  void set(size_t i, double value);
  // The same for values from the first on, and back; of own ones.
  void set(size_t first, std::span<const double> values);
  void get(size_t first, std::span<double> values) const;
  // Whether `data` holds the values.
  bool has_address() const;
  void* data() { return double_precision_ ? static_cast<void*>(doubles_.data()) : floats_.data(); }
  const void* data() const {
    if (mapped_.mapping) return mapped_.mapped.data();
    return double_precision_ ? static_cast<const void*>(doubles_.data()) : floats_.data();
  }
  // Element i's address.
  void* at(size_t i) { return static_cast<std::byte*>(data()) + i * (double_precision_ ? 8 : 4); }
  // Writes `count` values from the first on, in the precision, to `out`.
  void read(size_t first, size_t count, void* out) const;
  // The values as they are stored, here or in their file.
  std::span<const std::byte> stored() const;
  // The same values, which can be set.
  Reals copied() const;
  // The values as an array to be written.
  Array array(std::vector<int64_t> shape) const;

 private:
  double mapped_real(size_t i) const;

  bool double_precision_;
  Array mapped_;  // without a mapping: nothing
  std::vector<double> doubles_;
  std::vector<float> floats_;
};

// "f64" or "f32".
std::string_view precision_name(bool double_precision);

}  // namespace nodec::runtime
