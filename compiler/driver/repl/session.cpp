// Declarations by name: replaced, found by what they read, put together.
#include "compiler/driver/repl/session.hpp"

#include <algorithm>
#include <functional>

#include "compiler/semantics/walk.hpp"

namespace nodec::driver {
namespace {

using syntax::Decl;
using syntax::DeclPtr;

// What Walk leaves out because it is no expression of its body: initializers, distributions, coefficients.
void walk_beside(const semantics::Walk& walk, const Decl& decl) {
  const auto members = [&](const std::vector<DeclPtr>& list) {
    for (const DeclPtr& member : list) walk_beside(walk, *member);
  };
  if (auto* d = std::get_if<syntax::ParamDecl>(&decl.node)) walk(d->initializer);
  if (auto* d = std::get_if<syntax::SampleDecl>(&decl.node)) walk(d->distribution);
  if (auto* d = std::get_if<syntax::TableauDecl>(&decl.node)) walk(d->options);
  if (auto* d = std::get_if<syntax::Instance>(&decl.node); d && d->iteration) {
    walk(d->iteration->second.lo);
    walk(d->iteration->second.hi);
  }
  if (auto* d = std::get_if<syntax::LayerDecl>(&decl.node)) members(d->members);
  if (auto* d = std::get_if<syntax::FieldDecl>(&decl.node)) members(d->members);
  if (auto* d = std::get_if<syntax::ModelDecl>(&decl.node)) members(d->members);
}

semantics::Walk collecting(std::set<std::string>& names) {
  semantics::Walk walk;
  walk.name = [&names](const syntax::NameRef& name, source::Span) { names.insert(name.text); };
  walk.method = [&names](const syntax::Name& name) { names.insert(name.text); };
  return walk;
}

struct Declared {
  const char* keyword;  // null: it cannot stand in a session
  std::vector<std::string> names;
  bool shares_keyword = false;  // `dim A = 1, B = 2`: the declaration's own text has none
};

Declared declared(const Decl& decl) {
  using namespace syntax;
  if (auto* d = std::get_if<Use>(&decl.node))
    return {"use", d->alias ? std::vector<std::string>{d->alias->text} : std::vector<std::string>{}};
  if (auto* d = std::get_if<DimDecl>(&decl.node)) return {"dim", {d->name.text}, true};
  if (auto* d = std::get_if<ConstDecl>(&decl.node)) return {"const", {d->name.text}};
  if (auto* d = std::get_if<ParamDecl>(&decl.node)) return {"param", {d->name.text}, true};
  if (auto* d = std::get_if<FnDecl>(&decl.node)) return {"fn", {d->name.text}};
  if (auto* d = std::get_if<LayerDecl>(&decl.node)) return {"layer", {d->name.text}};
  if (auto* d = std::get_if<FieldDecl>(&decl.node)) return {"field", {d->name.text}};
  if (auto* d = std::get_if<ModelDecl>(&decl.node)) return {"model", {d->name.text}};
  if (auto* d = std::get_if<TableauDecl>(&decl.node)) return {"tableau", {d->name.text}};
  if (auto* d = std::get_if<Instance>(&decl.node)) return {d->field ? "field" : "layer", {d->name.text}};
  if (auto* d = std::get_if<Let>(&decl.node)) {
    std::vector<std::string> names;
    for (const Name& name : d->target.names)
      if (name.text != "_") names.push_back(name.text);
    return {"let", names};
  }
  return {nullptr, {}};
}

// The comment lines right above a place, and the rest of its last line where that is a comment.
std::string comments_above(const std::string& text, uint32_t begin) {
  size_t line = text.rfind('\n', begin == 0 ? 0 : begin - 1);
  line = line == std::string::npos ? 0 : line + 1;
  std::string comments;
  // Of several declarations on a line, the first has them.
  const std::string before = text.substr(line, begin - line);
  if (before.find_first_of(",;:=") != std::string::npos) return "";
  while (line > 0) {
    const size_t end = line - 1;
    size_t previous = end == 0 ? std::string::npos : text.rfind('\n', end - 1);
    previous = previous == std::string::npos ? 0 : previous + 1;
    const std::string above = text.substr(previous, end - previous);
    const size_t first = above.find_first_not_of(" \t\r");
    if (first == std::string::npos || above[first] != '#' || above.compare(first, 2, "#:") == 0) break;
    comments.insert(0, above + "\n");
    line = previous;
  }
  return comments;
}

std::string comment_behind(const std::string& text, uint32_t end) {
  const size_t stop = std::min(text.find('\n', end), text.size());
  const size_t first = text.find_first_not_of(" \t", end);
  if (first == std::string::npos || first >= stop || text[first] != '#') return "";
  return "  " + text.substr(first, stop - first);
}

bool any_in(const std::vector<std::string>& list, const std::set<std::string>& names) {
  return std::any_of(list.begin(), list.end(),
                     [&](const std::string& name) { return names.count(name) > 0; });
}

bool overlap(const std::set<std::string>& a, const std::set<std::string>& b) {
  return std::any_of(a.begin(), a.end(), [&](const std::string& name) { return b.count(name) > 0; });
}

}  // namespace

const char* Entry::keyword() const { return declared(*decl).keyword; }

std::set<std::string> Entry::reads() const {
  std::set<std::string> read;
  const semantics::Walk walk = collecting(read);
  walk(*decl);
  walk_beside(walk, *decl);
  return read;
}

std::set<std::string> reads(const syntax::ExprPtr& expression) {
  std::set<std::string> read;
  collecting(read)(expression);
  return read;
}

const Entry* Session::find(const std::string& name) const {
  for (const Entry& entry : entries_)
    if (std::count(entry.names.begin(), entry.names.end(), name)) return &entry;
  return nullptr;
}

int32_t Session::add_text(std::string name, std::string text) {
  return files_.add(std::move(name), std::move(text));
}

Entry Session::entry_of(const DeclPtr& decl) const {
  const Declared what = declared(*decl);
  const std::string& text = files_.text(decl->span.file);
  std::string own = text.substr(decl->span.begin, decl->span.end - decl->span.begin);
  auto* let = std::get_if<syntax::Let>(&decl->node);
  if (what.shares_keyword || (let && let->target.span.begin == decl->span.begin))
    own = std::string(what.keyword) + " " + own;
  own.erase(own.find_last_not_of(" \t\r\n;") + 1);
  return {decl, what.names,
          comments_above(text, decl->span.begin) + own + comment_behind(text, decl->span.end)};
}

bool Session::add(const std::vector<DeclPtr>& declarations, source::Diagnostics& diagnostics) {
  bool good = true;
  for (const DeclPtr& decl : declarations) {
    if (declared(*decl).keyword) continue;
    diagnostics.report(source::Id::misplaced, decl->span, "a session")
        .note(decl->span, "it belongs into the braces of a field or a model");
    good = false;
  }
  if (!good) return false;
  for (const DeclPtr& decl : declarations) put(entry_of(decl));
  return true;
}

void Session::put(Entry entry) {
  size_t place = entries_.size();
  std::vector<Entry> kept;
  for (size_t i = 0; i < entries_.size(); ++i) {
    Entry& old = entries_[i];
    std::set<std::string> lost;
    for (const std::string& name : old.names)
      if (std::count(entry.names.begin(), entry.names.end(), name)) lost.insert(name);
    const bool same_use = entry.is_use() && old.is_use() && entry.text == old.text;
    if (lost.empty() && !same_use) {
      kept.push_back(std::move(old));
      continue;
    }
    place = std::min(place, kept.size());
    // Of a tuple, the other names stay.
    if (auto* let = std::get_if<syntax::Let>(&old.decl->node); let && lost.size() < old.names.size()) {
      syntax::Let rest = *let;
      for (syntax::Name& name : rest.target.names) {
        if (!lost.count(name.text)) continue;
        const size_t at = old.text.find(name.text);
        old.text.replace(at, name.text.size(), "_");
        name.text = "_";
      }
      std::erase_if(old.names, [&](const std::string& name) { return lost.count(name) > 0; });
      old.decl = std::make_shared<const Decl>(Decl{std::move(rest), old.decl->span});
      kept.push_back(std::move(old));
    }
  }
  kept.insert(kept.begin() + static_cast<std::ptrdiff_t>(std::min(place, kept.size())), std::move(entry));
  entries_ = std::move(kept);
}

bool Session::remove(const std::string& name) {
  return std::erase_if(entries_, [&](const Entry& entry) {
           return std::count(entry.names.begin(), entry.names.end(), name) > 0;
         }) > 0;
}

std::vector<bool> Session::needed(const std::set<std::string>& names) const {
  std::vector<bool> chosen(entries_.size(), false);
  // Lets are read by lets and expressions alone: a field's state may have the name of one.
  std::set<std::string> wanted = names, wanted_lets = names;
  for (bool grown = true; grown;) {
    grown = false;
    for (size_t i = 0; i < entries_.size(); ++i) {
      const Entry& entry = entries_[i];
      if (chosen[i] || (!entry.is_use() && !any_in(entry.names, entry.is_let() ? wanted_lets : wanted)))
        continue;
      if (entry.broken && !any_in(entry.names, names)) continue;
      chosen[i] = grown = true;
      const std::set<std::string> read = entry.reads();
      wanted.insert(read.begin(), read.end());
      if (entry.is_let()) wanted_lets.insert(read.begin(), read.end());
    }
  }
  return chosen;
}

std::vector<size_t> Session::dependents(const std::set<std::string>& names) const {
  std::set<std::string> changed, changed_lets;
  const auto change = [&](const std::string& name) {
    const Entry* entry = find(name);
    (entry && entry->is_let() ? changed_lets : changed).insert(name);
  };
  for (const std::string& name : names) change(name);
  std::vector<bool> found(entries_.size(), false);
  for (bool grown = true; grown;) {
    grown = false;
    for (size_t i = 0; i < entries_.size(); ++i) {
      const std::set<std::string> read = entries_[i].reads();
      if (found[i] || (!overlap(read, changed) && !(entries_[i].is_let() && overlap(read, changed_lets))))
        continue;
      found[i] = grown = true;
      for (const std::string& name : entries_[i].names) change(name);
    }
  }
  std::vector<size_t> list;
  for (size_t i = 0; i < entries_.size(); ++i)
    if (found[i] && !any_in(entries_[i].names, names)) list.push_back(i);
  return list;
}

std::vector<bool> Session::whole() const {
  std::vector<bool> chosen;
  for (const Entry& entry : entries_) chosen.push_back(!entry.broken);
  return chosen;
}

std::vector<size_t> Session::in_order(const std::vector<bool>& chosen) const {
  std::vector<size_t> order;
  std::vector<char> state(entries_.size(), 0);  // 1: on the way, 2: placed
  const std::function<void(size_t)> place = [&](size_t i) {
    if (!chosen[i] || state[i] != 0) return;
    state[i] = 1;
    // What is defined in terms of itself keeps its place; elaboration refuses it.
    if (entries_[i].is_let()) {
      const std::set<std::string> read = entries_[i].reads();
      for (size_t j = 0; j < entries_.size(); ++j)
        if (entries_[j].is_let() && any_in(entries_[j].names, read)) place(j);
    }
    state[i] = 2;
    order.push_back(i);
  };
  for (size_t i = 0; i < entries_.size(); ++i) place(i);
  return order;
}

std::shared_ptr<const syntax::File> Session::program(const std::vector<bool>& chosen,
                                                     const std::vector<DeclPtr>& before,
                                                     const std::vector<DeclPtr>& behind) const {
  auto file = std::make_shared<syntax::File>();
  std::vector<DeclPtr> members = before;
  source::Span span;
  for (const size_t i : in_order(chosen)) {
    (entries_[i].is_let() ? members : file->declarations).push_back(entries_[i].decl);
    span = entries_[i].decl->span;
  }
  members.insert(members.end(), behind.begin(), behind.end());
  if (members.empty()) return file;
  span = members.back()->span;
  syntax::ModelDecl model{{prompt_model, span}, std::move(members)};
  file->declarations.push_back(std::make_shared<const Decl>(Decl{std::move(model), span}));
  return file;
}

}  // namespace nodec::driver
