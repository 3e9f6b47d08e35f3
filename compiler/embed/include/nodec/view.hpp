// Values in memory that somebody else owns, with their shape.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ranges>
#include <span>

namespace nodec {

// Dense, row-major. A contiguous range: it converts to std::span<Real>. False where there is nothing of that
// name.
template <class Real>
class View {
 public:
  View() = default;
  View(Real* data, size_t size, std::span<const int64_t> shape) : data_(data), size_(size), shape_(shape) {}
  Real* data() const noexcept { return data_; }
  size_t size() const noexcept { return size_; }
  Real* begin() const noexcept { return data_; }
  Real* end() const noexcept { return data_ + size_; }
  Real& operator[](size_t i) const noexcept { return data_[i]; }
  // Empty for a scalar.
  std::span<const int64_t> shape() const noexcept { return shape_; }
  explicit operator bool() const noexcept { return data_ != nullptr; }

 private:
  Real* data_ = nullptr;
  size_t size_ = 0;
  std::span<const int64_t> shape_;
};

}  // namespace nodec

template <class Real>
inline constexpr bool std::ranges::enable_borrowed_range<nodec::View<Real>> = true;
