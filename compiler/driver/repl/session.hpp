// What a session has declared, in order, and the programs that are made of it.
//
// In: declarations. Out: the syntax of a program that holds what is asked for and what that reads. A `let` of
// the prompt is a member of one model that no file can name, so that whatever a model may say, it may say,
// and derivatives by it are what they are in a model.
// Never here: input and output, values, machine code.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "compiler/source/diagnostics.hpp"
#include "compiler/syntax/ast.hpp"
#include "compiler/syntax/statements.hpp"

namespace nodec::driver {

// The model of the lets; not a name of the language.
inline constexpr const char* prompt_model = "the prompt";

struct Entry {
  syntax::DeclPtr decl;
  std::vector<std::string> names;  // what it declares; none for a `use` without `as`
  std::string text;                // as a file has it, with the comments above and behind it
  bool broken = false;             // by a later declaration

  bool is_let() const { return std::holds_alternative<syntax::Let>(decl->node); }
  bool is_use() const { return std::holds_alternative<syntax::Use>(decl->node); }
  // "field", "let", …
  const char* keyword() const;
  std::set<std::string> reads() const;  // names, whoever declares them
};

// Names that an expression reads.
std::set<std::string> reads(const syntax::ExprPtr& expression);

class Session {
 public:
  const source::Files& files() const { return files_; }
  const std::vector<Entry>& entries() const { return entries_; }
  const Entry* find(const std::string& name) const;
  bool empty() const { return entries_.empty(); }

  // A text whose declarations may be added; its id.
  int32_t add_text(std::string name, std::string text);
  // What stands at the top level of the text `file`. False, and reported, for what cannot stand in a session.
  bool add(const std::vector<syntax::DeclPtr>& declarations, source::Diagnostics& diagnostics);
  // Takes the place of what it redeclares, else the last one.
  void put(Entry entry);
  // False when there is none of this name.
  bool remove(const std::string& name);
  void mark_broken(size_t entry, bool broken) { entries_[entry].broken = broken; }

  // What these names need, themselves included: whether each entry is one of them. Those that are broken
  // are left out, unless they are asked for.
  std::vector<bool> needed(const std::set<std::string>& names) const;
  // Entries that cannot be without one of these names, directly or not.
  std::vector<size_t> dependents(const std::set<std::string>& names) const;

  // The program of some entries, with further members of the prompt's model behind its lets, and before them.
  std::shared_ptr<const syntax::File> program(const std::vector<bool>& chosen,
                                              const std::vector<syntax::DeclPtr>& before = {},
                                              const std::vector<syntax::DeclPtr>& behind = {}) const;
  // All that is not broken.
  std::vector<bool> whole() const;
  // Lets so that each stands behind those that it reads, and all else in order.
  std::vector<size_t> in_order(const std::vector<bool>& chosen) const;

 private:
  Entry entry_of(const syntax::DeclPtr& decl) const;

  source::Files files_;
  std::vector<Entry> entries_;
};

}  // namespace nodec::driver
