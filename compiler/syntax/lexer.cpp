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

// What a stray character was probably meant to be: in words, and the text that replaces one of them or, where
// they come in pairs, two; a replacement that is a word keeps its distance.
struct Meant {
  std::string_view words, one, two;
};

Meant meant(char32_t c) {
  switch (c) {
    case U'−':
    case U'–':
    case U'—':
      return {"write '-' for minus", "-", ""};
    case U'×':
    case U'·':
    case U'⋅':
      return {"write '*' for a product", "*", ""};
    case U'÷':
      return {"write '/' for a quotient", "/", ""};
    case U'≤':
      return {"write '<='", "<=", ""};
    case U'≥':
      return {"write '>='", ">=", ""};
    case U'≠':
      return {"write '!=' for unequal and 'not' for a negation", "!=", ""};
    case U'!':
      return {"write '!=' for unequal and 'not' for a negation", "not", ""};
    case U'²':
      return {"write '^2'", "^2", ""};
    case U'³':
      return {"write '^3'", "^3", ""};
    case U'∞':
      return {"write 'inf'", "inf", ""};
    case U'&':
      return {"write 'and'", "and", "and"};
    case U'|':
      return {"write 'or', or 'abs(x)' for a magnitude", "", "or"};
    case U'’':
    case U'‘':
    case U'`':
      return {"the time derivative is written with ' or ′", "'", "''"};
    case U'“':
    case U'”':
      return {"strings stand in \"straight quotes\"", "\"", ""};
    case U'?':
      return {"a choice is written 'if c then a else b'", "", ""};
    default:
      return {};
  }
}

std::string name_of(char32_t c) {
  char code[16];
  std::snprintf(code, sizeof code, "U+%04X", static_cast<unsigned>(c));
  if (c < 0x20 || (c >= 0x7F && c < 0xA0) || source::display_width(c) == 0) return code;
  return c < 0x80 ? "'" + source::to_utf8(c) + "'" : "'" + source::to_utf8(c) + "' (" + code + ")";
}

// A word stands apart from words beside it.
std::string apart(std::string_view replacement, std::string_view text, uint32_t begin, uint32_t end) {
  std::string result(replacement);
  if (replacement.empty() || replacement[0] < 'a' || replacement[0] > 'z') return result;
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '('; };
  if (begin > 0 && !blank(text[begin - 1])) result.insert(0, " ");
  if (end < text.size() && !blank(text[end])) result += ' ';
  return result;
}

// One mistake: a run of characters without meaning.
void explain_unknown(const Word& run, std::string_view text, Problems& problems) {
  const source::CodePoint first = source::code_point_at(text, run.begin);
  const source::CodePoint last = source::code_point_at(text, run.end - first.length);
  const size_t count = (run.end - run.begin) / first.length;
  auto& problem = problems.syntax(run.begin, run.begin + static_cast<uint32_t>(first.length),
                                  "unexpected character " + name_of(first.value));
  const Meant way_out = meant(first.value);
  if (!way_out.words.empty()) problem.note(problem.span, std::string(way_out.words));
  const std::string_view replacement = count == 1                                ? way_out.one
                                       : count == 2 && first.value == last.value ? way_out.two
                                                                                 : std::string_view();
  if (!replacement.empty())
    problem.fix(problems.span(run.begin, run.end), apart(replacement, text, run.begin, run.end));
}

// All words of the text up to the point where reading on is of no use.
std::vector<Word> scan(std::string_view text, Problems& problems, bool& readable) {
  Utf8Stream stream(text);
  Scanner scanner(stream);
  std::vector<Word> words;
  int open = 0;
  const auto explain_last = [&] {
    if (!words.empty() && words.back().type == Lexer::UNKNOWN) explain_unknown(words.back(), text, problems);
  };
  while (const std::optional<Word> word = scanner.next()) {
    switch (word->type) {
      case Lexer::NEWLINE:
        if (!words.empty() && words.back().type == Lexer::NEWLINE) continue;
        break;
      case Lexer::UNKNOWN:
        // A run of them is one mistake.
        if (!words.empty() && words.back().type == Lexer::UNKNOWN && words.back().end == word->begin) {
          words.back().end = word->end;
          continue;
        }
        break;
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
    explain_last();
    words.push_back(*word);
    if (!readable || problems.too_many()) break;
  }
  explain_last();
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
    for (source::Fix& fix : problem.fixes) reported.fix(fix.span, std::move(fix.text));
  }
}

}  // namespace nodec::syntax
