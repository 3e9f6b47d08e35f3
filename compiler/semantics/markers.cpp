// Names that some derivative is taken by: each is an opaque variable until its body ends, so that building,
// which simplifies, cannot dissolve it into what it was made of.
#include <algorithm>

#include "compiler/semantics/elaborator.hpp"

namespace nodec::semantics {

Tensor Elaborator::mark(const std::string& name, const Tensor& x) {
  if (!differentiated_.contains(name) || x.element() != graph::Element::real) return x;
  Ref variable = g_.variables({x.ref->type}, graph::Base::sample)[0];
  markers_.push_back({variable, x});
  return {variable, x.loops, std::nullopt};
}

void Elaborator::resolve(size_t frame, const std::vector<Ref*>& roots, Ref kept) {
  // A later marker's value may mention an earlier marker, never the reverse.
  for (size_t i = markers_.size(); i-- > frame;) {
    if (markers_[i].variable == kept) continue;
    std::vector<Ref> before;
    for (Ref* root : roots) before.push_back(*root);
    constexpr size_t visited_per_step = 4;
    work_ += static_cast<int64_t>(graph::postorder(before).size() / visited_per_step);
    if (work_ > options_.work)
      throw graph::TooManyNodes{static_cast<size_t>(options_.work), "steps of elaboration"};
    std::vector<Ref> after = g_.substitute(before, {{markers_[i].variable, markers_[i].value.ref}});
    for (size_t k = 0; k < roots.size(); ++k) *roots[k] = after[k];
  }
}

}  // namespace nodec::semantics
