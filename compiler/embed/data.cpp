// Files and arrays -> data bound to a model.
#include "compiler/embed/data.hpp"

#include <algorithm>

#include "runtime/formats.hpp"

namespace nodec {
namespace {

runtime::Extent convert(const graph::Extent& extent) {
  std::vector<runtime::Extent::Term> terms;
  for (const auto& [monomial, coefficient] : extent.terms()) terms.push_back({coefficient, monomial});
  return runtime::Extent(std::move(terms));
}

// Data that a solve of the model takes its times from, whole or in part: they must be in order.
std::set<std::string> time_arrays(const semantics::Model& model) {
  std::set<std::string> names;
  for (const semantics::SolveUse& use : model.solves) {
    // Each step of a loop picks times of its own.
    if (!use.node->free.empty()) continue;
    graph::Ref ts = use.node->operands[use.node->as<graph::SolveInfo>().ts_operand()];
    while (ts->is(graph::Kind::view) || ts->is(graph::Kind::reshape)) ts = ts->operands[0];
    if (ts->is(graph::Kind::data) && ts->type.rank() == 1) names.insert(ts->as<graph::Leaf>().name);
  }
  return names;
}

std::vector<runtime::Declared> declarations(const semantics::Model& model) {
  const std::set<std::string> times = time_arrays(model);
  std::vector<runtime::Declared> list;
  for (const semantics::DataDecl& d : model.data) {
    runtime::Declared out;
    out.name = d.name;
    for (const graph::Extent& e : d.type.shape) out.shape.push_back(convert(e));
    out.integer = d.type.element == graph::Element::integer;
    if (d.bounds) out.bounds = {convert(d.bounds->first), convert(d.bounds->second)};
    out.constant = d.constant;
    out.missing = d.missing;
    out.monotone = times.count(d.name) > 0;
    list.push_back(std::move(out));
  }
  return list;
}

Diagnostic convert(const runtime::Error& e, Severity severity) {
  Diagnostic d = embed::plain(severity, std::string(runtime::problem(e.id).id), e.text);
  d.file = e.file;
  d.line = static_cast<int>(e.line);
  const char* word = severity == Severity::warning ? "warning: " : "error: ";
  d.rendered =
      (e.file.empty() ? "nodec: " : e.file + ":" + (e.line > 0 ? std::to_string(e.line) + ":" : "") + " ") +
      word + e.text + "\n";
  return d;
}

// The value of a floor quotient of lengths, once they are all known.
std::optional<int64_t> quotient_of_known(const std::string& atom, const runtime::Lengths& lengths) {
  const std::optional<graph::FloorQuotient> quotient = graph::as_floor_quotient(atom);
  if (!quotient) return {};
  for (const std::string& inner : quotient->numerator.atoms())
    if (!lengths.count(inner) && !quotient_of_known(inner, lengths)) return {};
  return graph::Extent::length(atom).evaluate(lengths);
}

// What constant indices, slices and ranges ask of the lengths, which are known now.
std::vector<Diagnostic> unmet_requirements(const Model::State& model, const runtime::Binding& binding) {
  const size_t count = binding.length_names.size();
  const bool ragged = !binding.sample_lengths.empty();
  const size_t samples = ragged ? binding.sample_lengths.size() / count : 1;
  std::vector<Diagnostic> list;
  for (const semantics::LengthRequirement& requirement : model.model.requirements) {
    for (size_t sample = 0; sample < samples; ++sample) {
      runtime::Lengths lengths;
      for (size_t i = 0; i < count; ++i)
        lengths[binding.length_names[i]] =
            ragged ? binding.sample_lengths[sample * count + i] : binding.lengths[i];
      if (requirement.slack.evaluate(lengths) >= 0) continue;
      const std::string extent = requirement.extent.text();
      Diagnostic d = embed::plain(Severity::error, "length_too_small",
                                  requirement.index + " is out of range where " + extent + " is " +
                                      std::to_string(requirement.extent.evaluate(lengths)) +
                                      (ragged ? ", in sample " + std::to_string(sample) : ""));
      d.rendered = model.program->files.place(requirement.span) + ": error: " + d.text + "\n";
      list.push_back(std::move(d));
      break;
    }
  }
  return list;
}

Result<Dataset> bind_file(const Model::State& model, const runtime::DataFile& file,
                          const std::vector<std::string>& columns, int64_t samples) {
  runtime::BindOptions options;
  options.double_precision = model.program->options.precision == Precision::f64;
  options.lengths = model.model.lengths;
  options.derived = quotient_of_known;
  if (!columns.empty()) {
    runtime::Result<runtime::ColumnMap> map = runtime::parse_columns(columns);
    if (!map) return Result<Dataset>::failed(embed::convert(map.errors()), Outcome::wrong_usage);
    options.columns = std::move(*map);
  }
  runtime::Result<runtime::Binding> bound = runtime::bind(file, declarations(model.model), options);
  if (!bound) return Result<Dataset>::failed(embed::convert(bound.errors()));
  if (std::vector<Diagnostic> unmet = unmet_requirements(model, *bound); !unmet.empty())
    return Result<Dataset>::failed(std::move(unmet));
  auto state = std::make_shared<Dataset::State>();
  state->binding = std::move(*bound);
  state->sample_axis = state->binding.samples > 0 || samples > 0;
  state->samples = state->binding.samples > 0 ? state->binding.samples : std::max<int64_t>(samples, 1);
  for (const runtime::BoundArray& a : state->binding.arrays)
    if (a.shared) state->shared.insert(a.name);
  for (const semantics::DataDecl& d : model.model.data) state->shapes[d.name] = d.type.shape;
  std::vector<Diagnostic> warnings = embed::convert(state->binding.warnings, Severity::warning);
  if (samples > 0 && state->binding.samples > 0)
    warnings.push_back(embed::plain(Severity::warning, "samples_ignored",
                                    "the data have " + std::to_string(state->binding.samples) +
                                        " samples of their own; --samples " + std::to_string(samples) +
                                        " counts only where they have none"));
  return Result<Dataset>(Dataset{state}, std::move(warnings));
}

}  // namespace

namespace embed {

std::vector<Diagnostic> convert(const runtime::Errors& errors, Severity severity) {
  std::vector<Diagnostic> list;
  for (const runtime::Error& e : errors) list.push_back(nodec::convert(e, severity));
  return list;
}

runtime::Arrays to_runtime(const Arrays& arrays, Precision precision) {
  runtime::Arrays out;
  for (const auto& [name, array] : arrays) {
    if (precision == Precision::f64) {
      out.add(name, runtime::Array::of(array.shape, std::span<const double>(array.values)));
    } else {
      const std::vector<float> rounded(array.values.begin(), array.values.end());
      out.add(name, runtime::Array::of(array.shape, std::span<const float>(rounded)));
    }
  }
  return out;
}

Arrays from_runtime(const runtime::Arrays& arrays) {
  Arrays out;
  for (const runtime::Arrays::Item& item : arrays.items()) {
    Array& a = out[item.name];
    a.shape = item.array.shape;
    a.values.resize(static_cast<size_t>(item.array.size()));
    for (size_t i = 0; i < a.values.size(); ++i) a.values[i] = item.array.real(static_cast<int64_t>(i));
  }
  return out;
}

}  // namespace embed

int64_t Dataset::samples() const { return state->samples; }
bool Dataset::has_sample_axis() const { return state->sample_axis; }

Array Dataset::values(const std::string& name, int64_t sample) const {
  const runtime::Binding& binding = state->binding;
  for (const runtime::BoundArray& bound : binding.arrays) {
    if (bound.name != name) continue;
    std::map<std::string, int64_t> lengths;
    const size_t count = binding.length_names.size();
    for (size_t i = 0; i < count; ++i)
      lengths[binding.length_names[i]] =
          binding.sample_lengths.empty() || bound.shared
              ? binding.lengths[i]
              : binding.sample_lengths[static_cast<size_t>(sample) * count + i];
    Array out;
    int64_t size = 1;
    for (const graph::Extent& e : state->shapes.at(name)) {
      out.shape.push_back(e.evaluate(lengths));
      size *= out.shape.back();
    }
    // The sample's own part is a corner of the padded array.
    for (int64_t i = 0; i < size; ++i) {
      int64_t rest = i, at = 0, stride = 1;
      for (size_t axis = out.shape.size(); axis-- > 0;) {
        at += rest % out.shape[axis] * stride;
        rest /= out.shape[axis];
        stride *= bound.shape[axis];
      }
      out.values.push_back(
          bound.values[static_cast<size_t>((bound.shared ? 0 : sample * bound.stride) + at)]);
    }
    return out;
  }
  return {};
}

std::vector<std::string> Model::times() const {
  const std::set<std::string> names = time_arrays(state->model);
  return {names.begin(), names.end()};
}

Result<Dataset> Model::bind(const Arrays& arrays, int64_t samples) const try {
  return bind_file(*state, {"", embed::to_runtime(arrays)}, {}, samples);
} catch (...) {
  return Result<Dataset>::failed({embed::caught()});
}

Result<Dataset> Model::read(const std::string& file, const std::vector<std::string>& columns,
                            int64_t samples) const try {
  if (file.empty()) {
    if (!state->model.data.empty()) {
      std::string names;
      for (const semantics::DataDecl& d : state->model.data) names += (names.empty() ? "" : ", ") + d.name;
      return Result<Dataset>::failed({embed::plain(
          Severity::error, "no_data",
          "model " + state->model.name + " reads data (" + names + "); give a file with --data")});
    }
    return bind_file(*state, {"", runtime::Arrays{}}, {}, samples);
  }
  runtime::Result<runtime::DataFile> data = runtime::read_data(file);
  if (!data) return Result<Dataset>::failed(embed::convert(data.errors()));
  return bind_file(*state, *data, columns, samples);
} catch (...) {
  return Result<Dataset>::failed({embed::caught()});
}

Result<Arrays> read_arrays(const std::string& file) try {
  runtime::Result<runtime::Arrays> arrays = runtime::read_arrays(file);
  if (!arrays) return Result<Arrays>::failed(embed::convert(arrays.errors()));
  return embed::from_runtime(*arrays);
} catch (...) {
  return Result<Arrays>::failed({embed::caught()});
}

std::optional<Diagnostic> write_arrays(const std::string& file, const Arrays& arrays, bool sample_axis,
                                       const std::set<std::string>& rows, Precision precision) try {
  const runtime::Result<runtime::Done> done =
      runtime::write_arrays(file, embed::to_runtime(arrays, precision), {sample_axis, rows});
  if (done) return {};
  return embed::convert(done.errors()).front();
} catch (...) {
  return embed::caught();
}

}  // namespace nodec
