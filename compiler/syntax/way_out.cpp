// Common mistakes, known by the tokens around them, to what to write instead.
#include "compiler/syntax/way_out.hpp"

#include <map>
#include <set>

namespace nodec::syntax {
namespace {

bool adjacent(const Token& a, const Token& b) { return a.end == b.begin; }

// The bracket that closes the one at `open`; null when there is none in the text.
const Token* closer_of(const Token& open, const std::vector<Token>& tokens) {
  for (size_t i = open.index + 1; i < tokens.size() && tokens[i].depth >= open.depth; ++i) {
    if (tokens[i].depth == open.depth && tokens[i].end > tokens[i].begin) return &tokens[i];
  }
  return nullptr;
}

// The other kind of brackets, around the same.
void write_brackets(const Failure& f, const char* open, const char* close) {
  const Token* end = closer_of(f.token, f.tokens);
  if (!end) return;
  f.problem.fix(f.problems.span(f.token.begin, f.token.end), open);
  f.problem.fix(f.problems.span(end->begin, end->end), close);
}

// `1.`, `.5`, `2x`, `x ** 2`.
bool show_number_or_power(const Failure& f) {
  const Token& token = f.token;
  const Token* before = token.index > 0 ? &f.tokens[token.index - 1] : nullptr;
  const Token* after = token.type >= 0 ? &f.tokens[token.index + 1] : nullptr;
  const auto insert = [&](uint32_t at, const char* text) { f.problem.fix(f.problems.span(at, at), text); };
  const auto decimal = [&] { f.problem.note(f.problem.span, "a decimal point has digits on both sides"); };
  if (before && before->type == Parser::DOT && before->index > 0) {
    const Token& number = f.tokens[before->index - 1];
    if (number.type == Parser::NUMBER && adjacent(number, *before)) {
      decimal();
      insert(before->end, "0");
      return true;
    }
  }
  if (before && adjacent(*before, token)) {
    if (before->type == Parser::NUMBER && is_word(token.type)) {
      f.problem.note(f.problem.span,
                     "a product is written '" + before->getText() + " * " + token.getText() + "'");
      insert(token.begin, " * ");
      return true;
    }
    if (before->type == Parser::STAR && token.type == Parser::STAR) {
      f.problem.note(f.problem.span, "a power is written 'x^n'");
      f.problem.fix(f.problems.span(before->begin, token.end), "^");
      return true;
    }
    if (before->type == Parser::DOT && token.type == Parser::NUMBER) {
      decimal();
      insert(before->begin, "0");
      return true;
    }
  }
  if (token.type == Parser::DOT && after && after->type == Parser::NUMBER && adjacent(token, *after)) {
    decimal();
    insert(token.begin, "0");
    return true;
  }
  return false;
}

// The first token of the statement that holds a token, when it has no '=' or '~' before that: what follows is
// the value of what it declares.
const Token* declares(const Failure& f) {
  size_t i = f.token.index;
  for (; i > 0; --i) {
    const Token& before = f.tokens[i - 1];
    if (before.depth < f.token.depth || before.type == Parser::SEPARATOR) break;
    if (before.depth == f.token.depth && (before.type == Parser::ASSIGN || before.type == Parser::TILDE))
      return nullptr;
  }
  return &f.tokens[i];
}

// Whether `for NAME in …` stands just before a token.
bool after_range_begin(const Failure& f) {
  for (size_t i = f.token.index; i-- > 0;) {
    const Token& before = f.tokens[i];
    if (before.depth > f.token.depth) continue;
    if (before.type == Parser::IN) return true;
    const bool operand = ends_operand(before.type) || is_binary_operator(before.type);
    if (before.depth < f.token.depth || !operand) return false;
  }
  return false;
}

// What other languages write: `==` for `=` and `=` for `==`, `elif`, `0:10`, `real(2)`, `float`, `//`.
void show_other_spelling(const Failure& f) {
  const Token& token = f.token;
  const source::Span here = f.problems.span(token.begin, token.end);
  const Token* before = token.index > 0 ? &f.tokens[token.index - 1] : nullptr;
  const std::string text = token.type < 0 ? "" : token.getText();
  const Token* first = token.type == Parser::EQUAL || token.type == Parser::ASSIGN ? declares(f) : nullptr;
  const bool valued = first && (first->type == Parser::LET || first->type == Parser::CONST ||
                                (first->type >= Parser::USE && first->type <= Parser::EVENT));
  if (token.type == Parser::EQUAL && (has(f.set, Parser::ASSIGN) || valued)) {
    f.problem.note(here, "'=' gives a name its value, '==' compares").fix(here, "=");
  } else if (token.type == Parser::ASSIGN && has(f.set, Parser::THEN)) {
    f.problem.note(here, "'==' compares, '=' gives a name its value").fix(here, "==");
  } else if (token.type == Parser::ASSIGN && first && first->type == Parser::SAMPLE) {
    f.problem.note(here, "a distribution stands after '~'").fix(here, "~");
  } else if (token.type == Parser::NAME && has(f.set, Parser::ELSE) &&
             (text == "elif" || text == "elseif" || text == "elsif")) {
    f.problem.note(here, "a choice goes on by 'else if c then a else b'").fix(here, "else if");
  } else if (token.type == Parser::COLON && after_range_begin(f)) {
    f.problem.note(here, "a range is written 'lo..hi', without its end").fix(here, "..");
  } else if (token.type == Parser::LEFT_PAREN && before &&
             (before->type == Parser::REAL || before->type == Parser::INT)) {
    f.problem.note(here, "a shape stands in brackets: 'real[n, m]'");
    write_brackets(f, "[", "]");
  } else if (token.type == Parser::LEFT_PAREN && f.wanted == "'{'") {
    write_brackets(f, "{", "}");
  } else if (f.wanted == "a type") {
    f.problem.note(here, "the types are 'real' and 'int', with a shape in brackets");
    static const std::set<std::string> reals = {"float", "double", "float32", "float64", "f32", "f64"};
    if (reals.contains(text)) f.problem.fix(here, "real");
    if (text == "integer" || text == "long") f.problem.fix(here, "int");
  } else if (has(f.set, Parser::RETURN)) {
    f.problem.note(here, "a body in braces is lets, then 'return e'");
    if (token.type == Parser::NAME || token.type == Parser::NUMBER || token.type == Parser::LEFT_PAREN ||
        token.type == Parser::LEFT_BRACKET || token.type == Parser::MINUS)
      f.problem.fix(f.problems.span(token.begin, token.begin), "return ");
  } else if (before && before->type == Parser::RIGHT_BRACE && is_binary_operator(token.type)) {
    f.problem.note(here, "'fold' and 'scan' stand in parentheses as operands");
  } else if (before && before->index > 0 && f.tokens[before->index - 1].type == Parser::FLOOR_DIVIDE) {
    const Token& slashes = f.tokens[before->index - 1];
    f.problem.note(f.problems.span(slashes.begin, slashes.end), "a comment begins with '#'")
        .fix(f.problems.span(slashes.begin, slashes.end), "#");
  }
}

// Whether the body around a token declares a state of its name.
bool names_state(const Token& at, const std::vector<Token>& tokens) {
  size_t first = at.index;
  while (first > 0 && tokens[first - 1].depth >= at.depth) --first;
  bool states = false;
  for (size_t i = first; i < tokens.size() && tokens[i].depth >= at.depth; ++i) {
    const Token& token = tokens[i];
    if (token.depth > at.depth) continue;
    const bool begins = i == first || tokens[i - 1].type == Parser::SEPARATOR;
    if (begins) states = token.type == Parser::STATE;
    if (states && token.type == Parser::NAME && tokens[i + 1].type == Parser::COLON &&
        token.view() == at.view())
      return true;
  }
  return false;
}

}  // namespace

void show_way_out(const Failure& failure) {
  if (!show_number_or_power(failure)) show_other_spelling(failure);
}

void show_declaration(const Token& at, const std::vector<Token>& tokens, source::Diagnostic& problem,
                      const Problems& problems) {
  const source::Span here = problem.span;
  if (at.type == Parser::FLOOR_DIVIDE) {
    problem.note(here, "a comment begins with '#'").fix(here, "#");
  } else if (at.type == Parser::FOR) {
    problem.note(here, "a loop is an expression: '[e for i in 0..n]', 'sum(e for i in 0..n)' or a 'fold'");
  } else if (at.type == Parser::IF) {
    problem.note(here, "a choice is an expression: 'let x = if c then a else b'");
  }
  if (at.type != Parser::NAME) return;
  const std::string name = at.getText();
  if (tokens[at.index + 1].type == Parser::ASSIGN) {
    problem.note(here, "a value is named by 'let " + name + " = …', the equation of a state is '" + name +
                           "' = …', and at top level a value is a 'const'");
    if (names_state(at, tokens)) {
      problem.fix(problems.span(at.end, at.end), "'");
    } else {
      problem.fix(problems.span(at.begin, at.begin), at.depth == 0 ? "const " : "let ");
    }
    return;
  }
  static const std::map<std::string, std::string> elsewhere = {
      {"def", "fn"},         {"function", "fn"},     {"func", "fn"},    {"var", "let"},     {"val", "let"},
      {"constant", "const"}, {"parameter", "param"}, {"import", "use"}, {"include", "use"}, {"using", "use"}};
  static const std::vector<std::string> keywords = {
      "use",     "dim",       "const", "param",  "fn",     "layer",  "field",
      "tableau", "model",     "state", "input",  "data",   "sample", "let",
      "apply",   "diffusion", "event", "output", "metric", "loss",   "train"};
  const auto found = elsewhere.find(name);
  const std::string meant = found != elsewhere.end() ? found->second : source::nearest(name, keywords);
  if (!meant.empty()) problem.note(here, "did you mean '" + meant + "'?").fix(here, meant);
}

}  // namespace nodec::syntax
