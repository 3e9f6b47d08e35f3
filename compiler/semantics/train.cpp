// `train { … }`: the optimizer and its options.
#include <algorithm>
#include <cmath>

#include "compiler/semantics/elaborator.hpp"
#include "compiler/semantics/vocabulary.hpp"

namespace nodec::semantics {

namespace {

struct OptimizerRow {
  const char* name;
  std::vector<std::string> options;
};

const std::vector<OptimizerRow>& optimizers() {
  static const std::vector<OptimizerRow> rows = {
      {"sgd", {"lr", "momentum", "nesterov"}},
      {"rmsprop", {"lr", "alpha", "eps", "momentum"}},
      {"adam", {"lr", "beta1", "beta2", "eps"}},
      {"adamw", {"lr", "beta1", "beta2", "eps", "weight_decay"}},
      {"lbfgs", {"lr", "history", "line_search", "gradient_tolerance", "loss_tolerance"}},
  };
  return rows;
}

const std::vector<std::string> train_options = {"optimizer", "batch",    "epochs", "steps",
                                                "clip",      "patience", "freeze"};

// What a constant option of an optimizer must be; null where any number will do.
const char* range_of(const std::string& option, double value) {
  if (option == "lr") return value >= 0 ? nullptr : "0 or more";
  if (option == "nesterov") return value == 0 || value == 1 ? nullptr : "0 or 1";
  if (option == "history" || option == "line_search")
    return value >= 1 && value == std::floor(value) ? nullptr : "a whole number of at least 1";
  if (option == "alpha" || option == "beta1" || option == "beta2" || option == "momentum")
    return value >= 0 && value < 1 ? nullptr : "from 0 to below 1";
  return value >= 0 ? nullptr : "0 or more";  // eps, weight_decay, tolerances
}

}  // namespace

const std::vector<std::string>& train_option_names() { return train_options; }

std::vector<std::string> optimizer_names() {
  std::vector<std::string> names;
  for (const OptimizerRow& row : optimizers()) names.emplace_back(row.name);
  return names;
}

std::vector<std::string> optimizer_option_names(const std::string& optimizer) {
  for (const OptimizerRow& row : optimizers())
    if (row.name == optimizer) return row.options;
  return {};
}

std::string Elaborator::path_of(const Expr& expr, Scope& scope) {
  std::string path;
  if (auto* name = std::get_if<syntax::NameRef>(&expr.node)) {
    path = name->text;
  } else if (auto* member = std::get_if<syntax::Member>(&expr.node)) {
    path = path_of(*member->object, scope) + "." + member->name.text;
  } else if (auto* index = std::get_if<syntax::Index>(&expr.node);
             index && index->items.size() == 1 && !index->items[0].slice) {
    const int64_t k = constant_integer(*index->items[0].lo, scope, "the index of a path");
    path = path_of(*index->object, scope) + "." + std::to_string(k);
  } else {
    fail(Id::not_a_path, expr.span);
  }
  return path;
}

std::string Elaborator::parameter_group(std::string path, Span span, Scope& scope) {
  // Inside the model, its own parameters go without its name.
  for (const std::string& candidate : {path, scope.path + path}) {
    for (const ParameterDecl& parameter : parameters_) {
      if (parameter.path == candidate || parameter.path.starts_with(candidate + ".")) return candidate;
    }
  }
  std::vector<std::string> candidates;
  for (const ParameterDecl& parameter : parameters_) {
    for (size_t end = parameter.path.find('.');; end = parameter.path.find('.', end + 1)) {
      candidates.push_back(parameter.path.substr(0, end));
      if (end == std::string::npos) break;
    }
  }
  unknown("parameter", path, span, candidates);
}

TrainSpec Elaborator::train(const syntax::Train& train, Span span, Scope& scope) {
  TrainSpec result;
  result.span = span;
  std::map<std::string, Span> seen;
  auto number_of = [&](const Expr& expr, const std::string& what) {
    Tensor x = real(scalar(expr, scope, "'" + what + "'"));
    if (x.ref->base == graph::Base::sample) fail(Id::train_option_sample, expr.span, what);
    return x.ref;
  };
  for (const syntax::Option& option : train.options) {
    guarded([&] {
      const std::string& name = option.path.front().text;
      std::string path;
      for (size_t i = 1; i < option.path.size(); ++i) path += (i > 1 ? "." : "") + option.path[i].text;
      auto [place, added] = seen.emplace(name + "." + path, option.span);
      if (!added) {
        diagnostics_.report(Id::defined_twice, option.span, name)
            .note(place->second, "it is defined here first");
        throw Abandon{};
      }
      if (std::find(train_options.begin(), train_options.end(), name) == train_options.end() ||
          (option.path.size() > 1 && name != "optimizer")) {
        unknown("option of 'train':", name, option.path.front().span, train_options);
      }
      const Expr& value = *option.value;
      if (name == "freeze") {
        auto* stack = std::get_if<syntax::Stack>(&value.node);
        if (!stack) fail(Id::not_a_path, value.span);
        for (const auto& element : stack->elements) {
          result.freeze.push_back(parameter_group(path_of(*element, scope), element->span, scope));
        }
        return;
      }
      if (name != "optimizer") {
        Ref number = number_of(value, name);
        if (number->is(graph::Kind::constant) && !(number->as<graph::Constant>().values[0] > 0)) {
          fail(Id::must_be_positive, value.span, "'" + name + "'", number->as<graph::Constant>().values[0]);
        }
        result.options[name] = number;
        return;
      }
      OptimizerSpec optimizer;
      optimizer.span = option.span;
      if (!path.empty()) optimizer.path = parameter_group(path, option.path[1].span, scope);
      auto* call = std::get_if<syntax::Call>(&value.node);
      auto* written = std::get_if<syntax::NameRef>(call ? &call->callee->node : &value.node);
      std::vector<std::string> names;
      const OptimizerRow* row = nullptr;
      for (const OptimizerRow& candidate : optimizers()) {
        names.emplace_back(candidate.name);
        if (written && written->text == candidate.name) row = &candidate;
      }
      if (!written) fail(Id::not_an_optimizer, value.span);
      const Span at = call ? call->callee->span : value.span;
      if (!row) unknown("optimizer", written->text, at, names);
      optimizer.name = row->name;
      std::map<std::string, Span> places;
      for (const syntax::Argument& argument : call ? call->arguments : std::vector<syntax::Argument>{}) {
        if (!argument.name) fail(Id::option_unnamed, argument.value->span, optimizer.name);
        const std::string& key = argument.name->text;
        if (std::find(row->options.begin(), row->options.end(), key) == row->options.end()) {
          unknown("option of '" + optimizer.name + "':", key, argument.name->span, row->options);
        }
        if (optimizer.options.contains(key)) {
          diagnostics_.report(Id::argument_twice, argument.name->span, key)
              .note(places.at(key), "it is given here first");
          throw Abandon{};
        }
        places[key] = argument.name->span;
        Ref number = number_of(*argument.value, key);
        if (number->is(graph::Kind::constant)) {
          const double value = number->as<graph::Constant>().values[0];
          if (const char* range = range_of(key, value))
            fail(Id::optimizer_option_range, argument.value->span, key, optimizer.name, range, value);
        }
        optimizer.options[key] = number;
      }
      auto zero = [&](const char* key) {
        const auto found = optimizer.options.find(key);
        if (found == optimizer.options.end()) return true;
        return found->second->is(graph::Kind::constant) &&
               found->second->as<graph::Constant>().values[0] == 0;
      };
      if (optimizer.name == "sgd" && !zero("nesterov") && zero("momentum"))
        diagnostics_.report(Id::option_without_effect, places.at("nesterov"), "nesterov",
                            "there is no momentum");
      if (places.contains("lr") && zero("lr"))
        diagnostics_.report(Id::option_without_effect, option.path.front().span, "optimizer",
                            "with 'lr = 0' it moves nothing");
      if (!optimizer.options.contains("lr") && optimizer.name != "lbfgs")
        fail(Id::missing_option, value.span, optimizer.name, "lr");
      result.optimizers.push_back(std::move(optimizer));
    });
  }
  for (const OptimizerSpec& optimizer : result.optimizers) {
    const bool frozen = !optimizer.path.empty() &&
                        std::any_of(result.freeze.begin(), result.freeze.end(), [&](const std::string& path) {
                          return optimizer.path == path || optimizer.path.starts_with(path + ".");
                        });
    if (frozen)
      diagnostics_
          .report(Id::option_without_effect, optimizer.span, "optimizer." + optimizer.path,
                  "its parameters are frozen")
          .note(seen["freeze."], "they are frozen here");
    if (optimizer.name != "lbfgs") continue;
    if (!optimizer.path.empty()) diagnostics_.report(Id::lbfgs_alone, optimizer.span);
    for (const OptimizerSpec& other : result.optimizers) {
      if (optimizer.path.empty() && &other != &optimizer)
        diagnostics_.report(Id::lbfgs_alone, other.span).note(optimizer.span, "lbfgs stands here");
    }
    for (const char* option : {"batch", "clip"}) {
      if (auto place = seen.find(std::string(option) + "."); place != seen.end())
        diagnostics_.report(Id::lbfgs_excludes, place->second, option)
            .note(optimizer.span, "lbfgs stands here");
    }
  }
  if (seen.contains("epochs.") && seen.contains("steps.")) {
    diagnostics_.report(Id::epochs_and_steps, seen["steps."]).note(seen["epochs."], "'epochs' is given here");
  }
  return result;
}

}  // namespace nodec::semantics
