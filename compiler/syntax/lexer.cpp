// Bytes to words: ANTLR's lexer, and the characters that have no meaning.
#include <utf8proc.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include "compiler/source/utf8.hpp"
#include "compiler/syntax/tokens.hpp"

namespace nodec::syntax {
namespace {

using source::Id;

// The character that stands for all of its class in grammar/NodeLexer.g4.
char32_t class_of(char32_t c) {
  if (c < 0x80 || c == U'′') return c;
  if (c >= U'₀' && c <= U'₉') return U'\u0300';
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return U'\u00AA';
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
      return U'\u0300';
    case UTF8PROC_CATEGORY_ZS:
      return U'\u00A0';
    default:
      return U'\uFFFD';
  }
}

// A text as ANTLR reads it, each class of characters by one of them. An index is a byte, so that no position
// needs translation.
class Utf8Stream final : public antlr4::CharStream {
 public:
  explicit Utf8Stream(std::string_view text) : text_(text) {}

  void consume() override { at_ += ascii(at_) ? 1 : source::code_point_at(text_, at_).length; }
  size_t LA(ssize_t i) override {
    size_t byte = at_;
    if (i == 1 && ascii(byte)) return static_cast<unsigned char>(text_[byte]);
    if (i < 0) {
      for (; i < 0 && byte > 0; ++i) {
        do --byte;
        while (byte > 0 && (static_cast<unsigned char>(text_[byte]) & 0xC0) == 0x80);
      }
    } else {
      for (; i > 1; --i) byte += source::code_point_at(text_, byte).length;
    }
    if (byte >= text_.size()) return IntStream::EOF;
    return class_of(source::code_point_at(text_, byte).value);
  }
  ssize_t mark() override { return 0; }
  void release(ssize_t) override {}
  size_t index() override { return at_; }
  void seek(size_t byte) override { at_ = std::min(byte, text_.size()); }
  size_t size() override { return text_.size(); }
  std::string getSourceName() const override { return {}; }
  std::string getText(const antlr4::misc::Interval& bytes) override {
    return std::string(text_.substr(bytes.a, bytes.b - bytes.a + 1));
  }
  std::string toString() const override { return std::string(text_); }

 private:
  bool ascii(size_t byte) const {
    return byte < text_.size() && static_cast<unsigned char>(text_[byte]) < 0x80;
  }

  std::string_view text_;
  size_t at_ = 0;
};

// The generated lexer, asked for types and bytes alone: no token object is made for a word.
class Scanner final : public Lexer {
 public:
  explicit Scanner(Utf8Stream& stream) : NodeLexer(&stream) {}

  std::optional<Word> next() {
    for (;;) {
      const auto begin = static_cast<uint32_t>(_input->index());
      if (_input->LA(1) == antlr4::IntStream::EOF) return std::nullopt;
      type = antlr4::Token::INVALID_TYPE;  // the action `skip` overwrites it
      const size_t matched = getInterpreter<antlr4::atn::LexerATNSimulator>()->match(_input, mode);
      if (type == SKIP) continue;
      return Word{static_cast<int32_t>(matched), begin, static_cast<uint32_t>(_input->index())};
    }
  }
};

// What a stray character was probably meant to be.
std::string_view meant(char32_t c) {
  switch (c) {
    case U'−':
    case U'–':
    case U'—':
      return "write '-' for minus";
    case U'×':
    case U'·':
    case U'⋅':
      return "write '*' for a product";
    case U'÷':
      return "write '/' for a quotient";
    case U'≤':
      return "write '<='";
    case U'≥':
      return "write '>='";
    case U'≠':
    case U'!':
      return "write '!=' for unequal and 'not' for a negation";
    case U'²':
      return "write '^2'";
    case U'³':
      return "write '^3'";
    case U'∞':
      return "write 'inf'";
    case U'&':
      return "write 'and'";
    case U'|':
      return "write 'or', or 'abs(x)' for a magnitude";
    case U'’':
    case U'‘':
    case U'`':
      return "the time derivative is written with ' or ′";
    case U'“':
    case U'”':
      return "strings stand in \"straight quotes\"";
    default:
      return "";
  }
}

std::string name_of(char32_t c) {
  char code[16];
  std::snprintf(code, sizeof code, "U+%04X", static_cast<unsigned>(c));
  if (c < 0x20 || (c >= 0x7F && c < 0xA0) || source::display_width(c) == 0) return code;
  return c < 0x80 ? "'" + source::to_utf8(c) + "'" : "'" + source::to_utf8(c) + "' (" + code + ")";
}

// All words of the text up to the point where reading on is of no use.
std::vector<Word> scan(std::string_view text, Problems& problems, bool& readable) {
  Utf8Stream stream(text);
  Scanner scanner(stream);
  std::vector<Word> words;
  int open = 0;
  while (const std::optional<Word> word = scanner.next()) {
    switch (word->type) {
      case Lexer::NEWLINE:
        if (!words.empty() && words.back().type == Lexer::NEWLINE) continue;
        break;
      case Lexer::UNKNOWN: {
        const char32_t c = source::code_point_at(text, word->begin).value;
        // A run of them is one mistake.
        if (words.empty() || words.back().type != Lexer::UNKNOWN || words.back().end != word->begin) {
          auto& problem = problems.syntax(word->begin, word->end, "unexpected character " + name_of(c));
          if (const std::string_view way_out = meant(c); !way_out.empty()) {
            problem.note(problem.span, std::string(way_out));
          }
        } else {
          words.back().end = word->end;
          continue;
        }
        break;
      }
      case Lexer::OPEN_STRING:
        problems.syntax(word->begin, word->end, "this string is not closed on its line");
        break;
      case Lexer::LEFT_PAREN:
      case Lexer::LEFT_BRACKET:
      case Lexer::LEFT_BRACE:
        if (++open > nesting_limit) {
          problems.add(Id::nesting_too_deep, word->begin, word->end, std::to_string(nesting_limit));
          readable = false;
        }
        break;
      case Lexer::RIGHT_PAREN:
      case Lexer::RIGHT_BRACKET:
      case Lexer::RIGHT_BRACE:
        open = std::max(0, open - 1);
        break;
      default:
        break;
    }
    words.push_back(*word);
    if (!readable || problems.too_many()) break;
  }
  return words;
}

}  // namespace

Tokens tokenize(const source::Files& files, int32_t file, Problems& problems) {
  const std::string_view text = files.text(file);
  bool readable = true;
  const std::vector<Word> words = scan(text, problems, readable);
  return readable ? lay_out(text, words, problems) : Tokens{{}, false};
}

source::Diagnostic& Problems::add(Id id, uint32_t begin, uint32_t end, std::string text) {
  // The wording is filled in when the diagnostic is reported.
  return list_.emplace_back(
      source::Diagnostic{id, source::Severity::error, {file_, begin, end}, std::move(text), {}});
}

bool Problems::any_within(uint32_t begin, uint32_t end) const {
  return std::any_of(list_.begin(), list_.end(), [&](const source::Diagnostic& d) {
    return begin <= d.span.begin && d.span.begin <= end;
  });
}

void Problems::report(source::Diagnostics& diagnostics) {
  std::stable_sort(list_.begin(), list_.end(), [](const source::Diagnostic& a, const source::Diagnostic& b) {
    return a.span.begin < b.span.begin;
  });
  for (source::Diagnostic& problem : list_) {
    auto& reported = diagnostics.report(problem.id, problem.span, problem.text);
    for (source::Note& note : problem.notes) reported.note(note.span, std::move(note.text));
  }
}

}  // namespace nodec::syntax
