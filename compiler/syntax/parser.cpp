// Text to abstract syntax: tokens, ANTLR's parser statement by statement, and the tree that is built from
// each.
#include "compiler/syntax/parser.hpp"

#include <span>
#include <utility>

#include "compiler/source/utf8.hpp"
#include "compiler/syntax/build.hpp"
#include "compiler/syntax/messages.hpp"
#include "compiler/syntax/statements.hpp"
#include "compiler/syntax/tokens.hpp"

namespace nodec::syntax {
namespace {

using source::Id;

class TokenList final : public antlr4::TokenStream {
 public:
  explicit TokenList(std::vector<Token>& tokens) : tokens_(tokens) {}

  Token& at() const { return tokens_[at_]; }

  antlr4::Token* LT(ssize_t k) override {
    const ssize_t wanted = static_cast<ssize_t>(at_) + (k > 0 ? k - 1 : k);
    if (wanted < 0) return nullptr;
    return &tokens_[std::min(static_cast<size_t>(wanted), tokens_.size() - 1)];
  }
  size_t LA(ssize_t k) override { return LT(k)->getType(); }
  void consume() override {
    if (at_ + 1 < tokens_.size()) ++at_;
  }
  antlr4::Token* get(size_t index) const override { return &tokens_[index]; }
  antlr4::TokenSource* getTokenSource() const override { return nullptr; }
  ssize_t mark() override { return 0; }
  void release(ssize_t) override {}
  size_t index() override { return at_; }
  void seek(size_t index) override { at_ = std::min(index, tokens_.size() - 1); }
  size_t size() override { return tokens_.size(); }
  std::string getSourceName() const override { return {}; }
  std::string getText(const antlr4::misc::Interval&) override { return {}; }
  std::string getText() override { return {}; }
  std::string getText(antlr4::RuleContext*) override { return {}; }
  std::string getText(antlr4::Token*, antlr4::Token*) override { return {}; }

 private:
  std::vector<Token>& tokens_;
  size_t at_ = 0;
};

struct TooManyProblems {};

// The first failure in a statement is reported and the rest of the statement skipped. Nothing is guessed:
// ANTLR's own strategy inserts and deletes tokens, which reports mistakes that nobody made.
class StatementRecovery final : public antlr4::DefaultErrorStrategy {
 public:
  StatementRecovery(const std::vector<Token>& tokens, Problems& problems)
      : tokens_(tokens), problems_(problems) {}

  void reportError(antlr4::Parser* parser, const antlr4::RecognitionException& failure) override {
    if (inErrorRecoveryMode(parser)) return;
    beginErrorCondition(parser);
    explain(*static_cast<Parser*>(parser), failure, tokens_, problems_);
  }

  antlr4::Token* recoverInline(antlr4::Parser* parser) override {
    throw antlr4::InputMismatchException(parser);
  }

  void recover(antlr4::Parser* parser, std::exception_ptr failure) override {
    antlr4::ParserRuleContext* context = parser->getContext();
    if (context->getRuleIndex() != Parser::RuleStatement) std::rethrow_exception(failure);
    skip_statement(parser, static_cast<const Token*>(context->start)->depth);
  }

  // Called before each turn of a loop: the turns of a body are statements.
  void sync(antlr4::Parser* parser) override {
    if (parser->getContext()->getRuleIndex() != Parser::RuleBody) return;
    auto& stream = *static_cast<TokenList*>(parser->getTokenStream());
    for (;;) {
      const Token& token = stream.at();
      if (token.type < 0 || token.type == Parser::RIGHT_BRACE || begins_statement(parser, token)) return;
      if (!problems_.any_within(token.begin, token.end)) explain_stray(token, tokens_, problems_);
      skip_statement(parser, token.depth);
    }
  }

 private:
  static bool begins_statement(antlr4::Parser* parser, const Token& token) {
    const auto& atn = parser->getATN();
    return atn.nextTokens(atn.ruleToStartState[Parser::RuleStatement])
        .contains(static_cast<ssize_t>(token.type));
  }

  void skip_statement(antlr4::Parser* parser, int depth) {
    auto& stream = *static_cast<TokenList*>(parser->getTokenStream());
    for (; stream.at().type >= 0 && stream.at().depth >= depth; stream.consume()) {
      if (stream.at().depth == depth && stream.at().type == Parser::SEPARATOR) {
        stream.consume();
        break;
      }
    }
    endErrorCondition(parser);
    if (problems_.too_many()) throw TooManyProblems{};
  }

  const std::vector<Token>& tokens_;
  Problems& problems_;
};

// Everything between the text and the first rule of the grammar; nothing to parse when `ready` is false.
class Session {
 public:
  Session(const source::Files& files, int32_t file, source::Diagnostics& diagnostics)
      : problems_(file), diagnostics_(diagnostics) {
    const std::string& text = files.text(file);
    if (const auto byte = source::first_invalid_byte(text)) {
      char value[8];
      std::snprintf(value, sizeof value, "0x%02X", static_cast<unsigned char>(text[*byte]));
      problems_.add(Id::not_utf8, static_cast<uint32_t>(*byte), static_cast<uint32_t>(*byte + 1), value);
      return;
    }
    tokens_ = tokenize(files, file, problems_);
    ready = tokens_.readable;
  }
  ~Session() { problems_.report(diagnostics_); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  std::vector<Token>& tokens() { return tokens_.list; }

  // Calls `parse(parser, stream, problems)`.
  template <class Parse>
  void run(Parse parse) {
    run(tokens_.list, parse);
  }
  // The same with some of the tokens, which end with the end of the file.
  template <class Parse>
  void run(std::vector<Token>& tokens, Parse parse) {
    TokenList stream(tokens);
    Parser parser(&stream);
    parser.removeErrorListeners();
    parser.setErrorHandler(std::make_shared<StatementRecovery>(tokens, problems_));
    try {
      parse(parser, stream, problems_);
    } catch (const TooManyProblems&) {
    }
  }

  ExprPtr expression(std::vector<Token>& tokens, int32_t file) {
    ExprPtr result;
    run(tokens, [&](Parser& parser, TokenList&, Problems& problems) {
      try {
        auto* context = parser.expressionFile();
        if (!context->exception) result = Builder(file, problems).whole_expression(context->expression());
      } catch (const antlr4::RecognitionException&) {
        // Reported; there is no next statement to go on with.
      }
    });
    return result;
  }

  bool ready = false;

 private:
  Problems problems_;
  source::Diagnostics& diagnostics_;
  Tokens tokens_;
};

bool is_prime_or_assign(std::span<const Token> tokens, size_t at) {
  while (at < tokens.size() && tokens[at].type == Parser::PRIME) ++at;
  return at < tokens.size() && tokens[at].type == Parser::ASSIGN;
}

// `x = e` and `(x, y) = e`: how many tokens stand before the sign; 0: the statement is no assignment.
size_t assigned(std::span<const Token> tokens) {
  const auto type = [&](size_t i) { return i < tokens.size() ? tokens[i].type : -1; };
  if (is_word(type(0))) return type(1) == Parser::ASSIGN ? 1 : 0;
  if (type(0) != Parser::LEFT_PAREN || !is_word(type(1))) return 0;
  size_t i = 2;
  while (type(i) == Parser::COMMA && is_word(type(i + 1))) i += 2;
  return type(i) == Parser::RIGHT_PAREN && type(i + 1) == Parser::ASSIGN ? i + 1 : 0;
}

Target target_of(std::span<const Token> tokens, int32_t file) {
  Target target{{}, tokens.size() > 1, 0, {file, tokens.front().begin, tokens.back().end}};
  for (const Token& token : tokens)
    if (is_word(token.type))
      target.names.push_back({std::string(token.view()), {file, token.begin, token.end}});
  return target;
}

// Whether a statement is a declaration, or one that belongs in a body, rather than an expression.
bool declares(std::span<const Token> tokens) {
  const int32_t first = tokens[0].type, second = tokens.size() > 1 ? tokens[1].type : -1;
  switch (first) {
    case Parser::LET:
    case Parser::PARAM:
    case Parser::CONST:
    case Parser::FN:
    case Parser::RETURN:
      return true;
    case Parser::TRAIN:
      return second == Parser::LEFT_BRACE;
    case Parser::NUMBER:
      return second == Parser::ASSIGN;
    default:
      break;
  }
  if (first >= Parser::USE && first <= Parser::EVENT &&
      (is_word(second) || second == Parser::NUMBER || second == Parser::STRING || second == Parser::SOLVE ||
       second == Parser::FOLD || second == Parser::SCAN))
    return true;
  return is_word(first) && is_prime_or_assign(tokens, 1);
}

// Tokens of one statement, as a file of its own.
std::vector<Token> alone(std::span<const Token> tokens) {
  std::vector<Token> list(tokens.begin(), tokens.end());
  const uint32_t end = list.empty() ? 0 : list.back().end;
  list.emplace_back(antlr4::Token::EOF, end, end, 0, std::string_view());
  for (size_t i = 0; i < list.size(); ++i) list[i].index = static_cast<uint32_t>(i);
  return list;
}

}  // namespace

std::shared_ptr<const File> parse(const source::Files& files, int32_t file,
                                  source::Diagnostics& diagnostics) {
  auto result = std::make_shared<File>();
  result->id = file;
  Session session(files, file, diagnostics);
  if (!session.ready) return result;
  session.run([&](Parser& parser, TokenList& stream, Problems& problems) {
    Builder builder(file, problems);
    while (stream.at().type >= 0) {
      builder.statement(parser.statement(), result->declarations);
      parser.getTreeTracker().reset();  // a large file's parse tree is many times its size
    }
  });
  return result;
}

ExprPtr parse_expression(const source::Files& files, int32_t file, source::Diagnostics& diagnostics) {
  Session session(files, file, diagnostics);
  return session.ready ? session.expression(session.tokens(), file) : nullptr;
}

std::vector<Statement> parse_statements(const source::Files& files, int32_t file,
                                        source::Diagnostics& diagnostics) {
  std::vector<Statement> result;
  Session session(files, file, diagnostics);
  if (!session.ready) return result;
  const std::vector<Token>& all = session.tokens();
  for (size_t begin = 0; all[begin].type >= 0;) {
    size_t end = begin;
    while (all[end].type >= 0 && !(all[end].type == Parser::SEPARATOR && all[end].depth == 0)) ++end;
    if (all[end].type >= 0) ++end;
    Statement statement;
    statement.span = {file, all[begin].begin, all[end - 1].begin};
    const std::span<const Token> own(all.begin() + static_cast<std::ptrdiff_t>(begin),
                                     all.begin() + static_cast<std::ptrdiff_t>(end));
    if (const size_t target = assigned(own); target > 0) {
      std::vector<Token> value = alone(own.subspan(target + 1));
      Let let{target_of(own.first(target), file), session.expression(value, file), statement.span};
      if (let.value)
        statement.declarations.push_back(std::make_shared<const Decl>(Decl{std::move(let), statement.span}));
    } else if (declares(own)) {
      std::vector<Token> tokens = alone(own);
      session.run(tokens, [&](Parser& parser, TokenList& stream, Problems& problems) {
        Builder builder(file, problems);
        while (stream.at().type >= 0) builder.statement(parser.statement(), statement.declarations);
      });
    } else {
      std::vector<Token> tokens = alone(own);
      statement.expression = session.expression(tokens, file);
    }
    result.push_back(std::move(statement));
    begin = end;
  }
  return result;
}

}  // namespace nodec::syntax
