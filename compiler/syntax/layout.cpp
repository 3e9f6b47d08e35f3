// Words to tokens: brackets that match, ends of statements, and a limit to nesting.
#include <string>

#include "compiler/syntax/tokens.hpp"

namespace nodec::syntax {
namespace {

using source::Id;

template <int... types>
bool is_one_of(int32_t type) {
  return ((type == types) || ...);
}

class Layout {
 public:
  Layout(std::string_view text, const std::vector<Word>& words, Problems& problems)
      : text_(text), words_(words), problems_(problems) {}

  Tokens run() {
    out_.reserve(words_.size() + 2);
    for (size_t i = 0; i < words_.size() && !too_deep_ && !problems_.too_many(); ++i) take(i);
    if (too_deep_) return {{}, false};
    const auto end = static_cast<uint32_t>(text_.size());
    close_down_to(0, end, end, "the end of the file");
    separate();
    emit({-1, out_.empty() ? end : out_.back().end, out_.empty() ? end : out_.back().end});
    return {std::move(out_), true};
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

  // `instead`: the closer at [begin, end) is of the wrong kind, rather than one too early.
  void close_down_to(size_t level, uint32_t begin, uint32_t end, const std::string& before,
                     bool instead = false) {
    if (open_.size() <= level) return;
    const Word opener = open_.back().word;
    const std::string sign(1, text_[opener.begin]);
    // At the place where the closer belongs, so that the statement counts as broken.
    const uint32_t at = begin == end ? last_end() : begin;
    std::string missing;
    for (size_t i = open_.size(); i-- > level;) missing += closer_of(open_[i].word.type);
    auto& problem = problems_.syntax(
        at, std::max(at, end), "expected '" + std::string(closer_of(opener.type)) + "' before " + before);
    problem.note(problems_.span(opener.begin, opener.end), "to match this '" + sign + "'");
    // Where a brace goes is for the writer to say.
    if (missing.find('}') == std::string::npos)
      problem.fix(problems_.span(at, instead ? end : at), std::move(missing));
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
        close_down_to(open_.size() - 1, word.begin, word.end, sign, true);  // it stands for the right one
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
  const std::vector<Word>& words_;
  Problems& problems_;
  std::vector<Token> out_;
  std::vector<Open> open_;
  Level outermost_;
  bool too_deep_ = false;
};

}  // namespace

bool is_word(int32_t type) { return type == Lexer::NAME || (type >= Lexer::USE && type <= Lexer::INT); }

bool is_binary_operator(int32_t type) {
  return (type >= Lexer::EQUAL && type <= Lexer::POWER) || type == Lexer::AND || type == Lexer::OR;
}

bool goes_on_after(int32_t type) {
  return is_binary_operator(type) ||
         is_one_of<Lexer::COMMA, Lexer::COLON, Lexer::TILDE, Lexer::ASSIGN, Lexer::DOT_DOT, Lexer::IF,
                   Lexer::THEN, Lexer::ELSE, Lexer::NOT, Lexer::FOR, Lexer::IN, Lexer::FROM, Lexer::TO,
                   Lexer::AT, Lexer::BY, Lexer::WITH, Lexer::ADJOINT>(type);
}

bool goes_on_before(int32_t type) {
  return is_binary_operator(type) || is_one_of<Lexer::THEN, Lexer::ELSE, Lexer::FROM, Lexer::TO, Lexer::AT,
                                               Lexer::BY, Lexer::WITH, Lexer::ADJOINT, Lexer::FOR>(type);
}

bool ends_operand(int32_t type) {
  return is_word(type) ||
         is_one_of<Lexer::NUMBER, Lexer::STRING, Lexer::PRIME, Lexer::RIGHT_PAREN, Lexer::RIGHT_BRACKET,
                   Lexer::RIGHT_BRACE, Lexer::UNKNOWN, Lexer::OPEN_STRING>(type);
}

Tokens lay_out(std::string_view text, const std::vector<Word>& words, Problems& problems) {
  return Layout(text, words, problems).run();
}

}  // namespace nodec::syntax
