// Names of a model -> identifiers (see c_names.hpp).
#include "compiler/embed/c_names.hpp"

#include <array>
#include <cctype>
#include <cstdio>

#include "compiler/source/utf8.hpp"

namespace nodec::embed {
namespace {

// From U+0391 and, in lower case, from U+03B1 on; U+03C2 is a second sigma.
constexpr std::array<const char*, 25> greek = {
    "alpha", "beta",   "gamma",   "delta", "epsilon", "zeta",    "eta",  "theta", "iota",
    "kappa", "lambda", "mu",      "nu",    "xi",      "omicron", "pi",   "rho",   "sigma",
    "sigma", "tau",    "upsilon", "phi",   "chi",     "psi",     "omega"};

const std::set<std::string> keywords = {
    "alignas",      "alignof",       "and",         "and_eq",   "asm",       "auto",
    "bitand",       "bitor",         "bool",        "break",    "case",      "catch",
    "char",         "class",         "compl",       "concept",  "const",     "consteval",
    "constexpr",    "constinit",     "const_cast",  "continue", "co_await",  "co_return",
    "co_yield",     "decltype",      "default",     "delete",   "do",        "double",
    "dynamic_cast", "else",          "enum",        "explicit", "export",    "extern",
    "false",        "float",         "for",         "friend",   "goto",      "if",
    "inline",       "int",           "long",        "mutable",  "namespace", "new",
    "noexcept",     "not",           "not_eq",      "nullptr",  "operator",  "or",
    "or_eq",        "private",       "protected",   "public",   "register",  "reinterpret_cast",
    "requires",     "restrict",      "return",      "short",    "signed",    "sizeof",
    "static",       "static_assert", "static_cast", "struct",   "switch",    "template",
    "this",         "thread_local",  "throw",       "true",     "try",       "typedef",
    "typeid",       "typename",      "union",       "unsigned", "using",     "virtual",
    "void",         "volatile",      "wchar_t",     "while",    "xor",       "xor_eq"};

bool plain(char32_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::string letter(char32_t c) {
  if (plain(c)) return std::string(1, static_cast<char>(c));
  if (c >= 0x3B1 && c < 0x3B1 + greek.size()) return greek[c - 0x3B1];
  if (c >= 0x391 && c < 0x391 + greek.size()) {
    std::string name = greek[c - 0x391];
    name[0] = static_cast<char>(std::toupper(name[0]));
    return name;
  }
  if (c < 0x80) return "_";
  if (c >= 0x2080 && c <= 0x2089) return std::string(1, static_cast<char>('0' + (c - 0x2080)));
  char text[16];
  std::snprintf(text, sizeof text, "u%04X", static_cast<unsigned>(c));
  return text;
}

}  // namespace

std::string c_name(const std::string& name) {
  std::string out;
  bool joined = true;
  for (size_t at = 0; at < name.size();) {
    const source::CodePoint point = source::code_point_at(name, at);
    const std::string text = letter(point.value);
    // Words stand apart: ω0 is omega0, but α.β alpha_beta and αβ alpha_beta.
    const bool word = text.size() > 1;
    if ((word || !joined) && !out.empty() && out.back() != '_' && text != "_" &&
        !std::isdigit(static_cast<unsigned char>(text[0])))
      out += '_';
    out += text;
    joined = !word;
    at += point.length > 0 ? point.length : 1;
  }
  if (out.empty() || std::isdigit(static_cast<unsigned char>(out[0]))) out = "n" + out;
  return keywords.count(out) ? out + "_" : out;
}

std::string upper_case(const std::string& name) {
  std::string out = name;
  for (char& c : out) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

std::string CScope::add(const std::string& name) {
  std::string free = c_name(name);
  while (!taken_.insert(free).second) free += '_';
  return free;
}

}  // namespace nodec::embed
