// What the handles of the public interface hold.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "compiler/embed/pipeline.hpp"
#include "compiler/syntax/ast.hpp"

namespace nodec {

// A checked program. Immutable once made, but for the graph, which derivation grows: `mutex` guards it.
struct Program::State {
  Options options;
  source::Files files;
  std::shared_ptr<const syntax::File> tree;
  std::unique_ptr<semantics::Module> module;  // null when there were errors
  std::vector<Diagnostic> diagnostics;
  // Warnings and remarks about what a model says, by its name: they are nothing to who uses another one.
  std::map<std::string, std::vector<Diagnostic>> of_models;
  std::vector<TimedStage> stages;
  std::string any_output;  // see semantics::Options
  mutable std::mutex mutex;

  // Elaborates again with some data shared by all samples (their rate differs); null after an error.
  std::unique_ptr<semantics::Module> elaborate(const std::set<std::string>& shared_data,
                                               std::vector<Diagnostic>& diagnostics) const;
};

struct Model::State {
  std::shared_ptr<const Program::State> program;
  // Elaborated for one set of shared data, with the machine code made so far.
  struct Variant {
    std::shared_ptr<semantics::Module> module;  // owns the graph that `model` names
    semantics::Model model;
    std::map<std::tuple<embed::Mode, int, bool, std::string>, std::shared_ptr<const embed::Unit>>
        units;  // mode, lanes, ragged, selection
  };
  semantics::Model model;  // of the program's own module: nothing shared
  // Set for models made by Program::integrate.
  std::string field;
  std::set<std::string> given;

  mutable std::mutex mutex;
  mutable std::map<std::set<std::string>, std::shared_ptr<Variant>> variants;

  // The variant, made on first use. Null with diagnostics after an error.
  std::shared_ptr<Variant> variant(const std::set<std::string>& shared,
                                   std::vector<Diagnostic>& diagnostics) const;
  // Machine code, made on first use.
  std::shared_ptr<const embed::Unit> unit(const std::set<std::string>& shared, embed::Mode mode,
                                          const embed::FormChoice& form, bool ragged,
                                          std::vector<Diagnostic>& diagnostics,
                                          const embed::Selection& selection = {}) const;
};

namespace embed {

Diagnostic convert(const source::Files& files, const source::Diagnostic& diagnostic);
// Remarks on a unit just made.
void remark_on_code(const Program::State& program, const semantics::Model& model, Mode mode, const Unit& unit,
                    std::vector<Diagnostic>& list);
// A message without a place in a program.
Diagnostic plain(Severity severity, const std::string& id, const std::string& text);
// The exception being handled, at the border of the public interface, which none crosses.
Diagnostic caught();

}  // namespace embed
}  // namespace nodec
