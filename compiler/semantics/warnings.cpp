// What is right and probably not meant: tolerances that no arithmetic meets, parameters that nothing trains.
#include <cmath>
#include <limits>
#include <set>

#include "compiler/semantics/elaborator.hpp"

namespace nodec::semantics {

// A step adds its increment to the state and rounds the sum, by up to u times its size: the precision's unit.
// An error of a few u cannot be told from that; one of a hundred still shows where the solution is large.
void Elaborator::check_tolerance(const std::string& option, Ref value, Span span) {
  constexpr double beyond_reach = 4, near = 100;
  if (!value->is(graph::Kind::constant)) return;
  const bool f64 = options_.double_precision, relative = option.ends_with("rtol");
  const double unit = f64 ? std::ldexp(1.0, -53) : std::ldexp(1.0, -24);
  const double smallest =
      f64 ? std::numeric_limits<double>::min() : static_cast<double>(std::numeric_limits<float>::min());
  const std::string precision = f64 ? "f64" : "f32";
  for (double x : value->as<graph::Constant>().values) {
    const bool lost = relative ? x < beyond_reach * unit : x > 0 && x < smallest;
    if (lost) {
      auto& warning = diagnostics_.report(
          Id::tolerance_below_precision, span, option, x, precision,
          relative ? std::string("a step rounds by up to ") + (f64 ? "1.1e-16" : "6e-08") + " of the state"
                   : "its smallest number is " + source::Argument(smallest).text);
      warning.note(span, f64 ? "no precision of this machine resolves it"
                             : "write a larger one, or run with --precision f64");
      return;
    }
    if (relative && x < near * unit) {
      remark(Id::tolerance_near_precision, span, option, x, std::llround(x / unit), precision);
      return;
    }
  }
}

// With several models, what one of them trains another may show.
void Elaborator::warn_of_parameters_without_gradient(const syntax::File& file) {
  std::set<std::string> trained;
  for (const Model& model : module_.models) {
    if (!model.loss) continue;
    for (const ParameterDecl& parameter : parameters_read({model.loss})) trained.insert(parameter.path);
    if (!model.train) continue;
    for (const std::string& frozen : model.train->freeze)
      for (const ParameterDecl& parameter : parameters_)
        if (parameter.path == frozen || parameter.path.starts_with(frozen + "."))
          trained.insert(parameter.path);
  }
  for (const Model& model : module_.models) {
    if (!model.loss) continue;
    // By the declaration in this file; those of used files by the model.
    std::map<uint32_t, std::pair<Span, std::vector<std::string>>> by_place;
    for (const ParameterDecl& parameter : model.parameters) {
      if (trained.contains(parameter.path)) continue;
      const Span place = parameter.span.file == file.id ? parameter.span : model.span;
      auto& [span, paths] = by_place[place.begin];
      span = place;
      paths.push_back(parameter.source_path);
    }
    for (const auto& [begin, list] : by_place) {
      const auto& [span, paths] = list;
      const bool one = paths.size() == 1;
      std::string names = one ? "the parameter '" : "the parameters '";
      constexpr size_t shown = 3;
      for (size_t i = 0; i < std::min(shown, paths.size()); ++i) names += (i ? ", '" : "") + paths[i] + "'";
      if (paths.size() > shown) names += " and " + std::to_string(paths.size() - shown) + " more";
      diagnostics_.report(Id::parameter_without_gradient, span, names, one ? "it" : "them")
          .note(model.span, "the model '" + model.name + "' reads " + (one ? "it" : "them") +
                                " outside of its loss only");
    }
  }
}

}  // namespace nodec::semantics
