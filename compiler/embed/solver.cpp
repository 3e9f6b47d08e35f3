// Solver over Prepared: bytes as values of the precision.
#include "nodec/solver.hpp"

#include "compiler/embed/prepared.hpp"

namespace nodec {
namespace {

using embed::Block;
using embed::Operation;

template <class Real>
View<Real> view(const Block* block) noexcept {
  if (!block) return {};
  return {reinterpret_cast<Real*>(block->own.data() ? block->own.data() : block->at),
          static_cast<size_t>(block->size), block->shape};
}

// A parameter's part of a vector of all.
template <class Real>
View<Real> part(View<Real> all, const runtime::Parameter* parameter) noexcept {
  if (!all || !parameter) return {};
  return {all.data() + parameter->offset, static_cast<size_t>(parameter->size), parameter->shape};
}

// Lets runs use the caller's memory, or the block's own again.
template <class Real>
bool redirect(Block* block, std::span<Real> values) noexcept {
  if (!block) return false;
  if (!values.empty() && static_cast<int64_t>(values.size()) != block->size) return false;
  using Plain = std::remove_const_t<Real>;
  block->at =
      values.empty() ? block->own.data() : reinterpret_cast<std::byte*>(const_cast<Plain*>(values.data()));
  return true;
}

}  // namespace

const char* text(StatusCode code) noexcept {
  switch (code) {
    case StatusCode::done:
      return "done";
    case StatusCode::step_underflow:
      return "the step size underflows";
    case StatusCode::not_finite:
      return "a state is not finite";
    case StatusCode::step_limit:
      return "the step limit is reached";
    case StatusCode::index_out_of_range:
      return "an index is out of range";
    case StatusCode::times_not_monotone:
      return "times are not in order";
    case StatusCode::not_an_integer:
      return "an integer datum is not an integer";
    case StatusCode::integer_out_of_range:
      return "an integer datum is out of its range";
    case StatusCode::not_prepared:
      return "the operation was not prepared";
    case StatusCode::canceled:
      return "canceled";
    case StatusCode::out_of_memory:
      return "out of memory";
  }
  return "";
}

template <class Real>
Solver<Real>::Solver(std::unique_ptr<embed::Prepared> prepared) noexcept : prepared_(std::move(prepared)) {}
template <class Real>
Solver<Real>::Solver(Solver&&) noexcept = default;
template <class Real>
Solver<Real>& Solver<Real>::operator=(Solver&&) noexcept = default;
template <class Real>
Solver<Real>::~Solver() = default;

template <class Real>
View<Real> Solver<Real>::data(std::string_view name) noexcept {
  return view<Real>(prepared_->data(name));
}
template <class Real>
View<Real> Solver<Real>::parameters() noexcept {
  return view<Real>(&prepared_->parameters());
}
template <class Real>
View<Real> Solver<Real>::parameter(std::string_view path) noexcept {
  return part(parameters(), prepared_->parameter(path));
}
template <class Real>
bool Solver<Real>::read_data(std::string_view name, std::span<const Real> values) noexcept {
  return redirect(prepared_->data(name), values);
}
template <class Real>
bool Solver<Real>::read_parameters(std::span<const Real> values) noexcept {
  return redirect(&prepared_->parameters(), values);
}
template <class Real>
bool Solver<Real>::write_output(std::string_view name, std::span<Real> values) noexcept {
  return redirect(prepared_->per_sample_output(name), values);
}
template <class Real>
View<Real> Solver<Real>::output_cotangent(std::string_view name) noexcept {
  return view<Real>(prepared_->cotangent(name));
}
template <class Real>
View<Real> Solver<Real>::parameter_tangent() noexcept {
  return view<Real>(prepared_->parameter_tangent());
}
template <class Real>
View<Real> Solver<Real>::data_tangent(std::string_view name) noexcept {
  return view<Real>(prepared_->data_tangent(name));
}
template <class Real>
void Solver<Real>::draw(uint64_t number) noexcept {
  prepared_->draw(number);
}
template <class Real>
void Solver<Real>::cancel_by(const std::atomic<bool>* canceled) noexcept {
  prepared_->cancel_by(canceled);
}

template <class Real>
Status Solver<Real>::solve() noexcept {
  return prepared_->run(Operation::solve);
}
template <class Real>
Status Solver<Real>::gradient() noexcept {
  return prepared_->run(Operation::gradient);
}
template <class Real>
Status Solver<Real>::vjp() noexcept {
  return prepared_->run(Operation::vjp);
}
template <class Real>
Status Solver<Real>::jvp() noexcept {
  return prepared_->run(Operation::jvp);
}

template <class Real>
View<const Real> Solver<Real>::output(std::string_view name) const noexcept {
  return view<const Real>(prepared_->result(Operation::solve, "", name));
}
template <class Real>
double Solver<Real>::loss() const noexcept {
  return prepared_->total("mean:", "loss");
}
template <class Real>
double Solver<Real>::metric(std::string_view name) const noexcept {
  return prepared_->total("metric:", name);
}
template <class Real>
View<const Real> Solver<Real>::parameter_gradient() const noexcept {
  return view<const Real>(prepared_->parameter_result(Operation::gradient));
}
template <class Real>
View<const Real> Solver<Real>::parameter_gradient(std::string_view path) const noexcept {
  return part(parameter_gradient(), prepared_->parameter(path));
}
template <class Real>
View<const Real> Solver<Real>::data_gradient(std::string_view name) const noexcept {
  return view<const Real>(prepared_->result(Operation::gradient, "data:", name));
}
template <class Real>
View<const Real> Solver<Real>::vjp_output(std::string_view name) const noexcept {
  return view<const Real>(prepared_->result(Operation::vjp, "", name));
}
template <class Real>
View<const Real> Solver<Real>::parameter_cotangent() const noexcept {
  return view<const Real>(prepared_->parameter_result(Operation::vjp));
}
template <class Real>
View<const Real> Solver<Real>::data_cotangent(std::string_view name) const noexcept {
  return view<const Real>(prepared_->result(Operation::vjp, "data:", name));
}
template <class Real>
View<const Real> Solver<Real>::jvp_output(std::string_view name) const noexcept {
  return view<const Real>(prepared_->result(Operation::jvp, "", name));
}
template <class Real>
View<const Real> Solver<Real>::output_tangent(std::string_view name) const noexcept {
  return view<const Real>(prepared_->result(Operation::jvp, "tangent:", name));
}
template <class Real>
std::vector<SampleFailure> Solver<Real>::failures() const {
  return prepared_->failures();
}
template <class Real>
int64_t Solver<Real>::samples() const noexcept {
  return prepared_->samples();
}
template <class Real>
int64_t Solver<Real>::bytes() const noexcept {
  return prepared_->bytes();
}

template class Solver<float>;
template class Solver<double>;

template <class Real>
Result<Solver<Real>> Model::prepare(const PrepareOptions& options) const try {
  const bool f64 = state->program->options.precision == Precision::f64;
  if (f64 != std::is_same_v<Real, double>)
    return Result<Solver<Real>>::failed(
        {embed::plain(Severity::error, "wrong_precision",
                      f64 ? "the program is compiled in f64: prepare<double>, or set Options::precision"
                          : "the program is compiled in f32: prepare<float>, or set Options::precision")});
  std::vector<Diagnostic> diagnostics;
  std::unique_ptr<embed::Prepared> prepared = embed::Prepared::make(*this, options, diagnostics);
  if (!prepared) return Result<Solver<Real>>::failed(std::move(diagnostics));
  return Result<Solver<Real>>(Solver<Real>(std::move(prepared)), std::move(diagnostics));
} catch (...) {
  return Result<Solver<Real>>::failed({embed::caught()});
}
template Result<Solver<float>> Model::prepare<float>(const PrepareOptions&) const;
template Result<Solver<double>> Model::prepare<double>(const PrepareOptions&) const;

std::vector<Slot> Model::layout() const {
  std::vector<Slot> slots;
  for (const runtime::Parameter& p : embed::parameter_layout(state->model))
    slots.push_back({p.path, p.shape, p.offset, p.size, p.interval.low, p.interval.high});
  return slots;
}

template <class Real>
Result<std::vector<Real>> Model::parameter_vector(const Arrays& weights) const try {
  Result<std::vector<double>> values = embed::parameter_values(state->model, weights);
  if (!values) return Result<std::vector<Real>>::failed(values.diagnostics());
  return Result<std::vector<Real>>(std::vector<Real>(values->begin(), values->end()), values.diagnostics());
} catch (...) {
  return Result<std::vector<Real>>::failed({embed::caught()});
}
template Result<std::vector<float>> Model::parameter_vector<float>(const Arrays&) const;
template Result<std::vector<double>> Model::parameter_vector<double>(const Arrays&) const;

template <class Real>
Result<Arrays> Model::weights_of(std::span<const Real> parameters) const try {
  const runtime::ParameterLayout layout = embed::parameter_layout(state->model);
  if (static_cast<int64_t>(parameters.size()) != runtime::parameter_count(layout))
    return Result<Arrays>::failed(
        {embed::plain(Severity::error, "wrong_size",
                      "model " + name() + " has " + std::to_string(runtime::parameter_count(layout)) +
                          " parameters, not " + std::to_string(parameters.size()))});
  return embed::parameter_arrays(layout, {parameters.begin(), parameters.end()});
} catch (...) {
  return Result<Arrays>::failed({embed::caught()});
}
template Result<Arrays> Model::weights_of<float>(std::span<const float>) const;
template Result<Arrays> Model::weights_of<double>(std::span<const double>) const;

}  // namespace nodec
