// Hand-written fields for the tests of the solvers, and a check that their pullbacks are right.
#include "tests/unit/solvers_fixture.hpp"

#include <doctest/doctest.h>

#include "compiler/graph/op.hpp"
#include "compiler/solvers/lanes.hpp"

namespace nodec::solvers_fixture {

using namespace schedule;

namespace {

Value apply(Builder& b, std::string_view name, Value x) { return graph::op(name).body(b, std::span(&x, 1)); }

// The field as functions of the program: evaluation, and pullbacks with and without each of their results.
class HandWritten : public FieldCode {
 public:
  HandWritten(Program& program, const Field& field, int64_t parameter_offset, BufferId parameters_bar)
      : program_(program), field_(field), bar_(parameters_bar) {
    parameters_ = static_cast<BufferId>(program.buffers.size());
    program.buffers.push_back({.name = "p",
                               .storage = Storage::parameter,
                               .size = std::max<int64_t>(1, field.parameters),
                               .offset = parameter_offset,
                               .values = {}});
    for (bool quadratures : {false, true}) write_evaluate(quadratures);
    for (bool state : {false, true})
      for (bool time : {false, true})
        for (bool frontier : {false, true}) write_pull(state, time, frontier);
  }

  void evaluate(Builder& b, Value t, Rows z, const Slopes& k, Rows) override {
    const bool quadratures = k.quadratures.buffer != none;
    std::vector<CallArgument> arguments{time(b, t), {z.buffer, z.offset}, {k.states.buffer, k.states.offset}};
    if (quadratures) arguments.push_back({k.quadratures.buffer, k.quadratures.offset});
    b.call(evaluate_[quadratures], arguments);
  }
  int64_t activations() override { return 0; }
  void pull(Builder& b, Value t, Rows z, const Slopes& kappa, Rows z_bar, Rows t_bar, bool frontier,
            Rows) override {
    if (frontier && bar_ == none) frontier = false;
    const bool state = z_bar.buffer != none, timed = t_bar.buffer != none;
    std::vector<CallArgument> arguments{time(b, t), {z.buffer, z.offset}};
    for (const Rows& rows : {kappa.states, field_.quadratures > 0 ? kappa.quadratures : kappa.states})
      arguments.push_back({rows.buffer, rows.offset});
    if (state) arguments.push_back({z_bar.buffer, z_bar.offset});
    if (timed) arguments.push_back({t_bar.buffer, t_bar.offset});
    b.call(pull_[state][timed][frontier], arguments);
  }

 private:
  FunctionId function(const std::string& name, const std::vector<int64_t>& sizes) {
    Function f;
    f.name = name;
    for (const int64_t size : sizes) {
      const int slot = static_cast<int>(f.arguments.size());
      f.arguments.push_back(static_cast<BufferId>(program_.buffers.size()));
      program_.buffers.push_back({.name = "argument" + std::to_string(slot),
                                  .lanes = true,
                                  .storage = Storage::argument,
                                  .size = std::max<int64_t>(1, size),
                                  .slot = slot,
                                  .values = {}});
    }
    program_.functions.push_back(std::move(f));
    return static_cast<FunctionId>(program_.functions.size()) - 1;
  }
  int64_t read() const { return field_.size - field_.quadratures; }
  BufferId argument(const Builder& b, int i) { return program_.functions[b.function()].arguments[i]; }
  Value argument_time(Builder& b) { return b.load(argument(b, 0), b.index(0)); }
  Values elements(Builder& b, int which, int64_t count) {
    Values result;
    for (int64_t d = 0; d < count; ++d) result.push_back(b.load(argument(b, which), b.index(d)));
    return result;
  }
  Values values(Builder& b) {
    Values result;
    for (int64_t i = 0; i < field_.parameters; ++i) result.push_back(b.load(parameters_, b.index(i)));
    return result;
  }
  void store_range(Builder& b, int which, const Values& x, int64_t first, int64_t end) {
    for (int64_t d = first; d < end; ++d)
      b.store(argument(b, which), b.index(d - first), x[static_cast<size_t>(d)]);
  }
  void write_evaluate(bool quadratures) {
    std::vector<int64_t> sizes{1, read(), read()};
    if (quadratures) sizes.push_back(field_.quadratures);
    const FunctionId id = evaluate_[quadratures] = function("field", sizes);
    Builder b(program_, id);
    const Values k = field_.derivative(b, argument_time(b), elements(b, 1, read()), values(b));
    store_range(b, 2, k, 0, read());
    if (quadratures) store_range(b, 3, k, read(), field_.size);
  }
  void write_pull(bool state, bool time, bool frontier) {
    std::vector<int64_t> sizes{1, read(), read(), field_.quadratures};
    if (state) sizes.push_back(read());
    if (time) sizes.push_back(1);
    const FunctionId id = pull_[state][time][frontier] = function("pullback", sizes);
    Builder b(program_, id);
    Values kappa = elements(b, 2, read());
    for (const Value rate : elements(b, 3, field_.quadratures)) kappa.push_back(rate);
    const Field::Cotangents bar =
        field_.pullback(b, argument_time(b), elements(b, 1, read()), values(b), kappa);
    if (state) store_range(b, 4, bar.z, 0, read());
    if (time) b.store(argument(b, state ? 5 : 4), b.index(0), bar.t);
    if (frontier && bar_ != none)
      for (size_t i = 0; i < bar.p.size(); ++i)
        b.accumulate(bar_, b.index(static_cast<int64_t>(i)), b.select(b.live(), bar.p[i], b.real(0)));
  }
  CallArgument time(Builder& b, Value t) {
    const BufferId row = b.frame("time", 1);
    b.store(row, b.index(0), t);
    return {row, b.index(0)};
  }

  Program& program_;
  const Field& field_;
  BufferId parameters_ = none, bar_ = none;
  FunctionId evaluate_[2], pull_[2][2][2];
};

// The solve's node, as the scheduler would hand it over; its operands are only asked for their type or
// constant.
struct Nodes {
  std::deque<graph::Node> owned;
  graph::Node solve;

  Nodes(const Field& field, const Options& options) {
    graph::SolveInfo info{};
    const size_t elements = static_cast<size_t>(field.size),
                 read = elements - static_cast<size_t>(field.quadratures);
    const size_t states = options.in_norm.empty() && read == elements ? 1 : elements;
    for (size_t i = 0; i < states; ++i) {
      graph::SolveState state;
      state.name = "z" + std::to_string(i);
      state.quadrature = i >= read;
      state.in_norm = options.in_norm.empty() || options.in_norm[i];
      info.states.push_back(state);
      leaf({{states == 1 ? field.size : 1}, graph::Element::real}, 0);
    }
    leaf({}, 0), leaf({}, 0);
    for (int c = 0; c < static_cast<int>(graph::Control::count); ++c)
      leaf({}, c == static_cast<int>(graph::Control::step) ? options.step : 0);
    info.tableau = &options.tableau;
    info.rule = options.rule;
    info.adjoint = options.adjoint;
    info.initial_observed = options.initial_observed;
    solve.kind = graph::Kind::solve;
    solve.payload = info;
    for (const graph::Node& node : owned) solve.operands.push_back(&node);
  }
  void leaf(graph::Type type, double value) {
    graph::Node node;
    node.kind = graph::Kind::constant;
    node.type = std::move(type);
    node.payload = graph::Constant{{value}};
    owned.push_back(std::move(node));
  }
};

int64_t longest(const std::vector<Sample>& samples) {
  size_t n = 1;
  for (const Sample& sample : samples) n = std::max(n, sample.times.size());
  return static_cast<int64_t>(n);
}

constexpr int slots_per_problem = 5;  // z0, t0, times, their number, cotangents

// Appends the data of one problem for each sample.
void append_data(Batch& batch, const Field& field, const std::vector<Sample>& samples, int64_t times) {
  std::vector<double> z0, t0, ts, counts, bars;
  for (const Sample& s : samples) {
    z0.insert(z0.end(), s.z0.begin(), s.z0.end());
    t0.push_back(s.t0);
    counts.push_back(static_cast<double>(s.times.size()));
    for (int64_t i = 0; i < times; ++i)
      ts.push_back(i < static_cast<int64_t>(s.times.size()) ? s.times[i] : -12345.0);
    for (int64_t i = 0; i < times * field.size; ++i)
      bars.push_back(i < static_cast<int64_t>(s.bar.size()) ? s.bar[i] : 0.0);
  }
  for (auto* array : {&z0, &t0, &ts, &counts, &bars}) batch.data.push_back(*array);
}

// One solve in the pool function: its task and the buffers it uses.
struct Written {
  SolveTask task;
  BufferId bars = none;
};
Written prepare(Builder& b, const Field& field, const Options& options, const Nodes& nodes, HandWritten& code,
                int64_t times, int first_slot) {
  Written w;
  auto data = [&](int slot, int64_t size) {
    return b.buffer({.name = "data" + std::to_string(slot),
                     .lanes = true,
                     .storage = Storage::data,
                     .size = size,
                     .slot = first_slot + slot,
                     .values = {}});
  };
  const BufferId z0 = data(0, field.size), t0 = data(1, 1), ts = data(2, times), count = data(3, 1);
  w.bars = data(4, times * field.size);
  SolveTask& task = w.task;
  task.node = &nodes.solve;
  task.elements = field.size;
  task.quadratures = field.quadratures;
  task.initial = solvers::frame_rows(b, "initial", field.size);
  b.each(field.size, [&](Value d) { b.store(task.initial.buffer, d, b.load(z0, d)); });
  task.t0 = b.load(t0, b.index(0));
  task.time = [ts](Builder& at, Value i) { return at.load(ts, i); };
  task.times = times;
  task.lane_times = b.to_integer(b.load(count, b.index(0)));
  for (double control : {options.rtol, options.atol, options.step, options.max_steps, options.safety,
                         options.min_factor, options.max_factor, options.adjoint_rtol, options.adjoint_atol})
    task.controls.push_back(b.real(control));
  task.results = solvers::frame_rows(b, "results", times * field.size);
  task.field = &code;
  return w;
}

BufferId output(Builder& b, int slot, int64_t size) {
  return b.buffer({.name = "output" + std::to_string(slot),
                   .lanes = true,
                   .storage = Storage::output,
                   .size = size,
                   .slot = slot,
                   .values = {}});
}
void write_output(Builder& b, int slot, Rows rows, int64_t size) {
  const BufferId to = output(b, slot, size);
  b.for_loop(b.index(0), b.index(size), [&](Value i) { b.store(to, i, solvers::load(b, rows, i)); });
}

Program empty_program(const Options& options) {
  Program program;
  program.lanes = options.lanes;
  program.double_precision = options.double_precision;
  program.interface.solves.resize(1);
  return program;
}
FunctionId add_function(Program& program, const std::string& name) {
  Function f;
  f.name = name;
  program.functions.push_back(std::move(f));
  return static_cast<FunctionId>(program.functions.size()) - 1;
}

}  // namespace

Solution solve(const Field& field, const std::vector<double>& parameters, const Options& options,
               const std::vector<Sample>& samples) {
  const int64_t times = longest(samples), n = static_cast<int64_t>(samples.size());
  const Nodes nodes(field, options);
  Program program = empty_program(options);
  BufferId bar = none;
  if (options.gradient && field.parameters > 0) {
    bar = static_cast<BufferId>(program.buffers.size());
    program.buffers.push_back(
        {.name = "p_bar", .storage = Storage::accumulator, .size = field.parameters, .values = {}});
  }
  HandWritten code(program, field, 0, bar);
  const auto lowering = solvers::make_solvers();
  program.pool = add_function(program, "pool");
  {
    Builder b(program, program.pool);
    Written w = prepare(b, field, options, nodes, code, times, 0);
    w.task.recording = options.gradient ? Recording::record : Recording::no;
    w.task.taped = options.gradient;
    w.task.activation_slot = w.task.tape_slot + 1;
    w.task.keeps = !options.times && options.tableau.stages() == options.tableau.main_stages;
    lowering->forward(b, w.task);
    write_output(b, 0, w.task.results, times * field.size);
    if (options.gradient) {
      AdjointTask adjoint;
      adjoint.solve = &w.task;
      adjoint.times = options.times;
      adjoint.results_bar = solvers::frame_rows(b, "results_bar", times * field.size);
      b.for_loop(b.index(0), b.index(times * field.size),
                 [&](Value i) { solvers::store(b, adjoint.results_bar, i, b.load(w.bars, i)); });
      adjoint.initial_bar = solvers::frame_rows(b, "initial_bar", field.size);
      adjoint.t0_bar = solvers::frame_rows(b, "t0_bar", 1);
      adjoint.times_bar = solvers::frame_rows(b, "times_bar", times);
      lowering->backward(b, adjoint);
      write_output(b, 1, adjoint.initial_bar, field.size);
      if (options.times) {
        write_output(b, 2, adjoint.t0_bar, 1);
        write_output(b, 3, adjoint.times_bar, times);
      }
    }
  }
  if (bar != none) {
    program.epilogue = add_function(program, "epilogue");
    Builder b(program, program.epilogue);
    const BufferId total =
        b.buffer({.name = "gradient", .storage = Storage::total, .size = field.parameters, .values = {}});
    b.for_loop(b.index(0), b.index(field.parameters), [&](Value i) { b.store(total, i, b.load(bar, i)); });
  }
  Solution solution;
  solution.fault = verify(program);
  if (!solution.fault.empty()) return solution;

  Batch batch;
  batch.samples = n;
  batch.parameters = parameters;
  if (batch.parameters.empty()) batch.parameters = {0};
  append_data(batch, field, samples, times);
  const BatchResult result = interpret(program, batch);
  solution.fault = result.fault;
  if (!result.fault.empty()) return solution;
  batch.tape_worth = 0;
  const BatchResult anew = interpret(program, batch);
  const auto same = [](double x, double y) { return x == y || (x != x && y != y); };
  if (!std::equal(anew.totals.begin(), anew.totals.end(), result.totals.begin(), result.totals.end(), same))
    solution.fault = "steps kept and computed anew differ";
  auto part = [&](int slot, int64_t sample, int64_t size, int64_t used) {
    const auto first = result.outputs[slot].begin() + sample * size;
    return std::vector<double>(first, first + used);
  };
  for (int64_t s = 0; s < n; ++s) {
    Solution::One one;
    const int64_t own = static_cast<int64_t>(samples[s].times.size());
    one.z = part(0, s, times * field.size, own * field.size);
    if (options.gradient) {
      one.z0_bar = part(1, s, field.size, field.size);
      if (options.times) one.t0_bar = result.outputs[2][s];
      if (options.times) one.times_bar = part(3, s, times, own);
    }
    one.status = result.status[s];
    one.statistics = result.statistics[s];
    solution.samples.push_back(std::move(one));
  }
  solution.parameters_bar = result.totals;
  return solution;
}

double replayed(const Field& field, const Options& options, const std::vector<double>& base_parameters,
                const Sample& base, const std::vector<double>& parameters, const Sample& moved) {
  const int64_t times = static_cast<int64_t>(base.times.size());
  const Nodes nodes(field, options);
  Program program = empty_program(options);
  HandWritten base_code(program, field, 0, none), moved_code(program, field, field.parameters, none);
  const auto lowering = solvers::make_solvers();
  program.pool = add_function(program, "pool");
  {
    Builder b(program, program.pool);
    Written recorded = prepare(b, field, options, nodes, base_code, times, 0);
    recorded.task.recording = Recording::record;
    lowering->forward(b, recorded.task);
    Written again = prepare(b, field, options, nodes, moved_code, times, slots_per_problem);
    again.task.recording = Recording::replay;
    lowering->forward(b, again.task);
    write_output(b, 0, again.task.results, times * field.size);
  }
  REQUIRE(verify(program) == "");
  Batch batch;
  batch.parameters = base_parameters;
  batch.parameters.insert(batch.parameters.end(), parameters.begin(), parameters.end());
  if (batch.parameters.empty()) batch.parameters = {0};
  append_data(batch, field, {base}, times);
  append_data(batch, field, {moved}, times);
  const BatchResult result = interpret(program, batch);
  REQUIRE(result.fault == "");
  double sum = 0;
  for (size_t i = 0; i < base.bar.size(); ++i) sum += base.bar[i] * result.outputs[0][i];
  return sum;
}

// ---- fields

Field lotka_volterra() {
  Field f;
  f.size = 2, f.parameters = 4;
  f.derivative = [](Builder& b, Value, const Values& z, const Values& p) -> Values {
    const Value xy = b.mul(z[0], z[1]);
    return {b.sub(b.mul(p[0], z[0]), b.mul(p[1], xy)), b.sub(b.mul(p[2], xy), b.mul(p[3], z[1]))};
  };
  f.pullback = [](Builder& b, Value, const Values& z, const Values& p, const Values& k) -> Field::Cotangents {
    const Value xy = b.mul(z[0], z[1]);
    const Value xy_bar = b.sub(b.mul(p[2], k[1]), b.mul(p[1], k[0]));
    return {{b.fma(xy_bar, z[1], b.mul(p[0], k[0])), b.fma(xy_bar, z[0], b.neg(b.mul(p[3], k[1])))},
            b.mul(k[0], b.real(0)),
            {b.mul(k[0], z[0]), b.neg(b.mul(k[0], xy)), b.mul(k[1], xy), b.neg(b.mul(k[1], z[1]))}};
  };
  return f;
}

Field forced_oscillator() {
  Field f;
  f.size = 2, f.parameters = 3;
  f.derivative = [](Builder& b, Value t, const Values& z, const Values& p) -> Values {
    const Value force = apply(b, "cos", b.mul(p[2], t));
    return {z[1], b.sub(b.sub(force, b.mul(p[0], z[0])), b.mul(p[1], z[1]))};
  };
  f.pullback = [](Builder& b, Value t, const Values& z, const Values& p,
                  const Values& k) -> Field::Cotangents {
    const Value slope = b.neg(b.mul(k[1], apply(b, "sin", b.mul(p[2], t))));
    return {{b.neg(b.mul(p[0], k[1])), b.sub(k[0], b.mul(p[1], k[1]))},
            b.mul(slope, p[2]),
            {b.neg(b.mul(k[1], z[0])), b.neg(b.mul(k[1], z[1])), b.mul(slope, t)}};
  };
  return f;
}

Field cosine() {
  Field f;
  f.derivative = [](Builder& b, Value t, const Values&, const Values&) -> Values {
    return {apply(b, "cos", t)};
  };
  f.pullback = [](Builder& b, Value t, const Values&, const Values&, const Values& k) -> Field::Cotangents {
    return {{b.mul(k[0], b.real(0))}, b.neg(b.mul(k[0], apply(b, "sin", t))), {}};
  };
  return f;
}

Field costs() {
  Field f;
  f.size = 4, f.quadratures = 2, f.parameters = 2;
  f.derivative = [](Builder& b, Value t, const Values& z, const Values& p) -> Values {
    const Value weight = b.mul(p[1], apply(b, "cos", t));
    return {z[1], b.neg(b.mul(p[0], z[0])), b.mul(weight, b.mul(z[0], z[0])), b.mul(z[0], z[1])};
  };
  f.pullback = [](Builder& b, Value t, const Values& z, const Values& p,
                  const Values& k) -> Field::Cotangents {
    const Value wave = apply(b, "cos", t), square = b.mul(z[0], z[0]), weight = b.mul(p[1], wave);
    const Value slope = b.neg(b.mul(p[1], apply(b, "sin", t))), none = b.mul(k[0], b.real(0));
    const Value first =
        b.fma(b.mul(b.real(2), b.mul(weight, z[0])), k[2], b.fma(z[1], k[3], b.neg(b.mul(p[0], k[1]))));
    return {{first, b.fma(z[0], k[3], k[0]), none, none},
            b.mul(b.mul(slope, square), k[2]),
            {b.neg(b.mul(z[0], k[1])), b.mul(b.mul(wave, square), k[2])}};
  };
  return f;
}

Field decay() {
  Field f;
  f.parameters = 1;
  f.derivative = [](Builder& b, Value, const Values& z, const Values& p) -> Values {
    return {b.neg(b.mul(p[0], z[0]))};
  };
  f.pullback = [](Builder& b, Value, const Values& z, const Values& p, const Values& k) -> Field::Cotangents {
    return {{b.neg(b.mul(p[0], k[0]))}, b.mul(k[0], b.real(0)), {b.neg(b.mul(k[0], z[0]))}};
  };
  return f;
}

Field blow_up() {
  Field f;
  f.derivative = [](Builder& b, Value, const Values& z, const Values&) -> Values {
    return {b.mul(z[0], z[0])};
  };
  f.pullback = [](Builder& b, Value, const Values& z, const Values&, const Values& k) -> Field::Cotangents {
    return {{b.mul(b.real(2), b.mul(z[0], k[0]))}, b.mul(k[0], b.real(0)), {}};
  };
  return f;
}

Field square_root() {
  Field f;
  f.derivative = [](Builder& b, Value, const Values& z, const Values&) -> Values {
    return {b.neg(b.sqrt(z[0]))};
  };
  f.pullback = [](Builder& b, Value, const Values& z, const Values&, const Values& k) -> Field::Cotangents {
    return {{b.div(b.mul(b.real(-0.5), k[0]), b.sqrt(z[0]))}, b.mul(k[0], b.real(0)), {}};
  };
  return f;
}

Field wide(int64_t size) {
  Field f;
  f.size = size, f.parameters = 1;
  f.derivative = [](Builder& b, Value t, const Values& z, const Values& p) -> Values {
    Values result;
    for (size_t d = 0; d < z.size(); ++d) {
      const Value own = b.neg(b.mul(p[0], z[d]));
      result.push_back(d == 0 ? own : b.fma(b.mul(b.real(0.1), t), z[d - 1], own));
    }
    return result;
  };
  f.pullback = [](Builder& b, Value t, const Values& z, const Values& p,
                  const Values& k) -> Field::Cotangents {
    Field::Cotangents bar;
    Value p_bar = b.mul(k[0], b.real(0));
    bar.t = p_bar;
    for (size_t d = 0; d < z.size(); ++d) {
      const Value own = b.neg(b.mul(p[0], k[d]));
      bar.z.push_back(d + 1 == z.size() ? own : b.fma(b.mul(b.real(0.1), t), k[d + 1], own));
      p_bar = b.fma(b.neg(k[d]), z[d], p_bar);
      if (d > 0) bar.t = b.fma(b.mul(b.real(0.1), k[d]), z[d - 1], bar.t);
    }
    bar.p = {p_bar};
    return bar;
  };
  return f;
}

}  // namespace nodec::solvers_fixture
