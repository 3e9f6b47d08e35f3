// Clauses by their words, values between them.
#include "compiler/driver/repl/request.hpp"

#include <algorithm>

#include "compiler/syntax/statements.hpp"

namespace nodec::driver {
namespace {

using syntax::Lexeme;

std::string trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n\"");
  if (first == text.npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n\"") + 1 - first));
}

// What stands behind a `>` outside of brackets is a file; a comparison is not, where an operand follows it.
bool is_file(const std::string& text) {
  for (const char* ending : {".svg", ".png", ".csv", ".npz", ".safetensors"})
    if (text.size() > std::string_view(ending).size() && text.ends_with(ending)) return true;
  return false;
}

// Cuts `> FILE` off.
std::string take_file(std::string_view& text) {
  const size_t sign = text.rfind('>');
  if (sign == text.npos) return "";
  const std::string file = trimmed(text.substr(sign + 1));
  if (!is_file(file)) return "";
  text = text.substr(0, sign);
  return file;
}

}  // namespace

SolveRequest read_solve(std::string_view text) {
  SolveRequest request;
  request.file = take_file(text);
  const std::vector<Lexeme> list = syntax::lexemes(text);
  const auto word = [&](size_t i) {
    return i < list.size() ? text.substr(list[i].begin, list[i].end - list[i].begin) : std::string_view();
  };
  if (list.empty() || list[0].kind != Lexeme::Kind::word) {
    request.wrong = "a field is wanted here";
    return request;
  }
  request.field = std::string(word(0));
  // Values and clauses end where the next one begins.
  Stretch* open = nullptr;
  const auto end_at = [&](uint32_t at) {
    if (open) open->end = at;
    open = nullptr;
  };
  const bool in_parentheses = word(1) == "(";
  bool inside = in_parentheses;
  for (size_t i = in_parentheses ? 2 : 1; i < list.size(); ++i) {
    const int level = inside ? 1 : 0;
    if (list[i].depth > level) continue;
    if (inside && list[i].depth == 0) {  // the closing parenthesis
      end_at(list[i].begin);
      inside = false;
      continue;
    }
    if (word(i) == ",") {
      end_at(list[i].begin);
      continue;
    }
    size_t primes = 0;
    while (word(i + 1 + primes) == "'" || word(i + 1 + primes) == "′") ++primes;
    const bool assigned = list[i].kind == Lexeme::Kind::word && word(i + 1 + primes) == "=";
    std::optional<Stretch>* clause = word(i) == "from"     ? &request.from
                                     : word(i) == "to"     ? &request.to
                                     : word(i) == "at"     ? &request.at
                                     : word(i) == "by"     ? &request.by
                                     : word(i) == "points" ? &request.points
                                                           : nullptr;
    if (assigned) {
      end_at(list[i].begin);
      request.values.push_back({std::string(word(i)) + std::string(primes, '\''), {}});
      open = &request.values.back().second;
      i += 1 + primes;
      *open = {list[i].end, list[i].end};
    } else if (!inside && clause) {
      end_at(list[i].begin);
      *clause = Stretch{list[i].end, list[i].end};
      open = &**clause;
    } else if (!open) {
      request.wrong =
          "'" + std::string(word(i)) + "' is neither a value, as z = 1, nor one of from to at points by";
      return request;
    }
  }
  end_at(static_cast<uint32_t>(text.size()));
  return request;
}

PlotRequest read_plot(std::string_view text) {
  PlotRequest request;
  request.file = take_file(text);
  Stretch own{0, text.size()};
  for (const Lexeme& lexeme : syntax::lexemes(text)) {
    if (lexeme.depth > 0) continue;
    const std::string_view word = text.substr(lexeme.begin, lexeme.end - lexeme.begin);
    const bool over = word == "over" && lexeme.begin > own.begin;
    if (word != "," && !over) continue;
    if (request.over) break;
    own.end = lexeme.begin;
    request.expressions.push_back(own);
    own = {lexeme.end, text.size()};
    if (over) request.over = own;
  }
  if (request.over)
    request.over = own;
  else
    request.expressions.push_back(own);
  return request;
}

}  // namespace nodec::driver
