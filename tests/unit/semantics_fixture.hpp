// Small programs elaborated and evaluated by the reference: what the tests of this layer are written with.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/graph/evaluate.hpp"
#include "compiler/graph/graph.hpp"
#include "compiler/semantics/module.hpp"
#include "compiler/source/diagnostics.hpp"
#include "compiler/syntax/parser.hpp"

namespace nodec::semantics::test {

struct Program {
  source::Files files;
  source::Diagnostics diagnostics;
  std::shared_ptr<const syntax::File> file;
  std::unique_ptr<Module> module;
  std::string rendered;

  explicit Program(const std::string& text, const Options& options = {},
                   const std::map<std::string, std::string>& others = {}) {
    const int32_t id = files.add("test.node", text);
    file = syntax::parse(files, id, diagnostics);
    Reader reader = [&](const std::string& path) -> std::optional<std::string> {
      auto found = others.find(path);
      if (found == others.end()) return std::nullopt;
      return found->second;
    };
    if (!diagnostics.has_errors()) module = elaborate(*file, options, reader, files, diagnostics);
    rendered = source::render(files, diagnostics);
  }

  // Ids of the reported messages, in order.
  std::vector<std::string> ids() const {
    std::vector<std::string> result;
    for (const auto& d : diagnostics.all()) result.emplace_back(source::message(d.id).id);
    return result;
  }

  const Model& model(size_t i = 0) const { return module->models.at(i); }

  // "" where every result of every model obeys the graph's invariants.
  std::string invalid() const {
    for (const Model& m : module->models) {
      std::vector<graph::Output> results = m.outputs;
      results.insert(results.end(), m.metrics.begin(), m.metrics.end());
      if (m.loss) results.push_back({"loss", m.loss});
      if (std::string wrong = graph::verify(module->graph, results); !wrong.empty())
        return m.name + ": " + wrong;
    }
    return "";
  }
};

inline graph::Tensor vector(std::vector<double> values) {
  const auto n = static_cast<int64_t>(values.size());
  return {{n}, std::move(values)};
}

}  // namespace nodec::semantics::test
