// What both notations have in common: precedence, signs, templates.
#include "compiler/notation/writer.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace nodec::notation {

int Writer::level_of(const Formula& x) const {
  switch (x->form) {
    case Form::infix:
      return 0;
    case Form::sum:
    case Form::negative:
      return 1;
    case Form::number:
      return x->value < 0 ? 1 : decimal(x->value).exponent != 0 ? 3 : 5;
    case Form::big:
    case Form::hadamard:
      return 2;
    case Form::quotient:
      return fractions_are_atoms() ? 4 : 2;
    case Form::times:
      return 3;
    case Form::power:
    case Form::transpose:
      return 4;
    case Form::call:
      return template_of(*x).find('^') == std::string::npos ? 5 : 4;
    default:
      return 5;
  }
}

std::string Writer::write(const Formula& x, int level) const {
  const std::string inner = bare(x);
  return level_of(x) < level ? parenthesized(inner) : inner;
}

std::string Writer::joined(const Formula& x, const std::string& separator, int level, size_t from) const {
  std::string list;
  for (size_t i = from; i < x->parts.size(); ++i)
    list += (i > from ? separator : "") + write(x->parts[i], level);
  return list;
}

std::string Writer::filled(const std::string& pattern, const Formula& x) const {
  std::string text;
  size_t at = 0;
  for (size_t open = pattern.find('{'); open != std::string::npos; open = pattern.find('{', open + 1)) {
    if (open + 2 >= pattern.size() || pattern[open + 2] != '}') continue;
    const size_t argument = static_cast<size_t>(pattern[open + 1] - '0');
    if (argument >= x->parts.size()) continue;
    text += pattern.substr(at, open - at);
    const std::string before = pattern.substr(0, open), after = pattern.substr(open + 3);
    text += write(x->parts[argument], argument_level(before, after));
    at = open + 3;
    open += 2;
  }
  return text + pattern.substr(at);
}

std::string Writer::bare(const Formula& x) const {
  switch (x->form) {
    case Form::number:
      return number(x->value);
    case Form::name:
      return symbol(*x->symbol);
    case Form::literal:
      return template_of(*x);
    case Form::negative:
      return minus() + write(x->parts[0], 2);
    case Form::sum: {
      std::string list = write(x->parts[0], 1);
      for (size_t i = 1; i < x->parts.size(); ++i) {
        const Formula& term = x->parts[i];
        if (term->form == Form::negative)
          list += " " + minus() + " " + write(term->parts[0], 2);
        else if (term->form == Form::number && term->value < 0)
          list += " " + minus() + " " + number(-term->value);
        else
          list += " + " + write(term, 2);
      }
      return list;
    }
    case Form::times:
      return beside(x);
    case Form::hadamard:
      return joined(x, hadamard(), 3);
    case Form::quotient:
      return quotient(x);
    case Form::power:
      return power(x);
    case Form::call:
    case Form::infix:
      return filled(template_of(*x), x);
    case Form::index:
      return index(x);
    case Form::transpose:
      return transposed(write(x->parts[0], 5));
    case Form::tuple:
      return tuple(x);
    case Form::cases:
      return cases(x);
    case Form::big:
      return big(x);
    case Form::matrix:
      return matrix(x);
  }
  return "";
}

std::vector<std::string> characters(const std::string& text) {
  std::vector<std::string> list;
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) & 0xC0U) == 0x80U && !list.empty())
      list.back() += c;
    else
      list.emplace_back(1, c);
  }
  return list;
}

size_t width(const std::string& text) { return characters(text).size(); }

Decimal decimal(double value) {
  constexpr int digits = 6;
  char shortest[32];
  const auto end = std::to_chars(shortest, shortest + sizeof shortest, value);
  std::string text(shortest, end.ptr);
  const auto significant = [](const std::string& word) {
    const std::string mantissa = word.substr(0, word.find('e'));
    return std::count_if(mantissa.begin(), mantissa.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  if (significant(text) > digits + 1) {
    std::snprintf(shortest, sizeof shortest, "%.*g", digits, value);
    text = shortest;
  }
  const size_t e = text.find('e');
  if (e == std::string::npos) return {text, 0};
  return {text.substr(0, e), std::atoi(text.c_str() + e + 1)};
}

}  // namespace nodec::notation
