// Lines to the canonical layout: indentation, alignment of signs and of comments, and the proof that nothing
// but the layout has changed.
#include "compiler/syntax/format.hpp"

#include <algorithm>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "compiler/syntax/format_lines.hpp"
#include "compiler/syntax/parser.hpp"

namespace nodec::syntax {
namespace {

// Where brackets stand further to the right, their lines are indented instead of aligned; longer lines take
// part in no alignment. Bounds the size of the result too.
constexpr int widest_alignment = 100;
constexpr int deepest_indentation = 100;

bool is_bracket(int32_t type) { return type == Lexer::LEFT_PAREN || type == Lexer::LEFT_BRACKET; }
bool begins_clause(int32_t type) {
  return type == Lexer::FOR || (type >= Lexer::FROM && type <= Lexer::ADJOINT) || type == Lexer::THEN ||
         type == Lexer::ELSE;
}

int end_of(const Line& line) {
  int column = line.indentation;
  for (const Piece& piece : line.pieces) column += piece.spaces + width(piece.token->view());
  return column;
}

class Formatter {
 public:
  Formatter(std::string_view text, const std::vector<Token>& tokens)
      : text_(text), tokens_(tokens), lines_(break_lines(text, tokens)) {}

  std::string run() {
    align_signs();
    indent();
    std::vector<int> columns = comment_columns();
    std::string out;
    for (size_t i = 0; i < lines_.list.size(); ++i) {
      const Line& line = lines_.list[i];
      if (line.blank_before) out += '\n';
      if (!line.pieces.empty()) out.append(static_cast<size_t>(line.indentation), ' ');
      for (const Piece& piece : line.pieces) {
        out.append(static_cast<size_t>(piece.spaces), ' ');
        out += piece.token->view();
      }
      if (!line.comment.empty()) {
        out.append(static_cast<size_t>(columns[i] - (line.pieces.empty() ? 0 : end_of(line))), ' ');
        out += line.comment;
      }
      out += '\n';
    }
    return out;
  }

 private:
  // ---- signs in a column
  // The `=` or `~` of a line that begins a statement.
  struct Sign {
    size_t piece = 0;  // 0: there is none
    int32_t kind = 0;  // the statement's keyword
    int source_column = 0, source_gap = 0, left = 0;
  };

  int source_column(uint32_t byte) const {
    const size_t newline = text_.substr(0, byte).rfind('\n');
    const size_t begin = newline == std::string_view::npos ? 0 : newline + 1;
    return width(text_.substr(begin, byte - begin));
  }
  int source_gap(const Piece& left, const Piece& right) const {
    return width(text_.substr(left.token->end, right.token->begin - left.token->end));
  }

  Sign sign_of(const Line& line) const {
    if (line.pieces.size() < 3 || !lines_.begins_statement[line.pieces.front().token->index]) return {};
    const Token& first = *line.pieces.front().token;
    int left = 0;
    for (size_t i = 0; i < line.pieces.size(); ++i) {
      const Token& token = *line.pieces[i].token;
      if (token.depth == first.depth) {
        if (token.type == Lexer::SEPARATOR) return {};
        if (i > 0 && (token.type == Lexer::ASSIGN || token.type == Lexer::TILDE)) {
          if (i + 1 == line.pieces.size() || left > widest_alignment) return {};
          const int32_t second = line.pieces[1].token->type;
          const bool keyword = second != Lexer::ASSIGN && second != Lexer::PRIME && second != Lexer::DOT;
          return {i, keyword ? first.type : static_cast<int32_t>(Lexer::NAME), source_column(token.begin),
                  source_gap(line.pieces[i - 1], line.pieces[i]), left};
        }
      }
      left += line.pieces[i].spaces + width(token.view());
    }
    return {};
  }

  // Signs of adjacent statements of one kind that were written in one column, with room made for it, stay so.
  void align_signs() {
    std::vector<Line>& list = lines_.list;
    std::vector<Sign> signs;
    signs.reserve(list.size());
    for (const Line& line : list) signs.push_back(sign_of(line));
    for (size_t begin = 0; begin < list.size();) {
      size_t end = begin + 1;
      if (signs[begin].piece == 0) {
        ++begin;
        continue;
      }
      while (end < list.size() && signs[end].piece != 0 && !list[end].blank_before &&
             signs[end].kind == signs[begin].kind && signs[end].source_column == signs[begin].source_column)
        ++end;
      bool aligned = false;
      int left = 0;
      for (size_t i = begin; i < end; ++i) {
        aligned = aligned || signs[i].source_gap > 1;
        left = std::max(left, signs[i].left);
      }
      if (aligned && end - begin > 1)
        for (size_t i = begin; i < end; ++i) list[i].pieces[signs[i].piece].spaces += left - signs[i].left;
      align_values(begin, end, signs);
      begin = end;
    }
  }

  // `q' =  p` above `p' = -q`: the room that was left for the minus stays.
  void align_values(size_t begin, size_t end, const std::vector<Sign>& signs) {
    std::vector<Line>& list = lines_.list;
    const auto value = [&](size_t i) -> Piece& { return list[i].pieces[signs[i].piece + 1]; };
    const auto has_minus = [&](size_t i) {
      return is_unary_sign(tokens_, lines_.begins_statement, value(i).token->index);
    };
    const auto column = [&](size_t i) { return signs[i].left + list[i].pieces[signs[i].piece].spaces; };
    const auto fits = [&](size_t i) {
      return source_gap(list[i].pieces[signs[i].piece], value(i)) == (has_minus(i) ? 1 : 2);
    };
    for (size_t i = begin; i < end;) {
      size_t stop = i;
      bool minus = false;
      for (; stop < end && fits(stop) && column(stop) == column(i); ++stop) minus = minus || has_minus(stop);
      if (minus)
        for (size_t j = i; j < stop; ++j)
          if (!has_minus(j)) value(j).spaces = 2;
      i = std::max(stop, i + 1);
    }
  }

  // ---- indentation
  struct Statement {
    int indentation = 0;
    // The columns of what follows its first word and its sign, below which later lines stand; −1: none.
    int items = -1, value = -1;
    bool wants_items = false, wants_value = false;
  };
  struct Open {
    int32_t type;
    int indentation;   // of the line that opens it
    int content = -1;  // a bracket's: the column of what follows it on its line
    bool wants_content = true;
    Statement statement;  // a block's: the one that is being read
    int inside() const { return content >= 0 ? content : indentation + 2; }
  };

  void indent() {
    size_t comments = 0;  // lines of comments that wait for the line they stand above
    int blocks = 0;
    for (size_t i = 0; i < lines_.list.size(); ++i) {
      Line& line = lines_.list[i];
      line.blocks = blocks;
      if (line.pieces.empty()) {
        ++comments;
        continue;
      }
      const Token& first = *line.pieces.front().token;
      line.indentation = std::min(indentation(first), deepest_indentation);
      const bool closes = first.type == Lexer::RIGHT_PAREN || first.type == Lexer::RIGHT_BRACKET ||
                          first.type == Lexer::RIGHT_BRACE;
      const int above = std::min(closes ? open_.back().inside() : line.indentation, deepest_indentation);
      for (; comments > 0; --comments) lines_.list[i - comments].indentation = above;
      int column = line.indentation;
      for (const Piece& piece : line.pieces) {
        column += piece.spaces;
        take(*piece.token, column, line.indentation, &piece == &line.pieces.front());
        column += width(piece.token->view());
        blocks += piece.token->type == Lexer::LEFT_BRACE    ? 1
                  : piece.token->type == Lexer::RIGHT_BRACE ? -1
                                                            : 0;
      }
      if (first.type == Lexer::RIGHT_BRACE) --line.blocks;
    }
  }

  Statement& statement() { return open_.empty() ? outermost_ : open_.back().statement; }

  int indentation(const Token& token) {
    switch (token.type) {
      case Lexer::RIGHT_PAREN:
      case Lexer::RIGHT_BRACKET:
        // Below the bracket that it closes where the content stands beside that.
        return open_.back().content >= 0 ? open_.back().content - 1 : open_.back().indentation;
      case Lexer::RIGHT_BRACE:
        return open_.back().indentation;
      default:
        break;
    }
    if (!open_.empty() && is_bracket(open_.back().type)) return open_.back().inside();
    if (lines_.begins_statement[token.index]) return open_.empty() ? 0 : open_.back().inside();
    const Statement& current = statement();
    const int hanging = current.indentation + 2;
    const int32_t before = tokens_[token.index - 1].type;
    if (begins_clause(token.type)) return hanging;
    if (is_binary_operator(token.type)) {
      // To the left of the value, so that operands stand in one column.
      return std::max(hanging, current.value - width(token.view()) - 1);
    }
    if (before == Lexer::COMMA) return std::max(hanging, current.items);
    if (is_binary_operator(before)) return std::max(hanging, current.value);
    return begins_clause(before) ? hanging + 2 : hanging;
  }

  void take(const Token& token, int column, int indentation, bool first_of_line) {
    const int aligned = column <= widest_alignment ? column : -1;
    if (token.type == Lexer::RIGHT_PAREN || token.type == Lexer::RIGHT_BRACKET ||
        token.type == Lexer::RIGHT_BRACE) {
      open_.pop_back();
      return;
    }
    if (!open_.empty() && is_bracket(open_.back().type) && std::exchange(open_.back().wants_content, false) &&
        !first_of_line)
      open_.back().content = aligned;
    Statement& current = statement();
    if (lines_.begins_statement[token.index]) {
      current = {};
      current.indentation = indentation;
      current.wants_items = true;
      current.wants_value = token.type == Lexer::LOSS || token.type == Lexer::RETURN;
    } else {
      if (std::exchange(current.wants_items, false) && current.items < 0) current.items = aligned;
      if (std::exchange(current.wants_value, false)) current.value = aligned;
      if (current.value < 0 && (open_.empty() || !is_bracket(open_.back().type)) &&
          (token.type == Lexer::ASSIGN || token.type == Lexer::TILDE))
        current.wants_value = true;
    }
    if (token.type == Lexer::LEFT_PAREN || token.type == Lexer::LEFT_BRACKET ||
        token.type == Lexer::LEFT_BRACE)
      open_.push_back({token.type, indentation, -1, true, {}});
  }

  // ---- comments
  // Comments after code stand two spaces to its right, those of adjacent lines in one column; a comment below
  // such a one, in its column, goes on with it.
  std::vector<int> comment_columns() const {
    const std::vector<Line>& list = lines_.list;
    std::vector<int> columns(list.size());
    for (size_t begin = 0; begin < list.size();) {
      if (list[begin].pieces.empty()) {
        columns[begin] = list[begin].indentation;
        ++begin;
        continue;
      }
      int column = end_of(list[begin]) + 2;
      size_t end = begin + 1;
      if (!list[begin].comment.empty() && column <= widest_alignment) {
        for (; end < list.size() && belongs(list[end], list[end - 1]); ++end)
          if (!list[end].pieces.empty()) column = std::max(column, end_of(list[end]) + 2);
      }
      for (; begin < end; ++begin) columns[begin] = column;
    }
    return columns;
  }

  // Whether a line's comment stands in one column with that of the line above.
  bool belongs(const Line& line, const Line& above) const {
    if (line.blank_before || line.comment.empty()) return false;
    if (line.pieces.empty()) return comment_column(line) == comment_column(above);
    return line.blocks == above.blocks && end_of(line) + 2 <= widest_alignment;
  }
  int comment_column(const Line& line) const {
    return source_column(static_cast<uint32_t>(line.comment.data() - text_.data()));
  }

  std::string_view text_;
  const std::vector<Token>& tokens_;
  Lines lines_;
  std::vector<Open> open_;
  Statement outermost_;
};

struct Content {
  std::vector<std::pair<int32_t, std::string_view>> tokens;
  std::vector<std::string_view> comments;
  friend bool operator==(const Content&, const Content&) = default;
};

// What a layout must not change: the tokens that the parser sees, and the comments.
Content content_of(std::string_view text, const std::vector<Token>& tokens) {
  Content out;
  for (const Token& token : tokens) {
    const bool sign = token.type < 0 || token.type == Lexer::SEPARATOR;
    out.tokens.emplace_back(token.type, sign ? std::string_view() : token.view());
  }
  for (const Line& line : break_lines(text, tokens).list)
    if (!line.comment.empty()) out.comments.push_back(line.comment);
  return out;
}

}  // namespace

std::optional<std::string> format(const source::Files& files, int32_t file,
                                  source::Diagnostics& diagnostics) {
  parse(files, file, diagnostics);
  if (diagnostics.has_errors()) return {};
  const std::string_view text = files.text(file);
  Problems problems(file);
  const Tokens tokens = tokenize(files, file, problems);
  std::string formatted = Formatter(text, tokens.list).run();

  source::Files again;
  const int32_t result = again.add(files.name(file), formatted);
  Problems later(result);
  const Tokens after = tokenize(again, result, later);
  if (!after.readable || later.any_within(0, static_cast<uint32_t>(formatted.size())) ||
      content_of(text, tokens.list) != content_of(again.text(result), after.list))
    throw std::logic_error("the canonical layout of " + files.name(file) + " would change its meaning");
  return formatted;
}

}  // namespace nodec::syntax
