// A model's declarations -> random data of their shapes, for measurements where there are none.
//
// Reals are N(0, 1). What a solve takes its times from is in order within (0, 1]; a single initial time is 0.
// Integers are uniform in their declared range, and 0 without one. A length that nothing binds is
// Model::default_length.
#include <algorithm>
#include <cmath>
#include <set>

#include "compiler/embed/data.hpp"
#include "runtime/random.hpp"

namespace nodec {
namespace {

// What an expression reads of the data by selecting and rearranging, or by arithmetic; not through solves.
void add_data(graph::Ref root, std::set<std::string>& names) {
  std::vector<graph::Ref> stack = {root};
  std::set<graph::Ref> seen;
  while (!stack.empty()) {
    const graph::Ref node = stack.back();
    stack.pop_back();
    if (!seen.insert(node).second || node->is(graph::Kind::part)) continue;
    if (node->is(graph::Kind::data)) names.insert(node->as<graph::Leaf>().name);
    stack.insert(stack.end(), node->operands.begin(), node->operands.end());
  }
}

struct TimeData {
  std::set<std::string> initial, later;
};

TimeData time_data(const semantics::Model& model) {
  TimeData out;
  for (const semantics::SolveUse& use : model.solves) {
    const graph::SolveInfo& info = use.node->as<graph::SolveInfo>();
    const auto operand = [&](int n) { return use.node->operands[static_cast<size_t>(n)]; };
    add_data(operand(info.t0_operand()), out.initial);
    add_data(operand(info.ts_operand()), out.later);
    add_data(operand(info.control_operand(graph::Control::stops)), out.later);
  }
  return out;
}

class Filler {
 public:
  Filler(const semantics::Model& model, uint64_t seed, std::map<std::string, int64_t> lengths)
      : times_(time_data(model)), seed_(seed), lengths_(std::move(lengths)) {}

  Array fill(const semantics::DataDecl& declared, int64_t samples) const {
    Array out;
    int64_t elements = 1;
    for (const graph::Extent& e : declared.type.shape) {
      out.shape.push_back(e.evaluate(lengths_));
      elements *= out.shape.back();
    }
    const runtime::RandomStream random(seed_, runtime::stream_of("data " + declared.name), 0);
    const int64_t copies = declared.constant ? 1 : samples;
    if (!declared.constant) out.shape.insert(out.shape.begin(), samples);
    out.values.reserve(static_cast<size_t>(copies * elements));
    for (int64_t sample = 0; sample < copies; ++sample)
      for (int64_t e = 0; e < elements; ++e)
        out.values.push_back(value(declared, random, static_cast<uint64_t>(sample), e, elements));
    return out;
  }

 private:
  double value(const semantics::DataDecl& declared, const runtime::RandomStream& random, uint64_t sample,
               int64_t e, int64_t elements) const {
    const uint64_t element = static_cast<uint64_t>(e);
    if (declared.type.element == graph::Element::integer) {
      if (lengths_.contains(declared.name)) return static_cast<double>(lengths_.at(declared.name));
      if (!declared.bounds) return 0;
      const double low = static_cast<double>(declared.bounds->first.evaluate(lengths_)),
                   high = static_cast<double>(declared.bounds->second.evaluate(lengths_));
      return low + std::floor(random.uniform(sample, element) * std::max(0.0, high - low));
    }
    const bool later = times_.later.contains(declared.name);
    if (!later && elements == 1 && times_.initial.contains(declared.name)) return 0;
    if (later || times_.initial.contains(declared.name))
      return (static_cast<double>(e) + 1 - random.uniform(sample, element)) / static_cast<double>(elements);
    return random.normal(sample, element);
  }

  TimeData times_;
  uint64_t seed_;
  std::map<std::string, int64_t> lengths_;
};

}  // namespace

std::set<std::string> embed::read_by_times(const semantics::Model& model) {
  TimeData times = time_data(model);
  times.later.merge(times.initial);
  return times.later;
}

Result<Dataset> Model::random_data(int64_t samples) const try {
  const Options& options = state->program->options;
  std::map<std::string, int64_t> lengths;
  for (const std::string& name : state->model.lengths) lengths[name] = default_length;
  // Lengths of extents that no declaration names (a quotient of others) follow from those.
  const Filler filler(state->model, options.seed, lengths);
  Arrays arrays;
  for (const semantics::DataDecl& declared : state->model.data)
    arrays[declared.name] = filler.fill(declared, samples);
  return bind(arrays, samples > 0 && state->model.data.empty() ? samples : 0);
} catch (...) {
  return Result<Dataset>::failed({embed::caught()});
}

}  // namespace nodec
