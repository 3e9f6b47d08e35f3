// An ensemble: one compiled model, a solver in each thread, parameters of many members in one matrix that the
// solvers read where it lies.
//
// Usage: ensemble oscillator.node
#include <atomic>
#include <cstdio>
#include <nodec/eigen.hpp>
#include <nodec/nodec.hpp>
#include <random>
#include <thread>
#include <vector>

int main(int count, char** arguments) {
  if (count < 2) return std::fputs("usage: ensemble oscillator.node\n", stderr), 2;
  const auto program = nodec::Program::from_file(arguments[1]);
  for (const auto& message : program.diagnostics()) std::fputs(message.rendered.c_str(), stderr);
  auto model = program.model();
  if (!model) return 1;

  constexpr int members = 2000, times = 11;
  Eigen::MatrixXd parameters(1, members), ends(2, members);  // a column a member
  std::mt19937 random(1);
  std::normal_distribution<double> damping(0.3, 0.05);
  for (int i = 0; i < members; ++i) parameters(0, i) = damping(random);

  std::atomic<int> next{0};
  std::atomic<bool> failed{false};
  const auto work = [&] {
    auto solver = model->prepare<double>({.lengths = {{"T", times}}});
    if (!solver) return void(failed = true);
    nodec::vector(solver->data("start")) << 1, 0;
    nodec::vector(solver->data("t")).setLinSpaced(0, 10);
    const auto path = nodec::matrix(solver->output("path"));
    for (int i = next++; i < members; i = next++) {
      solver->read_parameters({parameters.col(i).data(), 1});
      if (!solver->solve()) failed = true;
      ends.col(i) = path.row(times - 1);
    }
  };
  std::vector<std::thread> threads;
  for (unsigned n = 0; n < std::max(2u, std::thread::hardware_concurrency()); ++n) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  if (failed) return 1;

  const Eigen::Vector2d mean = ends.rowwise().mean();
  const Eigen::Vector2d deviation = ((ends.colwise() - mean).rowwise().squaredNorm() / members).cwiseSqrt();
  std::printf("at t = 10: q = %.4f ± %.4f, v = %.4f ± %.4f\n", mean[0], deviation[0], mean[1], deviation[1]);
  return 0;
}
