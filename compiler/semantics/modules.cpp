// Files: top-level declarations, what `use` brings in, and the order in which all is elaborated.
#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include "compiler/semantics/elaborator.hpp"
#include "compiler/semantics/unused.hpp"
#include "compiler/semantics/vocabulary.hpp"
#include "compiler/semantics/walk.hpp"
#include "compiler/syntax/parser.hpp"

namespace nodec::semantics {

Elaborator::Elaborator(Module& module, const Options& options, const Reader& reader, source::Files& files,
                       source::Diagnostics& diagnostics)
    : module_(module),
      g_(module.graph),
      options_(options),
      reader_(reader),
      files_(files),
      diagnostics_(diagnostics) {
  constexpr int64_t work_of_node = 10;
  graph::limit(g_, static_cast<size_t>(options.work / work_of_node));
}

namespace {

// One method of the file of all, at its own lines: reading the others would take longer than most programs.
std::optional<std::string> tableau_alone(std::string_view text, const std::string& name) {
  const size_t begin = text.find("\ntableau " + name + " {");
  if (begin == text.npos) return {};
  const size_t first = begin + 1, end = text.find("\n}", begin) + 3;
  std::string alone(static_cast<size_t>(std::count(text.begin(), text.begin() + first, '\n')), '\n');
  return alone.append(text.substr(first, end - first));
}

std::string name_of(const syntax::Decl& decl) {
  if (auto* d = std::get_if<syntax::DimDecl>(&decl.node)) return d->name.text;
  if (auto* d = std::get_if<syntax::ConstDecl>(&decl.node)) return d->name.text;
  return "";
}

}  // namespace

std::vector<std::string> stdlib_names(std::string_view file) {
  std::vector<std::string> names;
  const std::string_view text = stdlib_text(file);
  for (size_t line = 0; line < text.size(); line = text.find('\n', line) + 1) {
    for (const std::string_view keyword : {"layer ", "fn ", "field ", "tableau "}) {
      if (text.substr(line, keyword.size()) != keyword) continue;
      const size_t begin = line + keyword.size();
      names.emplace_back(text.substr(begin, text.find_first_of(" [({", begin) - begin));
    }
    if (text.find('\n', line) == text.npos) break;
  }
  return names;
}

void Elaborator::note_differentiated(const syntax::File& file) {
  Walk walk;
  walk.call = [&](const syntax::Call& call) {
    auto* callee = std::get_if<syntax::NameRef>(&call.callee->node);
    static const std::set<std::string> derivatives = {"grad", "jacobian", "div", "jvp", "vjp"};
    if (!callee || !derivatives.contains(callee->text) || call.arguments.size() < 2) return;
    if (auto* by = std::get_if<syntax::NameRef>(&call.arguments[1].value->node)) {
      differentiated_.insert(by->text + std::string(static_cast<size_t>(by->primes), '\''));
    }
  };
  walk(file.declarations);
}

void Elaborator::run(const syntax::File& file) {
  auto scope = std::make_shared<Scope>();
  loading_.push_back(file.id >= 0 ? files_.name(file.id) : "");
  int stream = 0;
  auto definable = [&](const std::vector<syntax::DeclPtr>& members, auto&& self) -> void {
    for (const auto& member : members) {
      if (std::string name = name_of(*member); !name.empty()) definable_.push_back(name);
      if (auto* field = std::get_if<syntax::FieldDecl>(&member->node)) self(field->members, self);
      if (auto* layer = std::get_if<syntax::LayerDecl>(&member->node)) self(layer->members, self);
      if (auto* model = std::get_if<syntax::ModelDecl>(&member->node)) self(model->members, self);
      if (auto* sample = std::get_if<syntax::SampleDecl>(&member->node)) streams_[sample] = stream++;
    }
  };
  definable(file.declarations, definable);
  declare_file(file, scope, true);
  // Values in order of the text; what is read earlier is found earlier.
  std::map<std::pair<int32_t, uint32_t>, std::pair<const std::string*, Binding*>> by_place;
  for (auto& [name, binding] : scope->names)
    by_place[{binding.span.file, binding.span.begin}] = {&name, &binding};
  for (const auto& decl : file.declarations) {
    guarded(decl->span, [&] {
      for (auto at = by_place.lower_bound({decl->span.file, decl->span.begin}); at != by_place.end(); ++at) {
        const auto [name, binding] = at->second;
        if (binding->span.file != decl->span.file || binding->span.end > decl->span.end) break;
        force(*binding, *name, binding->span);
      }
      if (auto* model = std::get_if<syntax::ModelDecl>(&decl->node)) this->model(*model, decl->span, scope);
      if (auto* tableau = std::get_if<syntax::TableauDecl>(&decl->node)) make_tableau(*tableau, *scope);
    });
  }
  for (const auto& decl : file.declarations) check_unapplied(*decl, *scope);
  check_defines();
  module_.parameters = parameters_;
  if (diagnostics_.has_errors()) return;  // what follows from a mistake needs no warning
  warn_of_unused_names(file, diagnostics_);
  warn_of_parameters_without_gradient(file);
}

// What is never applied has no shapes to check, but its names must exist.
void Elaborator::check_unapplied(const syntax::Decl& decl, Scope& scope) {
  const auto* function = std::get_if<syntax::FnDecl>(&decl.node);
  const auto* layer = std::get_if<syntax::LayerDecl>(&decl.node);
  const auto* field = std::get_if<syntax::FieldDecl>(&decl.node);
  const void* applied = function ? static_cast<const void*>(function)
                        : layer  ? static_cast<const void*>(layer)
                                 : field;
  if (!applied || (field && !field->is_template) || active_.contains(applied)) return;
  std::set<std::string> inside;
  Walk bound;
  bound.bound = [&](const std::string& name) { inside.insert(name); };
  bound(decl);
  Walk read;
  read.name = [&](const syntax::NameRef& name, Span span) {
    if (name.primes > 0 || name.text == "t" || inside.contains(name.text) || find(scope, name.text)) return;
    if (!special_name(name.text).as<Failed>()) return;
    guarded([&] {
      std::vector<std::string> candidates = visible_names(scope);
      candidates.insert(candidates.end(), inside.begin(), inside.end());
      unknown("name", name.text, span, candidates);
    });
  };
  read(decl);
}

void Elaborator::check_defines() {
  auto check = [&](const std::string& name) {
    if (defined_.contains(name) || std::find(definable_.begin(), definable_.end(), name) != definable_.end())
      return;
    suggest(diagnostics_.report(Id::unknown_define, Span{}, name), name, Span{}, definable_);
  };
  for (const auto& [name, value] : options_.dims) check(name);
  for (const auto& [name, value] : options_.consts) check(name);
}

void Elaborator::declare_file(const syntax::File& file, const ScopePtr& scope, bool main) {
  note_differentiated(file);
  for (const auto& decl : file.declarations) {
    guarded([&] {
      if (!main && std::holds_alternative<syntax::ModelDecl>(decl->node)) return;
      declare(decl, scope);
    });
  }
}

void Elaborator::declare(const syntax::DeclPtr& decl, const ScopePtr& scope) {
  auto constant = [&](const syntax::Name& name, Value value) {
    bind(*scope, name.text, name.span, std::move(value));
  };
  // Closures outlive no scope: the scope owns them.
  Scope* raw = scope.get();
  auto self = [raw] { return ScopePtr(ScopePtr(), raw); };
  if (auto* use = std::get_if<syntax::Use>(&decl->node)) {
    import(*use, decl->span, scope);
  } else if (auto* dim = std::get_if<syntax::DimDecl>(&decl->node)) {
    add_binding(scope, dim->name.text, dim->name.span, [=, this] { return dim_value(*dim, *raw); });
  } else if (auto* value = std::get_if<syntax::ConstDecl>(&decl->node)) {
    add_binding(scope, value->name.text, value->name.span,
                [=, this] { return const_value(*value, *raw, decl->span); });
  } else if (auto* parameter = std::get_if<syntax::ParamDecl>(&decl->node)) {
    add_binding(scope, parameter->name.text, parameter->name.span,
                [=, this] { return param(*parameter, self(), decl->span); });
  } else if (auto* made = std::get_if<syntax::Instance>(&decl->node)) {
    add_binding(scope, made->name.text, made->name.span,
                [=, this] { return instance(*made, self(), decl->span); });
  } else if (auto* function = std::get_if<syntax::FnDecl>(&decl->node)) {
    constant(function->name, {Function{function, self()}});
  } else if (auto* layer = std::get_if<syntax::LayerDecl>(&decl->node)) {
    constant(layer->name, {LayerTemplate{layer, self()}});
  } else if (auto* field = std::get_if<syntax::FieldDecl>(&decl->node)) {
    if (field->is_template) {
      constant(field->name, {FieldTemplate{field, self()}});
    } else {
      const std::string path = scope->path + field->name.text + ".",
                        source_path = scope->source_path + field->name.text + ".";
      add_binding(scope, field->name.text, field->name.span,
                  [=, this]() -> Value { return {make_field(*field, self(), path, source_path, nullptr)}; });
    }
  } else if (auto* model = std::get_if<syntax::ModelDecl>(&decl->node)) {
    constant(model->name, {ModelName{}});
  } else if (auto* tableau = std::get_if<syntax::TableauDecl>(&decl->node)) {
    constant(tableau->name, {TableauName{tableau, self()}});
  } else {
    fail(Id::misplaced, decl->span, "the top level of a file");
  }
}

void Elaborator::import(const syntax::Use& use, Span span, const ScopePtr& scope) {
  LoadedFile* loaded = load(use, span);
  if (!loaded) return;
  if (use.alias) {
    bind(*scope, use.alias->text, use.alias->span, {Namespace{loaded->scope}});
    return;
  }
  for (auto& [name, binding] : loaded->scope->names) {
    if (binding.imported) continue;
    auto found = scope->names.find(name);
    if (found != scope->names.end()) {
      if (found->second.span == binding.span) continue;
      diagnostics_.report(Id::name_clash, span, name, use.path)
          .note(found->second.span, "one is here")
          .note(binding.span, "the other is here");
      continue;
    }
    // Forcing through the file that declares it keeps one instance for all who use it.
    Binding alias;
    alias.span = binding.span;
    alias.imported = true;
    alias.state = Binding::State::pending;
    Scope* owner = loaded->scope.get();
    alias.make = [this, owner, name = name, span] {
      Value value = force(owner->names.at(name), name, span);
      if (value.as<Failed>()) throw Abandon{};
      return value;
    };
    scope->names.emplace(name, std::move(alias));
  }
}

Elaborator::LoadedFile* Elaborator::load(const syntax::Use& use, Span span, const std::string& only) {
  std::string name, part;
  std::optional<std::string> text;
  if (use.stdlib) {
    name = "stdlib/" + use.path + ".node";
    std::string_view built_in = stdlib_text(use.path);
    if (!only.empty()) {
      text = tableau_alone(built_in, only);
      if (!text) return nullptr;
      part = " " + only;
    } else if (!built_in.empty()) {
      text = std::string(built_in);
    }
  } else {
    std::filesystem::path importing = span.file >= 0 ? files_.name(span.file) : "";
    name = (importing.parent_path() / use.path).lexically_normal().generic_string();
  }
  if (std::find(loading_.begin(), loading_.end(), name) != loading_.end()) {
    auto& diagnostic = diagnostics_.report(Id::cyclic_use, span, use.path);
    auto found = loaded_.find(name);
    if (found != loaded_.end() && found->second.from.known())
      diagnostic.note(found->second.from, "it is being read from here");
    throw Abandon{};
  }
  auto found = loaded_.find(name + part);
  if (found != loaded_.end()) {
    if (!found->second.scope) throw Abandon{};
    return &found->second;
  }
  LoadedFile& loaded = loaded_[name + part];
  loaded.from = span;
  if (!use.stdlib) text = reader_ ? reader_(name) : std::nullopt;
  if (!text) {
    if (!use.stdlib) fail(Id::file_not_found, span, name);
    std::vector<std::string> names;
    for (const char* known : {"nn", "prob", "flows", "tableaux"}) {
      if (!stdlib_text(known).empty()) names.emplace_back(known);
    }
    unknown("stdlib file", use.path, span, names);
  }
  const int errors = diagnostics_.errors();
  const int32_t id = files_.add(name, std::move(*text));
  if (use.stdlib) stdlib_files_.insert(id);
  loaded.file = syntax::parse(files_, id, diagnostics_);
  if (diagnostics_.errors() > errors || !loaded.file) throw Abandon{};
  auto scope = std::make_shared<Scope>();
  if (use.alias) scope->path = scope->source_path = use.alias->text + ".";
  loading_.push_back(name);
  declare_file(*loaded.file, scope, false);
  loading_.pop_back();
  loaded.scope = scope;
  return &loaded;
}

std::unique_ptr<Module> elaborate(const syntax::File& file, const Options& options, const Reader& reader,
                                  source::Files& files, source::Diagnostics& diagnostics) {
  const int errors = diagnostics.errors();
  auto module = std::make_unique<Module>();
  Elaborator(*module, options, reader, files, diagnostics).run(file);
  if (diagnostics.errors() > errors) return nullptr;
  return module;
}

std::optional<Model> solve_model(Module& module, const Field& field, const std::set<std::string>& given,
                                 const Options& options, source::Files& files,
                                 source::Diagnostics& diagnostics) {
  try {
    return Elaborator(module, options, Reader(), files, diagnostics).field_model(field, given);
  } catch (const Abandon&) {
    return std::nullopt;
  } catch (const graph::TooManyNodes& too_many) {
    diagnostics.report(Id::expansion_too_large, field.span, too_many.limit, too_many.what);
    return std::nullopt;
  }
}

}  // namespace nodec::semantics
