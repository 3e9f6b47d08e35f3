// Bytes to tokens: ANTLR's lexer, then brackets, nesting and the ends of statements.
#include <algorithm>
#include <array>
#include <optional>

#include "compiler/source/utf8.hpp"
#include "compiler/syntax/tokens.hpp"

namespace nodec::syntax {
namespace {

using source::Id;

// A text as ANTLR reads it. An index is a byte, so that no position needs translation.
class Utf8Stream final : public antlr4::CharStream {
 public:
  explicit Utf8Stream(std::string_view text) : text_(text) {}

  void consume() override { at_ += source::code_point_at(text_, at_).length; }
  size_t LA(ssize_t i) override {
    size_t byte = at_;
    if (i < 0) {
      for (; i < 0 && byte > 0; ++i) {
        do --byte;
        while (byte > 0 && (static_cast<unsigned char>(text_[byte]) & 0xC0) == 0x80);
      }
    } else {
      for (; i > 1; --i) byte += source::code_point_at(text_, byte).length;
    }
    if (byte >= text_.size()) return IntStream::EOF;
    return source::code_point_at(text_, byte).value;
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
  std::string_view text_;
  size_t at_ = 0;
};

struct Word {
  int32_t type;
  uint32_t begin, end;
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

template <int... types>
bool is_one_of(int32_t type) {
  return ((type == types) || ...);
}

bool is_word(int32_t type) { return type == Lexer::NAME || (type >= Lexer::USE && type <= Lexer::INT); }

bool is_binary_operator(int32_t type) {
  return (type >= Lexer::EQUAL && type <= Lexer::POWER) || type == Lexer::AND || type == Lexer::OR;
}

bool ends_operand(int32_t type) {
  return is_word(type) ||
         is_one_of<Lexer::NUMBER, Lexer::STRING, Lexer::PRIME, Lexer::RIGHT_PAREN, Lexer::RIGHT_BRACKET,
                   Lexer::RIGHT_BRACE, Lexer::UNKNOWN, Lexer::OPEN_STRING>(type);
}

// A line that ends so cannot be the end of a statement.
bool goes_on_after(int32_t type) {
  return is_binary_operator(type) ||
         is_one_of<Lexer::COMMA, Lexer::COLON, Lexer::TILDE, Lexer::ASSIGN, Lexer::DOT_DOT, Lexer::IF,
                   Lexer::THEN, Lexer::ELSE, Lexer::NOT, Lexer::FOR, Lexer::IN, Lexer::FROM, Lexer::TO,
                   Lexer::AT, Lexer::BY, Lexer::WITH, Lexer::ADJOINT>(type);
}

// A line that begins so cannot be the beginning of a statement.
bool goes_on_before(int32_t type) {
  return is_binary_operator(type) || is_one_of<Lexer::THEN, Lexer::ELSE, Lexer::FROM, Lexer::TO, Lexer::AT,
                                               Lexer::BY, Lexer::WITH, Lexer::ADJOINT, Lexer::FOR>(type);
}

class Layout {
 public:
  Layout(std::string_view text, std::vector<Word> words, Problems& problems)
      : text_(text), words_(std::move(words)), problems_(problems) {}

  std::vector<Token> run(bool& readable) {
    out_.reserve(words_.size() + 2);
    for (size_t i = 0; i < words_.size() && !too_deep_ && !problems_.too_many(); ++i) take(i);
    if (too_deep_) {
      readable = false;
      return {};
    }
    const auto end = static_cast<uint32_t>(text_.size());
    close_down_to(0, end, end, "the end of the file");
    separate();
    emit({-1, out_.empty() ? end : out_.back().end, out_.empty() ? end : out_.back().end});
    return std::move(out_);
  }

 private:
  void take(size_t i) {
    const Word& word = words_[i];
    switch (word.type) {
      case Lexer::NEWLINE:
        end_of_line(i);
        break;
      case Lexer::SEMICOLON:
        if (in_block()) {
          if (wants_separator()) emit({Lexer::SEPARATOR, word.begin, word.end});
        } else {
          emit({Lexer::SEPARATOR, word.begin, word.end});  // the parser says what it expected instead
        }
        reset_nesting();
        break;
      case Lexer::LEFT_PAREN:
      case Lexer::LEFT_BRACKET:
      case Lexer::LEFT_BRACE:
        emit(word);
        open_.push_back({word, {level().depth() + 1}});
        check_nesting(word);
        break;
      case Lexer::RIGHT_PAREN:
        close(word, Lexer::LEFT_PAREN);
        break;
      case Lexer::RIGHT_BRACKET:
        close(word, Lexer::LEFT_BRACKET);
        break;
      case Lexer::RIGHT_BRACE:
        close(word, Lexer::LEFT_BRACE);
        break;
      case Lexer::OPEN_STRING:
        // It swallowed what closes the brackets of its line.
        emit({Lexer::UNKNOWN, word.begin, word.end});
        while (!in_block()) emit_closer(word.end);
        break;
      default:
        count_nesting(word);
        emit(word);
        break;
    }
  }

  bool in_block() const { return open_.empty() || open_.back().word.type == Lexer::LEFT_BRACE; }
  int32_t last_type() const { return out_.empty() ? Lexer::SEPARATOR : out_.back().type; }
  bool wants_separator() const { return !is_one_of<Lexer::SEPARATOR, Lexer::LEFT_BRACE>(last_type()); }
  uint32_t last_end() const { return out_.empty() ? 0 : out_.back().end; }

  void emit(Word word) {
    out_.emplace_back(static_cast<size_t>(word.type), word.begin, word.end, static_cast<int>(open_.size()),
                      text_);
    out_.back().index = static_cast<uint32_t>(out_.size() - 1);
  }

  void separate() {
    if (wants_separator()) emit({Lexer::SEPARATOR, last_end(), last_end()});
    reset_nesting();
  }

  void end_of_line(size_t i) {
    const size_t next = i + 1;  // the scanner keeps one of several newlines
    const bool new_statement = begins_statement(next);
    if (!in_block()) {
      if (!new_statement) return;
      size_t blocks = open_.size();
      while (blocks > 0 && open_[blocks - 1].word.type != Lexer::LEFT_BRACE) --blocks;
      close_down_to(blocks, last_end(), last_end(), "the end of the line");
    }
    if (!wants_separator()) return;
    if (goes_on_after(last_type()) && !new_statement) return;
    if (next < words_.size() && goes_on_before(words_[next].type)) return;
    separate();
  }

  // Whether the words of a line can only be the beginning of a statement: what was left open before is a
  // mistake.
  bool begins_statement(size_t i) const {
    const auto type = [&](size_t j) { return j < words_.size() ? words_[j].type : Lexer::NEWLINE; };
    const int32_t first = type(i), second = type(i + 1);
    if (is_one_of<Lexer::LET, Lexer::PARAM, Lexer::CONST, Lexer::FN, Lexer::RETURN>(first)) return true;
    if (first == Lexer::TRAIN && second == Lexer::LEFT_BRACE) return true;
    const bool keyword = first >= Lexer::USE && first <= Lexer::EVENT;
    if (keyword &&
        (is_word(second) ||
         is_one_of<Lexer::NUMBER, Lexer::STRING, Lexer::SOLVE, Lexer::FOLD, Lexer::SCAN>(second))) {
      return true;
    }
    // `z' = …`, unless it is an argument.
    if (!is_word(first) || (!in_block() && is_one_of<Lexer::LEFT_PAREN, Lexer::COMMA>(last_type())))
      return false;
    while (type(i + 1) == Lexer::PRIME) ++i;
    return type(i + 1) == Lexer::ASSIGN;
  }

  // ---- brackets ------------------------------------------------------------------------------------------
  static std::string_view closer_of(int32_t opener) {
    return opener == Lexer::LEFT_PAREN ? ")" : opener == Lexer::LEFT_BRACKET ? "]" : "}";
  }

  // Closes the innermost bracket where its own closer is missing.
  void emit_closer(uint32_t at) {
    const int32_t opener = open_.back().word.type;
    if (opener == Lexer::LEFT_BRACE) separate();
    open_.pop_back();
    emit({opener == Lexer::LEFT_PAREN     ? Lexer::RIGHT_PAREN
          : opener == Lexer::LEFT_BRACKET ? Lexer::RIGHT_BRACKET
                                          : Lexer::RIGHT_BRACE,
          at, at});
  }

  void close_down_to(size_t level, uint32_t begin, uint32_t end, const std::string& before) {
    if (open_.size() <= level) return;
    const Word opener = open_.back().word;
    const std::string sign(1, text_[opener.begin]);
    // At the place where the closer belongs, so that the statement counts as broken.
    const uint32_t at = begin == end ? last_end() : begin;
    problems_
        .syntax(at, std::max(at, end),
                "expected '" + std::string(closer_of(opener.type)) + "' before " + before)
        .note(problems_.span(opener.begin, opener.end), "to match this '" + sign + "'");
    while (open_.size() > level) emit_closer(last_end());
  }

  void close(const Word& word, int32_t opener) {
    // A brace closes whatever is open inside it; another bracket does not reach out of a brace.
    size_t level = open_.size();
    while (level > 0 && open_[level - 1].word.type != opener &&
           (opener == Lexer::LEFT_BRACE || open_[level - 1].word.type != Lexer::LEFT_BRACE)) {
      --level;
    }
    const std::string sign = "'" + std::string(text_.substr(word.begin, word.end - word.begin)) + "'";
    if (level == 0 || open_[level - 1].word.type != opener) {
      if (in_block()) {
        problems_.syntax(word.begin, word.end, "unmatched " + sign);
      } else {
        close_down_to(open_.size() - 1, word.begin, word.end, sign);  // it stands for the right one
      }
      return;
    }
    close_down_to(level, word.begin, word.end, sign);
    if (opener == Lexer::LEFT_BRACE) separate();
    open_.pop_back();
    emit(word);
  }

  // ---- nesting -------------------------------------------------------------------------------------------
  // How deep the grammar recurses at this place, at most.
  struct Level {
    int outside = 0;  // of the innermost bracket
    // Signs and powers, which the next looser operator ends; and `if`, `fold`, `not`, which only a separator
    // ends.
    int tight = 0, loose = 0;
    int depth() const { return outside + tight + loose; }
  };

  Level& level() { return open_.empty() ? outermost_ : open_.back().level; }
  void reset_nesting() { level().tight = level().loose = 0; }

  void count_nesting(const Word& word) {
    const bool sign = is_one_of<Lexer::PLUS, Lexer::MINUS>(word.type) && !ends_operand(last_type());
    if (word.type == Lexer::POWER || sign) {
      ++level().tight;
    } else if (is_one_of<Lexer::IF, Lexer::FOLD, Lexer::SCAN, Lexer::NOT>(word.type)) {
      ++level().loose;
    } else if (word.type == Lexer::COMMA) {
      reset_nesting();
    } else if (is_binary_operator(word.type)) {
      level().tight = 0;
    }
    check_nesting(word);
  }

  void check_nesting(const Word& word) {
    if (level().depth() <= nesting_limit) return;
    problems_.add(Id::nesting_too_deep, word.begin, word.end, std::to_string(nesting_limit));
    too_deep_ = true;
  }

  struct Open {
    Word word;
    Level level;
  };

  std::string_view text_;
  std::vector<Word> words_;
  Problems& problems_;
  std::vector<Token> out_;
  std::vector<Open> open_;
  Level outermost_;
  bool too_deep_ = false;
};

}  // namespace

Tokens tokenize(const source::Files& files, int32_t file, Problems& problems) {
  const std::string_view text = files.text(file);
  Tokens tokens;
  std::vector<Word> words = scan(text, problems, tokens.readable);
  if (!tokens.readable) return tokens;
  tokens.list = Layout(text, std::move(words), problems).run(tokens.readable);
  return tokens;
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
