// A model, its options -> a Prepared; and its runs.
#include "compiler/embed/prepared.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>
#include <numeric>

namespace nodec::embed {
namespace {

bool has_prefix(std::string_view text, std::string_view prefix) { return text.starts_with(prefix); }

int64_t product(std::span<const int64_t> shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

StatusCode code_of(int32_t failure) {
  switch (static_cast<runtime::Failure>(failure)) {
    case runtime::Failure::none:
      return StatusCode::done;
    case runtime::Failure::step_underflow:
      return StatusCode::step_underflow;
    case runtime::Failure::not_finite:
      return StatusCode::not_finite;
    case runtime::Failure::step_limit:
      return StatusCode::step_limit;
    case runtime::Failure::index_out_of_range:
      return StatusCode::index_out_of_range;
    case runtime::Failure::times_not_monotone:
      return StatusCode::times_not_monotone;
  }
  return StatusCode::not_finite;
}

template <class Real>
void fill_not_a_number(std::byte* at, int64_t first, int64_t count) {
  std::fill_n(reinterpret_cast<Real*>(at) + first, count, std::numeric_limits<Real>::quiet_NaN());
}

}  // namespace

void Prepared::own(runtime::AlignedMemory& memory, size_t elements) const {
  const size_t bytes = std::max<size_t>(1, elements) * real_bytes();
  if (!memory.reserve(bytes)) throw std::bad_alloc();
  std::memset(memory.data(), 0, memory.bytes());
}

void Prepared::allocate(Block& block, std::vector<int64_t> shape, bool by_sample) const {
  block.elements = product(shape);
  block.by_sample = by_sample;
  block.size = by_sample ? block.elements * rows_ : block.elements;
  block.shape = std::move(shape);
  if (by_sample && sample_axis_) block.shape.insert(block.shape.begin(), rows_);
  own(block.own, static_cast<size_t>(block.size));
  block.at = block.own.data();
}

const runtime::Parameter* Prepared::parameter(std::string_view path) const noexcept {
  for (const runtime::Parameter& p : layout_)
    if (p.path == path) return &p;
  return nullptr;
}

const Block* Prepared::result(Operation operation, std::string_view prefix,
                              std::string_view name) const noexcept {
  const Run* run = runs_[static_cast<size_t>(operation)].get();
  if (!run) return nullptr;
  for (const std::unique_ptr<Block>& block : run->results) {
    const std::string_view own = block->name;
    if (own.size() == prefix.size() + name.size() && own.starts_with(prefix) && own.ends_with(name))
      return block.get();
  }
  return nullptr;
}

Block* Prepared::per_sample_output(std::string_view name) noexcept {
  const Run* run = runs_[static_cast<size_t>(Operation::solve)].get();
  if (!run) return nullptr;
  for (Block* block : run->outputs)
    if (block->name == name) return block;
  return nullptr;
}

const Block* Prepared::parameter_result(Operation operation) const noexcept {
  const Run* run = runs_[static_cast<size_t>(operation)].get();
  return run ? run->parameters.get() : nullptr;
}

double Prepared::total(std::string_view prefix, std::string_view name) const noexcept {
  constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
  if (!last_loss_) return unknown;
  const Operation operation = last_loss_ == runs_[0].get() ? Operation::solve : Operation::gradient;
  const Block* block = result(operation, prefix, name);
  if (!block) return unknown;
  return double_precision_ ? *reinterpret_cast<const double*>(block->at)
                           : static_cast<double>(*reinterpret_cast<const float*>(block->at));
}

int64_t Prepared::bytes() const noexcept {
  size_t bytes = parameters_.own.bytes() + parameter_tangent_.own.bytes();
  for (const auto* blocks : {&data_, &cotangents_, &data_tangents_})
    for (const std::unique_ptr<Block>& block : *blocks) bytes += block->own.bytes();
  for (const std::unique_ptr<Run>& run : runs_) {
    if (!run) continue;
    bytes += run->totals.bytes() + static_cast<size_t>(run->scheduler->workspace_bytes());
    for (const std::unique_ptr<Block>& block : run->results) bytes += block->own.bytes();
  }
  return static_cast<int64_t>(bytes);
}

// --- Preparation
// ---------------------------------------------------------------------------------------------

Prepared::Source Prepared::source_of(const std::string& slot) const {
  constexpr std::string_view cotangent = "cotangent:", parameter_tangent = "tangent:param:",
                             data_tangent = "tangent:data:";
  if (has_prefix(slot, parameter_tangent))
    return {&parameter_tangent_,
            static_cast<size_t>(parameter(std::string_view(slot).substr(parameter_tangent.size()))->offset) *
                real_bytes()};
  if (has_prefix(slot, cotangent)) return {find(cotangents_, slot.substr(cotangent.size())), 0};
  if (has_prefix(slot, data_tangent)) return {find(data_tangents_, slot.substr(data_tangent.size())), 0};
  return {find(data_, slot), 0};
}

// Where results go: those of each sample to blocks of their own, others stay among the totals.
void Prepared::lay_out_results(Run& run) {
  const auto evaluated = [&](const std::vector<graph::Extent>& shape) {
    std::vector<int64_t> out;
    for (const graph::Extent& e : shape) out.push_back(e.evaluate(lengths_));
    return out;
  };
  const std::vector<schedule::Interface::Result>& results = run.unit->interface.results;
  int64_t end = 0;
  size_t slots = 0;
  for (const schedule::Interface::Result& r : results) {
    if (r.per_sample)
      slots = std::max(slots, static_cast<size_t>(r.slot) + 1);
    else
      end = std::max(end, r.offset.evaluate(lengths_) + product(evaluated(r.shape)));
  }
  own(run.totals, static_cast<size_t>(end));
  run.outputs.resize(slots);
  run.output_pointers.resize(slots);
  for (const schedule::Interface::Result& r : results) {
    auto block = std::make_unique<Block>();
    block->name = r.name;
    std::vector<int64_t> shape = evaluated(r.shape);
    const bool data_result = has_prefix(r.name, "data:");
    const bool sum = has_prefix(r.name, "mean:") || has_prefix(r.name, "metric:") ||
                     has_prefix(r.name, "param:") ||
                     (data_result && !find(data_, std::string_view(r.name).substr(5))->by_sample);
    if (r.per_sample) {
      allocate(*block, std::move(shape), true);
      run.outputs[static_cast<size_t>(r.slot)] = block.get();
    } else {
      std::byte* at = run.totals.data() + static_cast<size_t>(r.offset.evaluate(lengths_)) * real_bytes();
      if (sum || rows_ == 1) {
        block->elements = block->size = product(shape);
        block->shape = std::move(shape);
        if (!sum && sample_axis_) block->shape.insert(block->shape.begin(), 1);
        block->at = at;
      } else {
        allocate(*block, std::move(shape), true);
        run.copies.push_back({at, block->at, static_cast<size_t>(block->elements) * real_bytes(), rows_});
      }
    }
    if (sum)
      run.sums.push_back(block.get());
    else if (data_result)
      run.data_results.push_back(block.get());
    run.results.push_back(std::move(block));
  }
}

// The parameters' results as one vector, where the totals do not hold them as one already.
void Prepared::gather_parameters(Run& run) {
  std::vector<std::pair<const runtime::Parameter*, const Block*>> pieces;
  for (const std::unique_ptr<Block>& block : run.results)
    if (has_prefix(block->name, "param:"))
      pieces.emplace_back(parameter(std::string_view(block->name).substr(6)), block.get());
  if (pieces.empty()) return;
  run.parameters = std::make_unique<Block>();
  Block& all = *run.parameters;
  const std::byte* base = pieces[0].second->at - static_cast<size_t>(pieces[0].first->offset) * real_bytes();
  const bool whole = std::all_of(pieces.begin(), pieces.end(), [&](const auto& piece) {
    return piece.second->at == base + static_cast<size_t>(piece.first->offset) * real_bytes();
  });
  all.shape = parameters_.shape;
  all.elements = all.size = parameters_.size;
  if (whole) {
    all.at = pieces[0].second->at - static_cast<size_t>(pieces[0].first->offset) * real_bytes();
    return;
  }
  own(all.own, static_cast<size_t>(all.size));
  all.at = all.own.data();
  for (const auto& [parameter, block] : pieces)
    run.copies.push_back({block->at, all.at + static_cast<size_t>(parameter->offset) * real_bytes(),
                          static_cast<size_t>(parameter->size) * real_bytes(), 1});
}

std::unique_ptr<Prepared::Run> Prepared::make_run(std::shared_ptr<const Unit> unit, const Options& options,
                                                  int threads) {
  auto run = std::make_unique<Run>(std::move(unit));
  const schedule::Interface& interface = run->unit->interface;
  for (const std::string& atom : interface.lengths)
    run->lengths.push_back(graph::Extent::length(atom).evaluate(lengths_));
  for (const schedule::Interface::Data& slot : interface.data) {
    run->sources.push_back(source_of(slot.name));
    const Block& block = *run->sources.back().block;
    run->strides.push_back(block.by_sample ? block.elements : 0);
    run->data.push_back(nullptr);
  }
  for (const schedule::Interface::Noise& n : interface.noise)
    run->noise.push_back({static_cast<uint64_t>(n.stream),
                          n.distribution == graph::Distribution::normal ? runtime::NoiseKind::normal
                                                                        : runtime::NoiseKind::uniform,
                          n.size.evaluate(lengths_)});
  own(run->settings, interface.settings.size());
  for (size_t i = 0; i < interface.settings.size(); ++i) {
    const std::string& name = interface.settings[i];
    const double value = name == "batch" || name == "samples" ? static_cast<double>(rows_) : 0;
    if (double_precision_)
      reinterpret_cast<double*>(run->settings.data())[i] = value;
    else
      reinterpret_cast<float*>(run->settings.data())[i] = static_cast<float>(value);
  }
  lay_out_results(*run);
  gather_parameters(*run);
  runtime::Batch& batch = run->batch;
  batch.samples = samples_;
  batch.data = run->data;
  batch.strides = run->strides;
  batch.settings = run->settings.data();
  batch.lengths = run->lengths;
  batch.outputs = run->output_pointers;
  batch.totals = run->totals.data();
  batch.noise = run->noise;
  batch.seed = options.seed;
  run->scheduler = std::make_unique<runtime::Scheduler>(scheduler_code(*run->unit, double_precision_),
                                                        threads, 0, options.pooled);
  if (!run->scheduler->reserve(batch)) throw std::bad_alloc();
  return run;
}

namespace {

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

// What is wrong with the names and numbers of the options, "" if nothing is.
std::string problem_with(const Model::State& model, const PrepareOptions& options) {
  if (options.samples && *options.samples < 1) return "a run has at least one sample";
  if (!model.field.empty() && !options.shared.empty())
    return "the model that integrates a field has no data that samples share";
  std::vector<std::string> lengths;
  for (const std::string& name : model.model.lengths)
    if (!graph::as_floor_quotient(name)) lengths.push_back(name);
  for (const std::string& name : lengths) {
    const auto given = options.lengths.find(name);
    if (given == options.lengths.end()) return "give the length '" + name + "', which data are to have";
    if (given->second < 0) return "the length '" + name + "' is negative";
  }
  for (const auto& [name, value] : options.lengths)
    if (std::find(lengths.begin(), lengths.end(), name) == lengths.end())
      return "model " + model.model.name + " has no length '" + name + "'" +
             (lengths.empty() ? "" : " (it has " + listed(lengths) + ")");
  std::vector<std::string> all, real;
  for (const semantics::DataDecl& d : model.model.data) {
    all.push_back(d.name);
    if (d.type.element == graph::Element::real) real.push_back(d.name);
  }
  for (const std::string& name : options.shared)
    if (std::find(all.begin(), all.end(), name) == all.end())
      return "model " + model.model.name + " has no datum '" + name + "'" +
             (all.empty() ? "" : " (it has " + listed(all) + ")");
  if (options.of_data)
    for (const std::string& name : *options.of_data)
      if (std::find(real.begin(), real.end(), name) == real.end())
        return "model " + model.model.name + " has no real datum '" + name + "'" +
               (real.empty() ? "" : " (it has " + listed(real) + ")");
  if (options.gradient && !model.model.loss)
    return "model " + model.model.name + " has no loss to differentiate";
  return "";
}

// Arrays of the declared shapes, so that binding them checks all that it checks of others.
Arrays least_data(const semantics::Model& model, const PrepareOptions& options) {
  Arrays arrays;
  for (const semantics::DataDecl& d : model.data) {
    Array& array = arrays[d.name];
    for (const graph::Extent& e : d.type.shape) array.shape.push_back(e.evaluate(options.lengths));
    if (!d.constant && !options.shared.count(d.name))
      array.shape.insert(array.shape.begin(), options.samples.value_or(1));
    double value = d.bounds ? static_cast<double>(d.bounds->first.evaluate(options.lengths)) : 0;
    if (const auto length = options.lengths.find(d.name); length != options.lengths.end())
      value = static_cast<double>(length->second);
    array.values.assign(static_cast<size_t>(product(array.shape)), value);
  }
  return arrays;
}

}  // namespace

std::unique_ptr<Prepared> Prepared::make(const Model& model, const PrepareOptions& given,
                                         std::vector<Diagnostic>& diagnostics) {
  const Model::State& state = *model.state;
  const Options& options = state.program->options;
  if (const std::string problem = problem_with(state, given); !problem.empty()) {
    diagnostics.push_back(plain(Severity::error, "cannot_prepare", problem));
    return nullptr;
  }
  const bool no_sampled_data =
      std::all_of(state.model.data.begin(), state.model.data.end(),
                  [&](const semantics::DataDecl& d) { return d.constant || given.shared.count(d.name) > 0; });
  Result<Dataset> bound =
      model.bind(least_data(state.model, given), no_sampled_data ? given.samples.value_or(1) : 0);
  const Result<Arrays> initial =
      given.weights.empty() ? model.initial_weights() : Result<Arrays>(given.weights);
  if (!bound || !initial) {
    const std::vector<Diagnostic>& why = bound ? initial.diagnostics() : bound.diagnostics();
    diagnostics.insert(diagnostics.end(), why.begin(), why.end());
    return nullptr;
  }
  const Result<std::vector<double>> weights = parameter_values(state.model, *initial);
  diagnostics.insert(diagnostics.end(), weights.diagnostics().begin(), weights.diagnostics().end());
  if (!weights) return nullptr;

  std::unique_ptr<Prepared> made(new Prepared());
  const Dataset::State& data = *bound->state;
  made->double_precision_ = options.precision == Precision::f64;
  made->sample_axis_ = given.samples.has_value();
  made->rows_ = given.samples.value_or(1);
  made->samples_.resize(static_cast<size_t>(made->rows_));
  std::iota(made->samples_.begin(), made->samples_.end(), 0);
  for (size_t i = 0; i < data.binding.length_names.size(); ++i)
    made->lengths_[data.binding.length_names[i]] = data.binding.lengths[i];
  made->layout_ = parameter_layout(state.model);
  made->parameters_.name = "parameters";
  made->allocate(made->parameters_, {runtime::parameter_count(made->layout_)}, false);
  for (size_t i = 0; i < weights->size(); ++i) {
    if (made->double_precision_)
      reinterpret_cast<double*>(made->parameters_.at)[i] = (*weights)[i];
    else
      reinterpret_cast<float*>(made->parameters_.at)[i] = static_cast<float>((*weights)[i]);
  }
  if (given.jvp && given.of_parameters)
    made->allocate(made->parameter_tangent_, made->parameters_.shape, false);
  const auto shape_of = [&](const graph::Type& type) {
    std::vector<int64_t> shape;
    for (const graph::Extent& e : type.shape) shape.push_back(e.evaluate(made->lengths_));
    return shape;
  };
  const Selection selection{given.of_parameters, given.of_data};
  Selection tangents = selection;
  if (given.jvp && !given.of_data) {
    const std::set<std::string> times = read_by_times(state.model);
    tangents.data.emplace();
    for (const semantics::DataDecl& d : state.model.data)
      if (d.type.element == graph::Element::real && !times.count(d.name)) tangents.data->insert(d.name);
  }
  for (const semantics::DataDecl& d : state.model.data) {
    const bool by_sample = !data.shared.count(d.name);
    Block& block = *made->data_.emplace_back(std::make_unique<Block>());
    block.name = d.name;
    made->allocate(block, shape_of(d.type), by_sample);
    if (d.type.element == graph::Element::integer) {
      const double exact = made->double_precision_ ? 0x1p53 : 0x1p24;
      block.integer = true;
      block.low = d.bounds ? static_cast<double>(d.bounds->first.evaluate(made->lengths_)) : -exact;
      block.high = d.bounds ? static_cast<double>(d.bounds->second.evaluate(made->lengths_)) : exact + 1;
      if (const auto length = given.lengths.find(d.name); length != given.lengths.end())
        block.low = static_cast<double>(length->second), block.high = block.low + 1;
      const double first = block.low == -exact ? 0 : block.low;
      for (int64_t i = 0; i < block.size; ++i) {
        if (made->double_precision_)
          reinterpret_cast<double*>(block.at)[i] = first;
        else
          reinterpret_cast<float*>(block.at)[i] = static_cast<float>(first);
      }
    } else if (given.jvp && tangents.has(d.name)) {
      Block& tangent = *made->data_tangents_.emplace_back(std::make_unique<Block>());
      tangent.name = d.name;
      made->allocate(tangent, shape_of(d.type), by_sample);
    }
  }
  if (given.vjp)
    for (const graph::Output& output : state.model.outputs)
      if (output.value->type.element == graph::Element::real) {
        Block& cotangent = *made->cotangents_.emplace_back(std::make_unique<Block>());
        cotangent.name = output.name;
        made->allocate(cotangent, shape_of(output.value->type), true);
      }

  const FormChoice form = choose_form(state.model, options, made->rows_);
  const auto prepare = [&](Operation operation, Mode mode, bool asked, const Selection& of) {
    if (!asked) return true;
    std::shared_ptr<const Unit> unit = state.unit(data.shared, mode, form, false, diagnostics, of);
    if (!unit) return false;
    made->runs_[static_cast<size_t>(operation)] = made->make_run(std::move(unit), options, given.threads);
    return true;
  };
  const bool good = prepare(Operation::solve, Mode::forward, given.solve, {}) &&
                    prepare(Operation::gradient, Mode::inputs, given.gradient, selection) &&
                    prepare(Operation::vjp, Mode::vjp, given.vjp, selection) &&
                    prepare(Operation::jvp, Mode::jvp, given.jvp, tangents);
  return good ? std::move(made) : nullptr;
}

// --- Runs
// ----------------------------------------------------------------------------------------------------

template <class Real>
Status Prepared::integers_valid(const Block& block) const noexcept {
  const Real* values = reinterpret_cast<const Real*>(block.at);
  for (int64_t i = 0; i < block.size; ++i) {
    const double value = static_cast<double>(values[i]);
    const bool whole = std::trunc(value) == value;
    if (whole && value >= block.low && value < block.high) continue;
    return {whole ? StatusCode::integer_out_of_range : StatusCode::not_an_integer,
            block.elements > 0 ? i / block.elements : 0, 1};
  }
  return {};
}

Status Prepared::integers_valid() const noexcept {
  for (const std::unique_ptr<Block>& block : data_) {
    if (!block->integer) continue;
    const Status status = double_precision_ ? integers_valid<double>(*block) : integers_valid<float>(*block);
    if (!status) return status;
  }
  return {};
}

void Prepared::forget(Run& run, int64_t row) noexcept {
  const auto fill = double_precision_ ? fill_not_a_number<double> : fill_not_a_number<float>;
  for (Block* block : run.sums) fill(block->at, 0, block->size);
  for (Block* block : run.data_results) fill(block->at, row * block->elements, block->elements);
}

Status Prepared::status_of(Run& run) noexcept {
  Status status;
  const std::span<const runtime::Status> rows = run.scheduler->status();
  for (size_t row = 0; row < rows.size(); ++row) {
    if (rows[row].code == 0) continue;
    if (status.failed++ == 0) {
      status.code = code_of(rows[row].code);
      status.sample = static_cast<int64_t>(row);
    }
    forget(run, static_cast<int64_t>(row));
  }
  return status;
}

Status Prepared::run(Operation operation) noexcept {
  Run* run = runs_[static_cast<size_t>(operation)].get();
  if (!run) return {StatusCode::not_prepared};
  if (const Status status = integers_valid(); !status) return status;
  for (size_t i = 0; i < run->sources.size(); ++i)
    run->data[i] = run->sources[i].block->at + run->sources[i].offset;
  for (size_t i = 0; i < run->outputs.size(); ++i) run->output_pointers[i] = run->outputs[i]->at;
  run->batch.parameters = parameters_.at;
  run->batch.cancel = cancel_;
  run->batch.step = noise_;
  runtime::RunState ran = runtime::RunState::out_of_memory;
  try {
    ran = run->scheduler->run(run->batch);
  } catch (const std::bad_alloc&) {
    return {StatusCode::out_of_memory};
  }
  if (ran == runtime::RunState::canceled) return {StatusCode::canceled};
  if (ran == runtime::RunState::out_of_memory) return {StatusCode::out_of_memory};
  last_ = run;
  if (operation == Operation::solve || operation == Operation::gradient) last_loss_ = run;
  const Status status = status_of(*run);
  for (const Copy& copy : run->copies)
    for (int64_t n = 0; n < copy.times; ++n)
      std::memcpy(copy.to + static_cast<size_t>(n) * copy.bytes, copy.from, copy.bytes);
  return status;
}

std::vector<SampleFailure> Prepared::failures() const {
  std::vector<SampleFailure> list;
  if (!last_) return list;
  for (const runtime::Failed& f : last_->scheduler->failures())
    list.push_back({f.row, describe(last_->unit->interface, f.row, f.status)});
  return list;
}

}  // namespace nodec::embed
