// A part of a training run to what a checkpoint holds of it, and back.
#include <cmath>

#include "compiler/embed/training_part.hpp"

namespace nodec::embed {
namespace {

runtime::Trait data_trait(const std::string& name, const Dataset& data) {
  runtime::Digest digest;
  const runtime::Binding& binding = data.state->binding;
  digest.add(static_cast<uint64_t>(data.samples()));
  for (const runtime::BoundArray& array : binding.arrays) {
    digest.add(array.name);
    digest.add(uint64_t{array.shared});
    for (const int64_t extent : array.shape) digest.add(static_cast<uint64_t>(extent));
    digest.add(array.values.stored());
  }
  digest.add(std::as_bytes(std::span(binding.lengths)));
  digest.add(std::as_bytes(std::span(binding.sample_lengths)));
  return {name, digest.text(), true};
}

// What the model computes: the hashes of its expressions, its parameters and their intervals.
runtime::Trait model_trait(const semantics::Model& model) {
  runtime::Digest digest;
  digest.add(model.loss->hash);
  for (const graph::Output& metric : model.metrics) digest.add(metric.value->hash);
  for (const semantics::ParameterDecl& p : model.parameters) {
    digest.add(p.path);
    digest.add(p.type.text());
    const double ends[] = {p.interval ? p.interval->lo : -INFINITY, p.interval ? p.interval->hi : INFINITY};
    digest.add(std::as_bytes(std::span(ends)));
  }
  return {"model " + model.name, digest.text(), true};
}

runtime::Array text_array(const std::string& text) {
  const std::span<const std::byte> bytes = std::as_bytes(std::span(text));
  return {{static_cast<int64_t>(bytes.size())}, runtime::Element::u8, {bytes.begin(), bytes.end()}};
}

bool read_doubles(const runtime::Arrays& state, const std::string& name, size_t size,
                  std::vector<double>& out) {
  const runtime::Array* array = state.find(name);
  if (!array || array->element != runtime::Element::f64 || static_cast<size_t>(array->size()) != size)
    return false;
  out.resize(size);
  for (size_t i = 0; i < size; ++i) out[i] = array->real(static_cast<int64_t>(i));
  return true;
}

}  // namespace

std::vector<runtime::Trait> TrainingPart::traits() const {
  const semantics::Model& model = part_.model.state->model;
  const std::string of = " of model " + model.name;
  std::vector<runtime::Trait> list = {model_trait(model), data_trait("the training data" + of, part_.data)};
  if (part_.validation) list.push_back(data_trait("the validation data" + of, *part_.validation));
  list.push_back({"the batch" + of, std::to_string(batch_)});
  for (runtime::Trait& trait : plan_.traits(model.name)) list.push_back(std::move(trait));
  return list;
}

void TrainingPart::save(runtime::Arrays& state) const {
  const std::string prefix = name() + "/";
  const runtime::Optimizer::State& optimizer = optimizer_.state();
  const int64_t size = static_cast<int64_t>(optimizer.first.size());
  const int64_t steps[] = {optimizer.steps};
  state.add(prefix + "steps", runtime::Array::of({1}, std::span<const int64_t>(steps)));
  state.add(prefix + "first", runtime::Array::of({size}, std::span<const double>(optimizer.first)));
  state.add(prefix + "second", runtime::Array::of({size}, std::span<const double>(optimizer.second)));
  std::vector<double> points, gradients;
  for (const runtime::Lbfgs::Pair& pair : lbfgs_.pairs()) {
    points.insert(points.end(), pair.point.begin(), pair.point.end());
    gradients.insert(gradients.end(), pair.gradient.begin(), pair.gradient.end());
  }
  const int64_t pairs = static_cast<int64_t>(lbfgs_.pairs().size());
  const std::vector<int64_t> shape = {pairs, pairs > 0 ? static_cast<int64_t>(points.size()) / pairs : 0};
  state.add(prefix + "points", runtime::Array::of(shape, std::span<const double>(points)));
  state.add(prefix + "gradients", runtime::Array::of(shape, std::span<const double>(gradients)));
  state.add(prefix + "finished", text_array(lbfgs_finished_));
}

bool TrainingPart::restore(const runtime::Arrays& state) {
  const std::string prefix = name() + "/";
  runtime::Optimizer::State optimizer = optimizer_.state();
  const size_t size = optimizer.first.size();
  const runtime::Array* steps = state.find(prefix + "steps");
  const runtime::Array* points = state.find(prefix + "points");
  const runtime::Array* finished = state.find(prefix + "finished");
  if (!steps || steps->size() != 1 || !points || points->shape.size() != 2 || !finished ||
      !read_doubles(state, prefix + "first", size, optimizer.first) ||
      !read_doubles(state, prefix + "second", size, optimizer.second))
    return false;
  optimizer.steps = steps->integer(0).value_or(0);
  std::vector<double> all_points, all_gradients;
  const size_t elements = static_cast<size_t>(points->size());
  if (!read_doubles(state, prefix + "points", elements, all_points) ||
      !read_doubles(state, prefix + "gradients", elements, all_gradients))
    return false;
  int64_t moved = 0;
  for (const auto& ranges : ranges_)
    for (const runtime::ParameterRange& range : ranges) moved += range.size;
  if (points->shape[0] > 0 && points->shape[1] != moved) return false;
  std::vector<runtime::Lbfgs::Pair> pairs;
  const std::ptrdiff_t width = points->shape[1];
  for (std::ptrdiff_t p = 0; p < points->shape[0]; ++p)
    pairs.push_back({{all_points.begin() + p * width, all_points.begin() + (p + 1) * width},
                     {all_gradients.begin() + p * width, all_gradients.begin() + (p + 1) * width}});
  optimizer_.restore(std::move(optimizer));
  lbfgs_.restore(std::move(pairs));
  lbfgs_finished_.assign(reinterpret_cast<const char*>(finished->bytes.data()), finished->bytes.size());
  return true;
}

}  // namespace nodec::embed
