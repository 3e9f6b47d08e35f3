// Where the states of a solve stand (see state_layout.hpp).
#include "compiler/schedule/state_layout.hpp"

#include "compiler/schedule/solving.hpp"

namespace nodec::schedule {

std::vector<int> states_in_memory(const graph::SolveInfo& info) {
  std::vector<int> order;
  for (const bool quadratures : {false, true}) {
    for (int s = 0; s < info.state_count(); ++s)
      if (info.states[static_cast<size_t>(s)].quadrature == quadratures) order.push_back(s);
  }
  return order;
}

StateLayout::StateLayout(graph::Ref solve) {
  const graph::SolveInfo& info = solve->as<graph::SolveInfo>();
  for (size_t s = 0; s < info.states.size(); ++s) {
    types_.push_back(solve->operands[s]->type);
    quadrature_.push_back(info.states[s].quadrature);
  }
  offsets_.resize(count());
  for (const int number : states_in_memory(info)) {
    const size_t s = static_cast<size_t>(number);
    offsets_[s] = elements_;
    elements_ += size(s);
    if (!quadrature(s)) read_ = elements_;
  }
}

Location StateLayout::at(BufferId rows, size_t state) const {
  return {rows, offsets_[state], row_major(types_[state].shape)};
}

Location StateLayout::observed(BufferId rows, size_t state) const {
  Location place = at(rows, state);
  place.strides.insert(place.strides.begin(), elements_);
  return place;
}

Location StateLayout::apart(BufferId read, BufferId quadratures, size_t state) const {
  if (!quadrature(state)) return at(read, state);
  return {quadratures, offsets_[state] - read_, row_major(types_[state].shape)};
}

}  // namespace nodec::schedule
