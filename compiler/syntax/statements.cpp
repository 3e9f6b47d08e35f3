// Tokens of a text that is not a file: where it ends, and its words.
#include "compiler/syntax/statements.hpp"

#include <algorithm>

#include "compiler/source/utf8.hpp"
#include "compiler/syntax/tokens.hpp"

namespace nodec::syntax {
namespace {

Tokens tokens_of(const source::Files& files) {
  Problems ignored(0);
  return tokenize(files, 0, ignored);
}

// A text that can be read at all.
bool add(source::Files& files, std::string_view text) {
  if (source::first_invalid_byte(text)) return false;
  files.add("", std::string(text));
  return true;
}

bool closes(int32_t type) {
  return type == Lexer::RIGHT_PAREN || type == Lexer::RIGHT_BRACKET || type == Lexer::RIGHT_BRACE;
}

// Whether what layout passed over, outside of comments, is a bracket that closes nothing.
bool closes_nothing(std::string_view passed_over) {
  bool comment = false;
  for (const char c : passed_over) {
    comment = c == '#' || (comment && c != '\n');
    if (!comment && (c == ')' || c == ']' || c == '}')) return true;
  }
  return false;
}

}  // namespace

Ending ending(std::string_view text) {
  source::Files files;
  // What is not UTF-8 gets no better by more of it.
  if (!add(files, text)) return Ending::whole;
  const Tokens tokens = tokens_of(files);
  if (!tokens.readable) return Ending::whole;
  size_t last = tokens.list.size(), end = 0;
  for (const Token& token : tokens.list) {
    const size_t begin = token.type < 0 ? text.size() : token.begin;
    if (begin > end && closes_nothing(text.substr(end, begin - end))) return Ending::whole;
    end = std::max<size_t>(end, token.end);
  }
  while (last > 0) {
    const Token& token = tokens.list[last - 1];
    // Layout closes at the end what is still open there, by brackets without text.
    if (closes(token.type) && token.begin == token.end) {
      // Or by a string that is not closed, of which more lines make nothing.
      while (last > 0 && tokens.list[last - 1].begin == tokens.list[last - 1].end) --last;
      return last > 0 && tokens.list[last - 1].type == Lexer::UNKNOWN ? Ending::whole : Ending::open;
    }
    if (token.type >= 0 && token.type != Lexer::SEPARATOR) break;
    --last;
  }
  if (last == 0) return Ending::empty;
  return goes_on_after(tokens.list[last - 1].type) ? Ending::open : Ending::whole;
}

bool continues(std::string_view text) {
  source::Files files;
  if (!add(files, text)) return false;
  const Tokens tokens = tokens_of(files);
  return tokens.readable && !tokens.list.empty() && goes_on_before(tokens.list.front().type);
}

std::vector<Lexeme> lexemes(std::string_view text) {
  std::vector<Lexeme> list;
  source::Files files;
  if (!add(files, text)) return list;
  for (const Token& token : tokens_of(files).list) {
    if (token.type < 0 || token.begin == token.end) continue;
    const Lexeme::Kind kind = is_word(token.type) || token.type <= Lexer::RETURN ? Lexeme::Kind::word
                              : token.type == Lexer::NUMBER                      ? Lexeme::Kind::number
                              : token.type == Lexer::STRING                      ? Lexeme::Kind::string
                                                                                 : Lexeme::Kind::sign;
    list.push_back({kind, token.begin, token.end, token.depth});
  }
  return list;
}

}  // namespace nodec::syntax
