// Tokens and the text between them to lines and spaces.
#include "compiler/syntax/format_lines.hpp"

#include <algorithm>
#include <utility>

#include "compiler/source/utf8.hpp"

namespace nodec::syntax {
namespace {

bool is_opener(int32_t type) {
  return type == Lexer::LEFT_PAREN || type == Lexer::LEFT_BRACKET || type == Lexer::LEFT_BRACE;
}
bool is_closer(int32_t type) {
  return type == Lexer::RIGHT_PAREN || type == Lexer::RIGHT_BRACKET || type == Lexer::RIGHT_BRACE;
}
bool is_sign(int32_t type) { return type == Lexer::PLUS || type == Lexer::MINUS; }

class LineBreaker {
 public:
  LineBreaker(std::string_view text, const std::vector<Token>& tokens)
      : text_(text), tokens_(tokens), spans_lines_(tokens.size()), colons_(tokens.size()) {
    out_.begins_statement.resize(tokens.size());
  }

  Lines run() {
    mark();
    uint32_t end = 0;
    size_t last = none;
    for (size_t i = 0; i < tokens_.size(); ++i) {
      const Token& token = tokens_[i];
      if (token.begin == token.end) continue;  // a newline, a brace or the end of the file stands for it
      between(end, token.begin);
      end = token.end;
      if (token.type == Lexer::SEPARATOR && is_superfluous(i)) continue;
      place(i, last);
      last = i;
    }
    between(end, static_cast<uint32_t>(text_.size()));
    drop_blank_lines_at_brackets();
    return std::move(out_);
  }

 private:
  static constexpr size_t none = ~size_t{0};

  enum class Colon : uint8_t { of_type, of_slice, of_loose_slice };

  struct Open {
    size_t index;  // of the bracket
    uint32_t line;
    bool holds_options;
    // Of the item of an index that is being read: its colon, and whether a bound is a sum or the like.
    size_t colon = none;
    bool compound = false;
  };

  int32_t type_before(size_t index, size_t steps = 1) const {
    return index >= steps ? tokens_[index - steps].type : static_cast<int32_t>(Lexer::SEPARATOR);
  }
  int32_t type_after(size_t index) const { return index + 1 < tokens_.size() ? tokens_[index + 1].type : -1; }

  // ---- what the spaces depend on
  void mark() {
    std::vector<Open> open;
    uint32_t line = 0, counted = 0;
    std::vector<bool>& begins = out_.begins_statement;
    for (size_t i = 0; i < tokens_.size(); ++i) {
      const int32_t type = tokens_[i].type, before = type_before(i);
      for (; counted < tokens_[i].begin; ++counted) line += text_[counted] == '\n';
      const bool separates = before == Lexer::SEPARATOR || before == Lexer::LEFT_BRACE ||
                             (before == Lexer::COMMA && !open.empty() && open.back().holds_options);
      begins[i] = separates && type >= 0 && type != Lexer::SEPARATOR && !is_closer(type);
      if (is_opener(type)) {
        const bool options =
            type == Lexer::LEFT_BRACE && ((before == Lexer::TRAIN && begins[i - 1]) ||
                                          (type_before(i, 2) == Lexer::TABLEAU && begins[i - 2]));
        open.push_back({i, line, options});
      } else if (is_closer(type)) {
        end_item(open.back());
        spans_lines_[i] = type == Lexer::RIGHT_BRACE && open.back().line != line;
        spans_lines_[open.back().index] = spans_lines_[i];
        open.pop_back();
      } else if (!open.empty()) {
        if (type == Lexer::COMMA) end_item(open.back());
        if (type == Lexer::COLON && tokens_[open.back().index].type == Lexer::LEFT_BRACKET) {
          colons_[i] = Colon::of_slice;
          open.back().colon = i;
        }
        if (is_binary_operator(type) && type != Lexer::POWER && !is_unary_sign(tokens_, begins, i))
          open.back().compound = true;
      }
    }
  }

  // `y[1:3]`, but `y[s : s + 10]`: spaces where both bounds are there and one is a sum or the like.
  void end_item(Open& open) {
    if (open.colon != none && open.compound && ends_operand(type_before(open.colon)) &&
        type_after(open.colon) != Lexer::COMMA && type_after(open.colon) != Lexer::RIGHT_BRACKET)
      colons_[open.colon] = Colon::of_loose_slice;
    open.colon = none;
    open.compound = false;
  }

  // A quotient of two whole numbers that no other factor joins is a number: 1/2.
  bool is_fraction(size_t index) const {
    const auto whole = [&](size_t i) {
      return i < tokens_.size() && tokens_[i].type == Lexer::NUMBER &&
             tokens_[i].view().find_first_not_of("0123456789") == std::string_view::npos;
    };
    const auto joins = [](int32_t type) { return type >= Lexer::STAR && type <= Lexer::POWER; };
    if (tokens_[index].type != Lexer::SLASH || !whole(index - 1) || !whole(index + 1)) return false;
    const size_t sign = is_sign(type_before(index, 2)) && !ends_operand(type_before(index, 3));
    return !joins(type_before(index, 2 + sign)) && type_after(index + 1) != Lexer::POWER;
  }

  // ---- spaces
  int spaces(size_t left, size_t right) const {
    const int32_t a = tokens_[left].type, b = tokens_[right].type;
    const auto is = [&](int32_t type) { return a == type || b == type; };
    if (a == Lexer::LEFT_BRACE) return b == Lexer::RIGHT_BRACE ? 0 : 1;
    if (a == Lexer::LEFT_PAREN || a == Lexer::LEFT_BRACKET || b == Lexer::RIGHT_PAREN ||
        b == Lexer::RIGHT_BRACKET || b == Lexer::COMMA || b == Lexer::SEPARATOR || b == Lexer::PRIME)
      return 0;
    if (b == Lexer::LEFT_BRACE || b == Lexer::RIGHT_BRACE) return 1;
    if (is(Lexer::DOT) || is(Lexer::DOT_DOT) || is(Lexer::POWER)) return 0;
    if (is_unary_sign(tokens_, out_.begins_statement, left)) return 0;
    if (is_fraction(left) || is_fraction(right)) return 0;
    if (a == Lexer::COLON) return colons_[left] == Colon::of_slice ? 0 : 1;
    if (b == Lexer::COLON) return colons_[right] == Colon::of_loose_slice ? 1 : 0;
    if (b == Lexer::LEFT_PAREN || b == Lexer::LEFT_BRACKET) {
      // A call or an index, not the beginning of what `loss` and `event` are about.
      const bool keyword = out_.begins_statement[left] && (a == Lexer::LOSS || a == Lexer::EVENT);
      return ends_operand(a) && !keyword ? 0 : 1;
    }
    return 1;
  }

  // ---- lines
  // What a gap between two tokens holds: comments, newlines, and semicolons that end no statement.
  void between(uint32_t begin, uint32_t end) {
    for (uint32_t at = begin; at < end; ++at) {
      if (text_[at] == '\n') {
        ++newlines_;
      } else if (text_[at] == '#') {
        uint32_t stop = static_cast<uint32_t>(std::min<size_t>(text_.find('\n', at), end));
        const uint32_t next = stop;
        while (std::string_view(" \t\r\f\v").find(text_[stop - 1]) != std::string_view::npos) --stop;
        const std::string_view comment = text_.substr(at, stop - at);
        if (newlines_ > 0 || out_.list.empty()) begin_line();
        out_.list.back().comment = comment;
        at = next - 1;
      }
    }
  }

  void begin_line() {
    out_.list.emplace_back().blank_before = newlines_ > 1 && !out_.list.empty();
    newlines_ = 0;
  }

  // A semicolon that the end of its line or block makes superfluous; after a comma a newline would end no
  // option.
  bool is_superfluous(size_t index) const {
    if (type_before(index) == Lexer::COMMA) return false;
    size_t next = index + 1;
    while (next < tokens_.size() && tokens_[next].begin == tokens_[next].end) ++next;
    if (next == tokens_.size() || tokens_[next].type == Lexer::RIGHT_BRACE) return true;
    return text_.substr(tokens_[index].end, tokens_[next].begin - tokens_[index].end).find('\n') !=
           std::string_view::npos;
  }

  void place(size_t index, size_t last) {
    const int32_t type = tokens_[index].type;
    const bool after_opener = last != none && tokens_[last].type == Lexer::LEFT_BRACE && spans_lines_[last];
    const bool before_closer = type == Lexer::RIGHT_BRACE && spans_lines_[index];
    if (out_.list.empty() || newlines_ > 0 || after_opener || before_closer) begin_line();
    Line& line = out_.list.back();
    line.pieces.push_back({&tokens_[index], line.pieces.empty() ? 0 : spaces(last, index)});
  }

  void drop_blank_lines_at_brackets() {
    for (size_t i = 0; i < out_.list.size(); ++i) {
      Line& line = out_.list[i];
      const bool after_opener =
          i > 0 && !out_.list[i - 1].pieces.empty() && is_opener(out_.list[i - 1].pieces.back().token->type);
      const bool before_closer = !line.pieces.empty() && is_closer(line.pieces.front().token->type);
      if (after_opener || before_closer) line.blank_before = false;
    }
  }

  std::string_view text_;
  const std::vector<Token>& tokens_;
  std::vector<bool> spans_lines_;  // of a brace: whether its block does
  std::vector<Colon> colons_;
  int newlines_ = 0;  // since the last token or comment
  Lines out_;
};

}  // namespace

bool is_unary_sign(const std::vector<Token>& tokens, const std::vector<bool>& begins_statement,
                   size_t index) {
  if (!is_sign(tokens[index].type)) return false;
  if (index == 0) return true;
  const int32_t before = tokens[index - 1].type;
  // `loss -x` subtracts nothing.
  return !ends_operand(before) ||
         (begins_statement[index - 1] && (before == Lexer::LOSS || before == Lexer::EVENT));
}

Lines break_lines(std::string_view text, const std::vector<Token>& tokens) {
  return LineBreaker(text, tokens).run();
}

int width(std::string_view text) {
  int columns = 0;
  for (size_t at = 0; at < text.size();) {
    const source::CodePoint point = source::code_point_at(text, at);
    columns += source::display_width(point.value);
    at += point.length;
  }
  return columns;
}

}  // namespace nodec::syntax
