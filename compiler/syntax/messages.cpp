// ANTLR's expected token sets and offending tokens to sentences.
#include "compiler/syntax/messages.hpp"

#include <algorithm>

#include "compiler/source/utf8.hpp"
#include "compiler/syntax/way_out.hpp"

namespace nodec::syntax {
namespace {

using Set = antlr4::misc::IntervalSet;

bool is_reserved(int32_t type) { return type >= Parser::IF && type <= Parser::RETURN; }

std::string quoted(const Token& token) {
  constexpr size_t longest = 30;
  const std::string_view text = token.view();
  std::string shown;
  for (size_t byte = 0, count = 0; byte < text.size(); ++count) {
    if (count == longest) return "'" + shown + "…'";
    const source::CodePoint point = source::code_point_at(text, byte);
    shown += point.value < 0x20 ? " " : std::string(text.substr(byte, point.length));
    byte += point.length;
  }
  return "'" + shown + "'";
}

// The token as a reader of the file sees it: separators are the ends of lines, or what follows them.
std::string described(const Token& token, const std::vector<Token>& tokens) {
  if (token.type < 0) return "the end of the file";
  if (token.type != Parser::SEPARATOR || token.end > token.begin) return quoted(token);
  const Token& next = tokens[token.index + 1];
  return next.type == Parser::RIGHT_BRACE && next.end > next.begin ? "'}'" : "the end of the line";
}

std::string either(const std::vector<std::string>& words) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 < words.size() ? ", " : " or ";
    text += words[i];
  }
  return text;
}

// The set in words, "" when it is too wide to be of help.
std::string expectation(const Parser& parser, const Set& set, size_t rule) {
  if (has(set, Parser::LOSS) && has(set, Parser::LET) && has(set, Parser::NAME)) return "a declaration";
  if (has(set, Parser::NUMBER) && has(set, Parser::LEFT_PAREN) && has(set, Parser::NAME)) {
    return has(set, Parser::RIGHT_PAREN) && rule == Parser::RuleArguments ? "an argument or ')'"
                                                                          : "an expression";
  }
  if (has(set, Parser::REAL) && has(set, Parser::INT) && !has(set, Parser::NAME)) return "a type";
  // After an operand any operator may follow; what closes the surrounding construct tells more.
  const bool after_operand = has(set, Parser::PLUS) && has(set, Parser::STAR);
  std::vector<std::string> words;
  if (has(set, Parser::NAME)) words.push_back("a name");
  const std::vector<size_t> lists = {Parser::RuleArguments, Parser::RuleOperand, Parser::RuleShape,
                                     Parser::RuleFormals, Parser::RuleShapeVariables};
  const bool in_list = std::find(lists.begin(), lists.end(), rule) != lists.end();
  for (const ssize_t type : set.toList()) {
    if (type < 0) {
      words.push_back("the end of the file");
    } else if (type == Parser::SEPARATOR) {
      words.push_back("the end of the statement");
    } else if (type == Parser::NUMBER) {
      words.push_back("a number");
    } else if (type == Parser::STRING) {
      words.push_back("a string");
    } else if (is_word(static_cast<int32_t>(type)) && has(set, Parser::NAME)) {
      continue;
    } else if (after_operand && ((type >= Parser::EQUAL && type <= Parser::POWER) || type == Parser::AND ||
                                 type == Parser::OR || type == Parser::LEFT_PAREN || type == Parser::DOT ||
                                 type == Parser::LEFT_BRACKET || type == Parser::PRIME)) {
      continue;
    } else if (type == Parser::PRIME) {
      if (set.size() == 1) words.push_back("\"'\"");
    } else {
      if (in_list && set.size() == 1 && (type == Parser::RIGHT_PAREN || type == Parser::RIGHT_BRACKET)) {
        words.push_back("','");
      }
      words.push_back(parser.getVocabulary().getLiteralName(static_cast<size_t>(type)));
    }
  }
  return words.size() <= 4 ? either(words) : "";
}

// What could have followed the tokens that were read.
Set expected_tokens(Parser& parser, const antlr4::RecognitionException& failure) {
  if (const auto* choice = dynamic_cast<const antlr4::NoViableAltException*>(&failure)) {
    if (const antlr4::atn::ATNConfigSet* dead_ends = choice->getDeadEndConfigs()) {
      Set set;
      for (const auto& config : dead_ends->configs) set.addAll(parser.getATN().nextTokens(config->state));
      set.remove(antlr4::Token::EPSILON);
      return set;
    }
  }
  return failure.getExpectedTokens();
}

const antlr4::ParserRuleContext* statement_around(antlr4::RuleContext* context) {
  for (antlr4::tree::ParseTree* node = context; node; node = node->parent) {
    if (auto* statement = dynamic_cast<Parser::StatementContext*>(node)) return statement;
  }
  return nullptr;
}

}  // namespace

void explain_stray(const Token& at, const std::vector<Token>& tokens, Problems& problems) {
  const Token* after = at.type < 0 ? nullptr : &tokens[at.index + 1];
  const bool assigned = at.type == Parser::NAME && after->type == Parser::ASSIGN;
  const std::string what = assigned ? "'" + at.getText() + " ='" : described(at, tokens);
  auto& problem = problems.syntax(at.begin, at.end, "expected a declaration before " + what);
  show_declaration(at, tokens, problem, problems);
}

void explain(Parser& parser, const antlr4::RecognitionException& failure, const std::vector<Token>& tokens,
             Problems& problems) {
  const auto* token = static_cast<const Token*>(failure.getOffendingToken());
  const Token* before = token->index > 0 ? &tokens[token->index - 1] : nullptr;
  const Token* after = token->type >= 0 ? &tokens[token->index + 1] : nullptr;
  const antlr4::ParserRuleContext* statement = statement_around(failure.getCtx());
  const auto* first = statement ? static_cast<const Token*>(statement->start) : &tokens.front();
  if (problems.any_within(first->begin, (after ? after : token)->end)) return;
  if (statement && token == first) return explain_stray(*token, tokens, problems);
  if (statement && before == first && first->type == Parser::NAME) {
    return explain_stray(*first, tokens, problems);
  }

  const Set set = expected_tokens(parser, failure);
  const size_t rule = failure.getCtx() ? failure.getCtx()->getRuleIndex() : 0;
  const std::string wanted = expectation(parser, set, rule);
  const bool wants_operand = wanted.find("an expression") != std::string::npos;
  std::string text;
  if (wants_operand && (token->type == Parser::IF || token->type == Parser::SOLVE ||
                        token->type == Parser::FOLD || token->type == Parser::SCAN)) {
    text = quoted(*token) + " stands in parentheses as an operand";
  } else if (has(set, Parser::NAME) && !wants_operand && is_reserved(token->type)) {
    text = quoted(*token) + " is a reserved word and cannot be a name";
  } else if (wanted.empty()) {
    text = "unexpected " + described(*token, tokens);
  } else {
    text = "expected " + wanted + " before " + described(*token, tokens);
  }
  // A separator that stands for '}' has no place of its own.
  const bool at_brace = token->begin == token->end && described(*token, tokens) == "'}'";
  const Token& place = at_brace ? *after : *token;
  auto& problem = problems.syntax(place.begin, place.end, std::move(text));
  show_way_out({place, tokens, wanted, set, problem, problems});
}

}  // namespace nodec::syntax
