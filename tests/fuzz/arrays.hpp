// What must hold of arrays, however they were read.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "runtime/arrays.hpp"
#include "runtime/binding.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace nodec::fuzz {

// Elements and shape agree, and every element can be read.
inline void require_sound(const runtime::Array& array) {
  const std::optional<int64_t> count = runtime::element_count(array.shape);
  require(count && *count == array.size(), "an array has the elements of its shape");
  for (const int64_t i : {int64_t{0}, *count / 2, *count - 1}) {
    if (i < 0 || i >= *count) continue;
    array.real(i);
    array.integer(i);
  }
}

inline bool same(const runtime::Array& a, const runtime::Array& b) {
  return a.shape == b.shape && a.element == b.element && std::ranges::equal(a.data(), b.data());
}

inline bool same(const runtime::Arrays& a, const runtime::Arrays& b) {
  return a.size() == b.size() && std::all_of(a.items().begin(), a.items().end(), [&](const auto& item) {
           const runtime::Array* other = b.find(item.name);
           return other && same(item.array, *other);
         });
}

inline void require_told(const runtime::Errors& errors) {
  require(!errors.empty(), "what fails says why");
  for (const runtime::Error& error : errors) require(!error.message().empty(), "an error has a text");
}

// Reads the bytes as they are and as of a mapped file: the same arrays, or errors that tell. `read` takes
// what keeps the mapping, or null.
template <typename Read>
std::optional<std::pair<runtime::Arrays, runtime::Arrays>> read_both_ways(Read read) {
  const runtime::Result<runtime::Arrays> arrays = read(nullptr), mapped = read(std::make_shared<int>(0));
  require(bool(arrays) == bool(mapped), "a mapped file is read as any other");
  if (!arrays) {
    require_told(arrays.errors());
    return {};
  }
  for (const runtime::Arrays::Item& item : arrays->items()) require_sound(item.array);
  require(same(*arrays, *mapped), "a mapped file has the same values");
  return std::pair{*arrays, *mapped};
}

// Binds what a file holds to a model of every kind of datum: times, a series, integers in a range that
// depends on a length, a constant, values that may be missing.
inline void bind_all(const runtime::DataFile& file) {
  using runtime::Extent;
  const Extent T = Extent::length("T"), N = Extent::length("N");
  std::vector<runtime::Declared> all(5);
  all[0] = {.name = "t", .shape = {T}, .monotone = true};
  all[1] = {.name = "y", .shape = {T, 2}, .missing = true};
  all[2] = {.name = "k", .shape = {}, .integer = true, .bounds = {{0, T}}};
  all[3] = {.name = "A", .shape = {N, N}, .constant = true};
  all[4] = {.name = "x", .shape = {Extent(std::vector<Extent::Term>{{2, {"N"}}, {1, {}}})}};
  for (const runtime::Declared& one : all) {
    for (const bool double_precision : {true, false}) {
      runtime::BindOptions options;
      options.double_precision = double_precision;
      const runtime::Result<runtime::Binding> bound = runtime::bind(file, {one}, options);
      if (!bound) require_told(bound.errors());
    }
  }
  for (const size_t count : {size_t{2}, all.size()}) {
    const runtime::Result<runtime::Binding> bound =
        runtime::bind(file, {all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count)}, {});
    if (!bound) require_told(bound.errors());
  }
}

}  // namespace nodec::fuzz
