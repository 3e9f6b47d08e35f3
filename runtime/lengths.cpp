// Solves for lengths, one unknown at a time.
#include "runtime/lengths.hpp"

#include <algorithm>
#include <set>

namespace nodec::runtime {
namespace {

// An atom such as "(T - 3)//2" follows from other lengths; no array can give it.
bool is_name(const std::string& atom) { return atom.find_first_of("()/*+-% ") == std::string::npos; }

class Solver {
 public:
  Solver(const std::string& file, const std::vector<LengthEquation>& equations, Lengths known,
         const BindOptions& options)
      : file_(file),
        equations_(equations),
        done_(equations.size(), false),
        lengths_(std::move(known)),
        options_(options) {}

  Result<Lengths> solve(const std::vector<std::string>& names) {
    bool progress = true;
    while (progress && errors_.empty()) {
      progress = false;
      for (size_t e = 0; e < equations_.size(); ++e) {
        if (!done_[e] && use(equations_[e])) done_[e] = progress = true;
      }
      if (!progress) progress = derive(names);
    }
    for (const std::string& name : names) {
      if (errors_.empty() && !lengths_.count(name))
        errors_.push_back(error(Problem::length_unknown, file_, name));
    }
    if (!errors_.empty()) return errors_;
    return lengths_;
  }

 private:
  // True when the equation has been used up.
  bool use(const LengthEquation& equation) {
    std::set<std::string> unknown;
    for (const Extent::Term& term : equation.extent->terms) {
      for (const std::string& name : term.lengths) {
        if (!lengths_.count(name)) unknown.insert(name);
      }
    }
    if (unknown.empty()) {
      verify(equation);
      return true;
    }
    if (unknown.size() > 1 || !is_name(*unknown.begin())) return false;
    return solve_for(equation, *unknown.begin());
  }

  void verify(const LengthEquation& equation) {
    const std::optional<int64_t> expected = equation.extent->evaluate(lengths_);
    if (expected == equation.value) return;
    std::string source = "the declaration";
    for (const Extent::Term& term : equation.extent->terms) {
      for (const std::string& name : term.lengths) {
        if (const auto found = sources_.find(name); found != sources_.end())
          source = "array '" + found->second + "'";
      }
    }
    errors_.push_back(
        error(Problem::length_disagrees, file_, equation.array, equation.axis, equation.extent->text(),
              expected ? std::to_string(*expected) : "a number out of range", source, equation.value));
  }

  bool solve_for(const LengthEquation& equation, const std::string& name) {
    Extent rest;
    int64_t coefficient = 0;
    for (const Extent::Term& term : equation.extent->terms) {
      const auto count = std::count(term.lengths.begin(), term.lengths.end(), name);
      if (count == 0) {
        rest.terms.push_back(term);
        continue;
      }
      if (count > 1) return false;
      Extent factor({{term.coefficient, term.lengths}});
      std::erase(factor.terms[0].lengths, name);
      const std::optional<int64_t> value = factor.evaluate(lengths_);
      if (!value || __builtin_add_overflow(coefficient, *value, &coefficient)) return false;
    }
    const std::optional<int64_t> offset = rest.evaluate(lengths_);
    int64_t difference = 0;
    if (!offset || coefficient == 0 || __builtin_sub_overflow(equation.value, *offset, &difference))
      return false;
    if (difference % coefficient != 0 || difference / coefficient < 0) {
      errors_.push_back(error(Problem::length_unsolvable, file_, equation.array, equation.axis, name,
                              equation.extent->text(), equation.value));
      return true;
    }
    lengths_[name] = difference / coefficient;
    sources_[name] = equation.array;
    return true;
  }

  bool derive(const std::vector<std::string>& names) {
    bool progress = false;
    if (!options_.derived) return false;
    for (const std::string& name : names) {
      if (lengths_.count(name)) continue;
      if (const std::optional<int64_t> value = options_.derived(name, lengths_)) {
        lengths_[name] = *value;
        progress = true;
      }
    }
    return progress;
  }

  const std::string& file_;
  const std::vector<LengthEquation>& equations_;
  std::vector<bool> done_;
  Lengths lengths_;
  std::map<std::string, std::string> sources_;  // length -> the array that gave it
  const BindOptions& options_;
  Errors errors_;
};

}  // namespace

Result<Lengths> solve_lengths(const std::string& file, const std::vector<LengthEquation>& equations,
                              Lengths known, const std::vector<std::string>& names,
                              const BindOptions& options) {
  return Solver(file, equations, std::move(known), options).solve(names);
}

}  // namespace nodec::runtime
