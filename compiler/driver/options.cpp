// What the values of options must be: a wrong one is wrong usage, told before anything is read.
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "compiler/driver/arguments.hpp"

namespace nodec::driver {

OptionCheck whole_number(int64_t low, int64_t high) {
  return [low, high](const std::string& text) -> std::string {
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool good = error == std::errc() && end == text.data() + text.size();
    if (good && value >= low && value <= high) return "";
    return "expected an integer from " + std::to_string(low) + " to " + std::to_string(high) + ", not '" +
           text + "'";
  };
}

OptionCheck any_seed() {
  return [](const std::string& text) -> std::string {
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size()) return "";
    return "expected an integer from 0 to 2^64 - 1, not '" + text + "'";
  };
}

OptionCheck finite_number(Sign sign) {
  return [sign](const std::string& text) -> std::string {
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    const bool good = !text.empty() && *end == '\0' && std::isfinite(value);
    if (good && (sign == Sign::any || value > 0 || (sign == Sign::not_negative && value == 0))) return "";
    const char* kind = sign == Sign::any ? "a" : sign == Sign::positive ? "a positive" : "a nonnegative";
    return std::string("expected ") + kind + " number, not '" + text + "'";
  };
}

OptionCheck not_empty() {
  return [](const std::string& text) -> std::string { return text.empty() ? "expected a value" : ""; };
}

}  // namespace nodec::driver
