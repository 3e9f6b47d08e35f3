// What a call of a prepared solver costs: allocations, counted here (none), and time, printed; and that
// programs come and go without growth.
//
// Usage: nodec_hot_path [CYCLES]. Exit status 1 where something was allocated or memory grew.
#include <nodec/nodec.hpp>

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

namespace {

std::atomic<long> allocations{0};

}  // namespace

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
void* malloc(size_t size) { return ++allocations, __libc_malloc(size); }
void* calloc(size_t count, size_t size) { return ++allocations, __libc_calloc(count, size); }
void* realloc(void* memory, size_t size) { return ++allocations, __libc_realloc(memory, size); }
void* memalign(size_t alignment, size_t size) { return ++allocations, __libc_memalign(alignment, size); }
void* aligned_alloc(size_t alignment, size_t size) { return ++allocations, __libc_memalign(alignment, size); }
int posix_memalign(void** memory, size_t alignment, size_t size) {
  ++allocations;
  *memory = __libc_memalign(alignment, size);
  return *memory ? 0 : 12;
}
}
#endif

namespace {

// Three states, ten steps.
const char* const lorenz = R"(
field lorenz {
  state x: real, y: real, z: real
  param s: real = 10, r: real = 28, b: real = 2.667
  x' = s * (y - x)
  y' = x * (r - z) - y
  z' = x * y - b * z
}
model m {
  data start: real[3], end: real[3]
  let (x, y, z) = solve lorenz(x = start[0], y = start[1], z = start[2]) from 0 to 0.1 by rk4(steps = 10)
  output reached = [x, y, z]
  loss sum(([x, y, z] - end)^2)
}
)";

// Adaptive steps, a batch, a network, noise: whatever may ask for memory.
const char* const network = R"(
use nn
field flow {
  state z: real[2]
  layer net = mlp([2, 16, 2], tanh)
  z' = net(z)
}
model m {
  dim T
  data t: real[T], y: real[T, 2]
  sample e: real[2] ~ normal(0, 0.01)
  let z = solve flow(z = y[0] + e) at t by dopri5(rtol = 1e-6, atol = 1e-6)
  output z
  loss mean((z - y)^2)
}
)";

int failures = 0;

void expect(bool good, const char* what) {
  if (good) return;
  std::printf("failed: %s\n", what);
  ++failures;
}

template <class Call>
void measure(const char* name, Call&& call, int calls) {
  using Clock = std::chrono::steady_clock;
  const long before = allocations;
  bool good = true;
  double best = 1e9;
  for (int round = 0; round < 10; ++round) {
    const Clock::time_point start = Clock::now();
    for (int i = 0; i < calls; ++i) good &= static_cast<bool>(call());
    best = std::min(best, std::chrono::duration<double, std::micro>(Clock::now() - start).count() / calls);
  }
  const long made = allocations - before;
  std::printf("%-24s %8.3f us, %ld allocations in %d calls\n", name, best, made, 10 * calls);
  expect(good, name);
  expect(made == 0, "nothing is allocated");
}

template <class Real>
void small_solve(nodec::Precision precision) {
  nodec::Options options;
  options.precision = precision;
  auto model = nodec::Program::from_text("lorenz.node", lorenz, options).model();
  auto solver = model->template prepare<Real>({.gradient = true, .vjp = true, .jvp = true});
  if (!solver) {
    for (const nodec::Diagnostic& d : solver.diagnostics()) std::fputs(d.rendered.c_str(), stdout);
    std::exit(1);
  }
  std::fill_n(solver->data("start").data(), 3, Real(1));
  std::fill_n(solver->output_cotangent("reached").data(), 3, Real(1));
  const char* const name = precision == nodec::Precision::f64 ? "lorenz f64" : "lorenz f32";
  std::puts(name);
  measure(
      "  solve", [&] { return solver->solve(); }, 10000);
  measure(
      "  gradient", [&] { return solver->gradient(); }, 10000);
  measure(
      "  vjp", [&] { return solver->vjp(); }, 10000);
  measure(
      "  jvp", [&] { return solver->jvp(); }, 10000);
}

void batches(int threads) {
  auto model = nodec::Program::from_text("network.node", network).model();
  auto solver =
      model->prepare<double>({.samples = 200, .lengths = {{"T", 9}}, .gradient = true, .threads = threads});
  const nodec::View<double> t = solver->data("t"), y = solver->data("y");
  for (size_t i = 0; i < t.size(); ++i) t[i] = 0.1 * static_cast<double>(i % 9);
  for (size_t i = 0; i < y.size(); ++i) y[i] = 0.01 * static_cast<double>(i % 100);
  for (int i = 0; i < 20; ++i) {  // records grow to what these steps need, in each thread
    solver->solve();
    solver->gradient();
  }
  std::printf("network, 200 samples, %d threads\n", threads);
  measure(
      "  solve", [&] { return solver->solve(); }, 10);
  measure(
      "  gradient", [&] { return solver->gradient(); }, 10);
  auto adam = nodec::Optimizer::make(model->layout());
  measure(
      "  step of adam", [&] { return adam->step(solver->parameters(), solver->parameter_gradient()); }, 10);
}

void trajectories() {
  const nodec::Program program = nodec::Program::from_text("lorenz.node", lorenz);
  auto model = program.integrate("lorenz", {"x", "y", "z"});
  const nodec::Array one{{}, {1}};
  auto data = model->bind({{"t0", {{}, {0}}}, {"t", {{1}, {20}}}, {"x", one}, {"y", one}, {"z", one}});
  auto solved = model->trajectories(*data, *model->initial_weights());
  const nodec::Trajectory& path = solved->samples[0];
  std::printf("trajectory of %td steps\n", std::ssize(path.ends()) - 1);
  std::array<double, 3> state{};
  double t = 0;
  const auto next = [&] { return t = t < 10 ? t + 7.1 : t - 9.3; };
  measure(
      "  at", [&] { return path.at(next(), state); }, 10000);
  measure(
      "  derivative", [&] { return path.derivative(next(), state); }, 10000);
}

long resident_bytes() {
  std::ifstream file("/proc/self/statm");
  long pages = 0, resident = 0;
  file >> pages >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

long allocated_bytes() {
  const struct mallinfo2 info = ::mallinfo2();
  return static_cast<long>(info.uordblks + info.hblkhd);
}

// A program that no cycle has had before: other names, other constants.
std::string renamed(const std::string& number) {
  std::string text = lorenz;
  for (size_t at = 0; (at = text.find("lorenz", at)) != std::string::npos; at += 6 + number.size())
    text.insert(at + 6, number);
  text.replace(text.find("2.667"), 5, "2." + number);
  return text;
}

// Compile, run, destroy; with every other program that is refused.
void cycles(int count) {
  const auto cycle = [](int i) {
    const std::string text = renamed(std::to_string(i + 1));
    if (i % 2 == 1) {
      const nodec::Program wrong = nodec::Program::from_text("wrong.node", text + "model n { loss unknown }");
      expect(!wrong.ok() && !wrong.diagnostics().empty(), "a wrong program is refused");
    }
    auto model = nodec::Program::from_text("lorenz.node", text).model();
    auto solver = model->prepare<double>({.gradient = true});
    expect(static_cast<bool>(solver->gradient()), "a cycle");
  };
  // Pools that live as long as the process have their size by then.
  const int first = std::min(200, count / 2);
  for (int i = 0; i < first; ++i) cycle(i);
  const long resident = resident_bytes(), allocated = allocated_bytes();
  for (int i = first; i < count; ++i) cycle(i);
  const long more_resident = resident_bytes() - resident, more_allocated = allocated_bytes() - allocated;
  std::printf(
      "%d cycles of compile, run, destroy: %ld KiB resident, %+ld KiB since cycle %d; allocated %+ld bytes\n",
      count, resident_bytes() / 1024, more_resident / 1024, first, more_allocated);
  expect(more_allocated < (long{64} << 10), "what is allocated does not grow");
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they keep what is freed for a while
  expect(more_resident < (long{8} << 20), "resident memory does not grow");
#endif
}

}  // namespace

int main(int argc, char** argv) {
  small_solve<double>(nodec::Precision::f64);
  small_solve<float>(nodec::Precision::f32);
  batches(1);
  batches(2);
  trajectories();
  cycles(argc > 1 ? std::atoi(argv[1]) : 100);
  return failures == 0 ? 0 : 1;
}
