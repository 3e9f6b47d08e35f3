// Names of what a derivation is about: users' words, and letters for what has no name of its own.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "compiler/notation/formula.hpp"

namespace nodec::notation {

class Symbols {
 public:
  // A user's word: z, W1 (drawn W₁), hare. The same word twice is numbered, W₁, W₂, when `settle` is called.
  Symbol* word(const std::string& text);
  // A letter of this list that no word has, numbered where it names several.
  Symbol* letter(const std::vector<std::string>& candidates);
  // a_W: what belongs to another symbol; of null, the letter alone.
  Symbol* belonging(const std::string& base, const Symbol* of);
  Symbol* primed(const Symbol* of);
  // Gives the numbers; words come before letters.
  void settle_words();
  void settle_letters();
  // No letter is chosen that is drawn like this.
  void reserve(const std::string& base) { bases_.insert(base); }
  bool taken(const std::string& base) const { return bases_.count(base) > 0; }

 private:
  Symbol* add(Symbol symbol);
  std::deque<Symbol> all_;
  std::map<std::string, std::vector<Symbol*>> words_, letters_;
  std::set<std::string> bases_;
};

}  // namespace nodec::notation
