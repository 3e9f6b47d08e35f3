// UTF-8: bytes to code points, their validity and the width that a terminal gives them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nodec::source {

struct CodePoint {
  char32_t value = 0;
  uint32_t length = 0;  // in bytes; 0 at the end of the text
  bool valid = false;   // false: one byte that belongs to no code point; its value is U+FFFD
};

// The code point that begins at a byte.
CodePoint code_point_at(std::string_view text, size_t byte);

// The first byte that is not valid UTF-8 (overlong forms, surrogates and values past U+10FFFF included).
std::optional<size_t> first_invalid_byte(std::string_view text);

// One code point as UTF-8.
std::string to_utf8(char32_t value);

// Columns of a terminal: 0 for a combining mark, 2 for wide East Asian characters and emoji, else 1.
int display_width(char32_t value);

}  // namespace nodec::source
