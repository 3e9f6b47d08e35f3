// Words and letters -> symbols that differ.
#include "compiler/notation/symbols.hpp"

#include <tuple>

namespace nodec::notation {
namespace {

// W12' -> W, 12 and a prime; what is all digits stays.
Symbol split(const std::string& text) {
  std::string word = text;
  int primes = 0;
  for (; word.size() > 1 && word.back() == '\''; word.pop_back()) ++primes;
  size_t digits = word.size();
  while (digits > 0 && word[digits - 1] >= '0' && word[digits - 1] <= '9') --digits;
  const size_t count = word.size() - digits;
  if (digits == 0 || count == 0 || count > 4 || (word[digits] == '0' && count > 1))
    return {word, -1, nullptr, primes};
  return {word.substr(0, digits), std::stoi(word.substr(digits)), nullptr, primes};
}

}  // namespace

Symbol* Symbols::add(Symbol symbol) {
  all_.push_back(std::move(symbol));
  bases_.insert(all_.back().base);
  return &all_.back();
}

Symbol* Symbols::word(const std::string& text) {
  Symbol* symbol = add(split(text));
  words_[text].push_back(symbol);
  return symbol;
}

Symbol* Symbols::letter(const std::vector<std::string>& candidates) {
  for (const std::string& candidate : candidates) {
    if (bases_.count(candidate) && !letters_.count(candidate)) continue;
    Symbol* symbol = add({candidate});
    letters_[candidate].push_back(symbol);
    return symbol;
  }
  const std::string last = "value";
  Symbol* symbol = add({last});
  letters_[last].push_back(symbol);
  return symbol;
}

Symbol* Symbols::belonging(const std::string& base, const Symbol* of) { return add({base, -1, of}); }

Symbol* Symbols::primed(const Symbol* of) {
  Symbol symbol = *of;
  ++symbol.primes;
  return add(symbol);
}

void Symbols::settle_words() {
  std::set<std::tuple<std::string, int, int>> used;
  for (const auto& [word, symbols] : words_)
    if (symbols.size() == 1) used.emplace(symbols[0]->base, symbols[0]->number, symbols[0]->primes);
  for (const auto& [word, symbols] : words_) {
    if (symbols.size() == 1) continue;
    int next = 1;
    for (Symbol* symbol : symbols) {
      while (used.count({symbol->base, next, symbol->primes})) ++next;
      symbol->number = next;
      used.emplace(symbol->base, next, symbol->primes);
    }
  }
}

void Symbols::settle_letters() {
  for (const auto& [base, symbols] : letters_) {
    int next = 1;
    for (Symbol* symbol : symbols)
      if (symbols.size() > 1) symbol->number = next++;
  }
}

}  // namespace nodec::notation
