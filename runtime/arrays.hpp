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
  // An array of f32 or f64 that stays where it is.
  static Reals of_mapped(const Array& array);
  explicit Reals(bool double_precision = true, size_t size = 0) : double_precision_(double_precision) {
    resize(size);
  }
  bool double_precision() const { return double_precision_; }
  size_t size() const {
    if (mapping_) return mapped_.size() / (double_precision_ ? sizeof(double) : sizeof(float));
    return double_precision_ ? doubles_.size() : floats_.size();
  }
  size_t bytes() const { return size() * (double_precision_ ? sizeof(double) : sizeof(float)); }
  void resize(size_t size);
  double operator[](size_t i) const {
    if (mapping_) return mapped_real(i);
    return double_precision_ ? doubles_[i] : static_cast<double>(floats_[i]);
  }
  // Rounds to the precision.
  void set(size_t i, double value);
  void* data() { return double_precision_ ? static_cast<void*>(doubles_.data()) : floats_.data(); }
  const void* data() const {
    if (mapping_) return mapped_.data();
    return double_precision_ ? static_cast<const void*>(doubles_.data()) : floats_.data();
  }
  // Element i's address.
  void* at(size_t i) { return static_cast<std::byte*>(data()) + i * (double_precision_ ? 8 : 4); }
  // The values as an array to be written.
  Array array(std::vector<int64_t> shape) const;

 private:
  double mapped_real(size_t i) const;

  bool double_precision_;
  std::span<const std::byte> mapped_ = {};
  std::shared_ptr<const void> mapping_ = nullptr;
  std::vector<double> doubles_;
  std::vector<float> floats_;
};

// "f64" or "f32".
std::string_view precision_name(bool double_precision);

}  // namespace nodec::runtime
