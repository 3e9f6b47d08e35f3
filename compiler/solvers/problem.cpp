// What forward and backward of one solve share (see problem.hpp).
#include "compiler/solvers/problem.hpp"

#include <limits>

namespace nodec::solvers {

namespace {

int64_t elements_of(const graph::Type& type) { return type.size().value(); }

// The end of a solve needs no interpolant.
bool observes_inside(const schedule::SolveTask& task) {
  const int first = task.node->as<graph::SolveInfo>().initial_observed ? 1 : 0;
  return !task.times.is_constant() || task.times.value() > 1 + first;
}

}  // namespace

double smallest_weight(const Builder& b) { return b.double_precision() ? 1e-300 : 1e-36; }

Problem::Problem(Builder& b, schedule::SolveTask& task)
    : task(task),
      info(task.node->as<graph::SolveInfo>()),
      rk(*info.tableau),
      elements(task.elements),
      size(task.elements - task.quadratures),
      quadratures(task.quadratures),
      adaptive(info.rule == graph::StepRule::adaptive),
      dense(observes_inside(task)) {
  auto control = [&](graph::Control c) { return task.controls[static_cast<size_t>(c)]; };
  controls = {control(graph::Control::step), control(graph::Control::max_steps),
              control(graph::Control::safety), control(graph::Control::min_factor),
              control(graph::Control::max_factor)};
  live = task.live == schedule::none ? b.live() : task.live;
  t0 = b.splat(task.t0);
  count = b.splat(task.lane_times);
  t1 = b.splat(time(b, b.integer_sub(count, b.integer(1))));
  direction = b.select(b.less(t1, t0), b.real(-1), b.real(1));
}

System Problem::system() const {
  System f;
  f.size = size;
  f.quadratures = quadratures;
  f.evaluate = [this](Builder& b, Value t, Rows y, const Slopes& k, Rows activations) {
    task.field->evaluate(b, t, y, k, activations);
  };
  f.rtol = task.controls[static_cast<size_t>(graph::Control::rtol)];
  f.atol = [this](Builder& b, Value element) {
    const Value atol = task.atol_rows.buffer != schedule::none
                           ? load(b, task.atol_rows, element)
                           : task.controls[static_cast<size_t>(graph::Control::atol)];
    return b.add(atol, b.real(smallest_weight(b)));
  };
  int64_t first = 0;
  for (const int i : schedule::states_in_memory(info)) {
    const int64_t end = first + elements_of(task.node->operands[i]->type);
    if (info.states[i].in_norm) {
      if (!f.in_norm.empty() && f.in_norm.back().end == first && first != size)
        f.in_norm.back().end = end;
      else
        f.in_norm.push_back({first, end});
    }
    first = end;
  }
  return f;
}

Value Problem::time(Builder& b, Value i) const {
  const Value last = b.integer_sub(count, b.integer(1));
  return b.splat(task.time(b, b.max(b.integer(0), b.min(i, last))));
}

Value Problem::stop(Builder& b, Value i) const {
  const Value last = b.integer_sub(task.stops, b.integer(1));
  return b.splat(task.stop(b, b.max(b.integer(0), b.min(i, last))));
}

Value Problem::before_stop(Builder& b, Value t, Value to) const {
  const double epsilon =
      b.double_precision() ? std::numeric_limits<double>::epsilon() : std::numeric_limits<float>::epsilon();
  const Value gap = b.max(b.mul(b.real(epsilon), b.abs(to)), b.real(smallest_weight(b)));
  const Value limit = b.sub(b.mul(direction, to), gap);
  return b.mul(direction, b.min(b.mul(direction, t), limit));
}

Value Problem::reached(Builder& b, Value a, Value by) const {
  return b.less_equal(b.mul(direction, a), b.mul(direction, by));
}

Value Problem::steps_wanted(Builder& b) const {
  const Value whole = b.floor(controls.step);
  return b.splat(b.select(b.less_equal(b.real(1), whole), whole, b.real(1)));
}

bool Problem::first_step_is(double value) const {
  const graph::Node* operand = task.node->operands[info.control_operand(graph::Control::step)];
  return operand->is(graph::Kind::constant) && operand->is_splat(value);
}

}  // namespace nodec::solvers
