#include "compiler/embed/run.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

namespace nodec::embed {

runtime::Code scheduler_code(const Unit& unit, bool double_precision) {
  runtime::Code code;
  code.sizes = unit.code.sizes;
  code.prologue = unit.code.prologue;
  code.pool = unit.code.pool;
  code.part = unit.code.part;
  code.epilogue = unit.code.epilogue;
  code.lanes = unit.lanes;
  code.double_precision = double_precision;
  code.tapes = unit.interface.tapes;
  code.solves = static_cast<int>(unit.interface.solves.size());
  code.lengths = static_cast<int>(unit.interface.lengths.size());
  return code;
}

namespace {

double setting_value(const std::string& name, const Settings& settings, int64_t rows) {
  if (name == "step") return settings.step;
  if (name == "epoch") return settings.epoch;
  if (name == "samples") return settings.samples;
  if (name == "training") return settings.training;
  return name == "batch" ? static_cast<double>(rows) : 0;
}

int64_t product(const std::vector<int64_t>& shape) {
  int64_t n = 1;
  for (const int64_t e : shape) n *= e;
  return n;
}

std::string number(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", x);
  return text;
}

// What is wrong with the times of a solve.
std::string disorder(const std::string& field, const runtime::Status& s) {
  const std::string which = s.steps < 0 ? "the initial time" : "observation time " + std::to_string(s.steps);
  const std::string what = which + " of solve " + field + " is " + number(s.t);
  if (!std::isfinite(s.t)) return what;
  return what + ", after " + number(s.h) + ": the times of a solve run in one direction";
}

}  // namespace

std::string describe(const schedule::Interface& interface, int64_t sample, const runtime::Status& s) {
  const std::string who = "sample " + std::to_string(sample) + ": ";
  const runtime::Failure failure = static_cast<runtime::Failure>(s.code);
  if (failure == runtime::Failure::index_out_of_range)
    return interface.places[static_cast<size_t>(s.solve)] + ": numerical failure: " + who + "index " +
           std::to_string(s.steps) + " is out of range";
  const schedule::Interface::Solve& solve = interface.solves[static_cast<size_t>(s.solve)];
  if (failure == runtime::Failure::times_not_monotone)
    return solve.place + ": numerical failure: " + who + disorder(solve.field, s);
  const bool known = s.state >= 0 && static_cast<size_t>(s.state) < solve.elements.size();
  const std::string place = known ? solve.places[static_cast<size_t>(s.state)] : solve.place;
  const std::string state = known ? "state " + solve.elements[static_cast<size_t>(s.state)] : "the state";
  const std::string when = " of solve " + solve.field + " at t = " + number(s.t) + " (step " +
                           std::to_string(s.steps) + ", h = " + number(s.h) + ")";
  switch (failure) {
    case runtime::Failure::step_underflow:
      return place + ": numerical failure: " + who + "the step size underflows in " + state + when +
             ": the solution may blow up there or be stiff; a looser tolerance or a change of the equation "
             "helps";
    case runtime::Failure::not_finite:
      return place + ": numerical failure: " + who + state + " is not finite" + when +
             ": the equation may leave its domain (a division by zero, the logarithm or root of a negative "
             "number) or blow up";
    case runtime::Failure::step_limit:
      return place + ": numerical failure: " + who + "the step limit is reached in " + state + when +
             ": the equation may be stiff; raise max_steps or loosen the tolerance";
    default:
      return place + ": numerical failure: " + who + "failed" + when;
  }
}

Diagnostic run_failure(runtime::RunState state) {
  return plain(
      Severity::error, state == runtime::RunState::canceled ? "canceled" : "out_of_memory",
      state == runtime::RunState::canceled
          ? "the run was canceled"
          : "out of memory for the steps of the solves; use fewer samples a call, or `adjoint backsolve`");
}

Runner::Runner(std::shared_ptr<const Unit> unit, const Dataset::State& data, bool double_precision,
               int threads, uint64_t seed, bool pooled)
    : unit_(std::move(unit)),
      data_(data),
      double_precision_(double_precision),
      seed_(seed),
      parameters_(double_precision),
      settings_(double_precision),
      totals_(double_precision),
      scheduler_(scheduler_code(*unit_, double_precision), threads, 0, pooled) {
  const schedule::Interface& interface = unit_->interface;
  const runtime::Binding& binding = data.binding;
  for (size_t i = 0; i < binding.length_names.size(); ++i)
    lengths_[binding.length_names[i]] = binding.lengths[i];
  for (const std::string& atom : interface.lengths)
    length_values_.push_back(graph::Extent::length(atom).evaluate(lengths_));
  if (!binding.sample_lengths.empty()) {
    const size_t have = binding.length_names.size();
    std::map<std::string, int64_t> own;
    for (int64_t s = 0; s < binding.samples; ++s) {
      for (size_t i = 0; i < have; ++i)
        own[binding.length_names[i]] = binding.sample_lengths[static_cast<size_t>(s) * have + i];
      for (const std::string& atom : interface.lengths)
        sample_lengths_.push_back(graph::Extent::length(atom).evaluate(own));
    }
  }
  for (const schedule::Interface::Data& slot : interface.data)
    for (const runtime::BoundArray& array : binding.arrays)
      if (array.name == slot.name) {
        sources_.push_back(&array.values);
        strides_.push_back(array.shared ? 0 : array.stride);
        data_pointers_.push_back(array.values.data());
        staged_ |= !array.values.has_address();
      }
  if (staged_) stages_.resize(sources_.size(), runtime::Reals(double_precision));
  for (const schedule::Interface::Noise& n : interface.noise)
    noise_.push_back({static_cast<uint64_t>(n.stream),
                      n.distribution == graph::Distribution::normal ? runtime::NoiseKind::normal
                                                                    : runtime::NoiseKind::uniform,
                      n.size.evaluate(lengths_)});
  int64_t parameter_end = 0, total_end = 0;
  for (const schedule::Interface::Parameter& p : interface.parameters)
    parameter_end = std::max(parameter_end, p.offset + p.size);
  for (const schedule::Interface::Result& r : interface.results) {
    if (r.per_sample)
      outputs_.emplace_back(double_precision);
    else
      total_end = std::max(total_end, r.offset.evaluate(lengths_) + product(shape_of(r.shape)));
  }
  parameters_.resize(static_cast<size_t>(parameter_end));
  settings_.resize(interface.settings.size());
  totals_.resize(static_cast<size_t>(total_end));
  output_pointers_.resize(outputs_.size());
}

std::vector<int64_t> Runner::shape_of(const std::vector<graph::Extent>& shape) const {
  std::vector<int64_t> out;
  for (const graph::Extent& e : shape) out.push_back(e.evaluate(lengths_));
  return out;
}

void Runner::stage(std::span<const int64_t> rows) {
  for (size_t slot = 0; slot < sources_.size(); ++slot) {
    const size_t stride = static_cast<size_t>(strides_[slot]);
    if (stride == 0) continue;
    runtime::Reals& stage = stages_[slot];
    if (stage.size() < rows.size() * stride) stage.resize(rows.size() * stride);
    for (size_t row = 0; row < rows.size(); ++row)
      sources_[slot]->read(static_cast<size_t>(rows[row]) * stride, stride, stage.at(row * stride));
    data_pointers_[slot] = stage.data();
  }
  staged_lengths_.clear();
  const size_t lengths = length_values_.size();
  if (!sample_lengths_.empty())
    for (const int64_t row : rows) {
      const auto first = sample_lengths_.begin() + row * static_cast<int64_t>(lengths);
      staged_lengths_.insert(staged_lengths_.end(), first, first + static_cast<int64_t>(lengths));
    }
  while (staged_rows_.size() < rows.size()) staged_rows_.push_back(static_cast<int64_t>(staged_rows_.size()));
}

runtime::RunState Runner::run(std::span<const int64_t> rows, const std::vector<double>& parameters,
                              const Settings& settings, std::span<const int64_t> identities,
                              runtime::Recorded* record, const runtime::Recorded* replay) {
  const schedule::Interface& interface = unit_->interface;
  rows_ = static_cast<int64_t>(rows.size());
  for (const schedule::Interface::Parameter& p : interface.parameters)
    parameters_.set(
        static_cast<size_t>(p.offset),
        std::span(parameters).subspan(static_cast<size_t>(p.offset), static_cast<size_t>(p.size)));
  for (size_t i = 0; i < interface.settings.size(); ++i)
    settings_.set(i, setting_value(interface.settings[i], settings, rows_));
  for (const schedule::Interface::Result& r : interface.results) {
    if (!r.per_sample) continue;
    runtime::Reals& output = outputs_[static_cast<size_t>(r.slot)];
    const size_t size = static_cast<size_t>(rows_ * product(shape_of(r.shape)));
    if (output.size() < size) output.resize(size);
    output_pointers_[static_cast<size_t>(r.slot)] = output.data();
  }
  runtime::Batch batch;
  if (staged_) stage(rows);
  batch.samples = staged_ ? std::span<const int64_t>(staged_rows_).first(rows.size()) : rows;
  batch.identities = staged_ && identities.empty() ? rows : identities;
  batch.parameters = parameters_.data();
  batch.data = data_pointers_;
  batch.strides = strides_;
  batch.settings = settings_.data();
  batch.lengths = length_values_;
  batch.sample_lengths = staged_ ? staged_lengths_ : sample_lengths_;
  batch.outputs = output_pointers_;
  batch.totals = totals_.data();
  batch.noise = noise_;
  batch.seed = seed_;
  batch.step = settings.noise;
  return scheduler_.run(batch, record, replay);
}

Array Runner::total(const std::string& name) const {
  for (const schedule::Interface::Result& r : unit_->interface.results) {
    if (r.name != name || r.per_sample) continue;
    Array out{shape_of(r.shape), {}};
    out.values.resize(static_cast<size_t>(product(out.shape)));
    read_total(name, out.values.data());
    return out;
  }
  return {};
}

double Runner::total_scalar(const std::string& name) const {
  double value = std::numeric_limits<double>::quiet_NaN();
  read_total(name, &value);
  return value;
}

void Runner::read_total(const std::string& name, double* out) const {
  for (const schedule::Interface::Result& r : unit_->interface.results) {
    if (r.name != name || r.per_sample) continue;
    const int64_t first = r.offset.evaluate(lengths_), count = product(shape_of(r.shape));
    totals_.get(static_cast<size_t>(first), std::span(out, static_cast<size_t>(count)));
  }
}

Array Runner::per_sample(const schedule::Interface::Result& result) const {
  Array out{shape_of(result.shape), {}};
  const int64_t elements = product(out.shape);
  out.shape.insert(out.shape.begin(), rows_);
  out.values.resize(static_cast<size_t>(rows_ * elements));
  if (result.per_sample) {
    const runtime::Reals& output = outputs_[static_cast<size_t>(result.slot)];
    output.get(0, out.values);
  } else {
    const int64_t first = result.offset.evaluate(lengths_);
    for (int64_t row = 0; row < rows_; ++row)
      totals_.get(
          static_cast<size_t>(first),
          std::span(out.values).subspan(static_cast<size_t>(row * elements), static_cast<size_t>(elements)));
  }
  return out;
}

std::vector<SampleFailure> Runner::failures(std::span<const int64_t> rows) const {
  std::vector<SampleFailure> list;
  for (const runtime::Failed& f : scheduler_.failures()) {
    const int64_t sample = rows[static_cast<size_t>(f.row)];
    list.push_back({sample, describe(unit_->interface, sample, f.status)});
  }
  return list;
}

std::vector<SolveStatistics> Runner::statistics(const std::vector<semantics::SolveUse>& solves) const {
  const std::span<const runtime::Statistics> all = scheduler_.statistics();
  const size_t count = unit_->interface.solves.size();
  std::vector<SolveStatistics> list;
  for (size_t s = 0; s < count; ++s) {
    SolveStatistics out;
    out.field = unit_->interface.solves[s].field;
    for (const semantics::SolveUse& use : solves)
      if (use.node->as<graph::SolveInfo>().place == unit_->interface.solves[s].place) out.method = use.method;
    for (int64_t row = 0; row < rows_; ++row) {
      const runtime::Statistics& one = all[static_cast<size_t>(row) * count + s];
      out.evaluations.push_back(one.evaluations);
      out.accepted.push_back(one.accepted);
      out.rejected.push_back(one.rejected);
    }
    list.push_back(std::move(out));
  }
  return list;
}

void Runner::override_data(const std::string& name, const runtime::Reals* values) {
  for (size_t i = 0; i < unit_->interface.data.size(); ++i)
    if (unit_->interface.data[i].name == name) {
      sources_[i] = values;
      data_pointers_[i] = values->data();
    }
}

}  // namespace nodec::embed
