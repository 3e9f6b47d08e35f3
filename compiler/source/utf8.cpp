// UTF-8 decoding after table 3-7 of the Unicode standard (well-formed byte sequences).
#include "compiler/source/utf8.hpp"

#include <algorithm>
#include <iterator>

namespace nodec::source {
namespace {

constexpr char32_t replacement = 0xFFFD;

struct Interval {
  char32_t first, last;
};

// Blocks of combining marks and of invisible format characters.
constexpr Interval zero_width[] = {{0x0300, 0x036F}, {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x200B, 0x200F},
                                   {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}};
// Blocks that Unicode's East Asian Width calls wide or full width.
constexpr Interval double_width[] = {{0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0xA4CF},
                                     {0xA960, 0xA97F},   {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},
                                     {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},
                                     {0x1F300, 0x1F64F}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};

template <size_t n>
bool within(const Interval (&intervals)[n], char32_t value) {
  return std::any_of(std::begin(intervals), std::end(intervals),
                     [value](Interval i) { return i.first <= value && value <= i.last; });
}

}  // namespace

CodePoint code_point_at(std::string_view text, size_t byte) {
  if (byte >= text.size()) return {};
  const auto at = [&](size_t offset) -> uint32_t {
    return byte + offset < text.size() ? static_cast<unsigned char>(text[byte + offset]) : 0;
  };
  const uint32_t lead = at(0);
  if (lead < 0x80) return {lead, 1, true};
  // The second byte's range depends on the first: that is what excludes overlong forms and surrogates.
  uint32_t length = 0, low = 0x80, high = 0xBF, value = 0;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2, value = lead & 0x1F;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3, value = lead & 0x0F;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4, value = lead & 0x07;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return {replacement, 1, false};
  }
  for (uint32_t i = 1; i < length; ++i) {
    const uint32_t next = at(i);
    if (next < low || next > high) return {replacement, 1, false};
    value = value << 6 | (next & 0x3F);
    low = 0x80, high = 0xBF;
  }
  return {value, length, true};
}

std::optional<size_t> first_invalid_byte(std::string_view text) {
  for (size_t byte = 0; byte < text.size();) {
    const CodePoint point = code_point_at(text, byte);
    if (!point.valid) return byte;
    byte += point.length;
  }
  return std::nullopt;
}

std::string to_utf8(char32_t value) {
  std::string text;
  const auto tail = [&](int shift) { text += static_cast<char>(0x80 | (value >> shift & 0x3F)); };
  if (value < 0x80) {
    text += static_cast<char>(value);
  } else if (value < 0x800) {
    text += static_cast<char>(0xC0 | value >> 6), tail(0);
  } else if (value < 0x10000) {
    text += static_cast<char>(0xE0 | value >> 12), tail(6), tail(0);
  } else {
    text += static_cast<char>(0xF0 | value >> 18), tail(12), tail(6), tail(0);
  }
  return text;
}

int display_width(char32_t value) {
  if (value < 0x300) return 1;
  if (within(zero_width, value)) return 0;
  return within(double_width, value) ? 2 : 1;
}

}  // namespace nodec::source
