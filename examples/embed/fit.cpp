// A fit by the host's own optimizer: Levenberg and Marquardt's, whose Jacobian comes column by column from
// Jacobian-vector products.
//
// Usage: fit decay.node
#include <Eigen/Dense>
#include <cstdio>
#include <nodec/eigen.hpp>
#include <nodec/nodec.hpp>

int main(int count, char** arguments) {
  if (count < 2) return std::fputs("usage: fit decay.node\n", stderr), 2;
  const auto program = nodec::Program::from_file(arguments[1]);
  for (const auto& message : program.diagnostics()) std::fputs(message.rendered.c_str(), stderr);
  auto model = program.model();
  if (!model) return 1;
  constexpr int times = 25;
  auto solver =
      model->prepare<double>({.lengths = {{"T", times}}, .jvp = true, .of_data = std::set<std::string>{}});
  if (!solver) return 1;
  nodec::vector(solver->data("t")).setLinSpaced(0.2, 5);
  auto parameters = nodec::vector(solver->parameters());
  auto direction = nodec::vector(solver->parameter_tangent());
  const auto blood = nodec::vector(solver->output("blood"));
  const auto column = nodec::vector(solver->output_tangent("blood"));

  const Eigen::Vector3d truth(0.8, 0.3, 0.5);
  Eigen::Vector3d guess = parameters;
  parameters = truth;
  if (!solver->solve()) return 1;
  const Eigen::VectorXd measured = blood;

  parameters = guess;
  Eigen::MatrixXd jacobian(times, 3);
  double damping = 1e-2;
  for (int iteration = 0; iteration < 50; ++iteration) {
    for (int i = 0; i < 3; ++i) {
      direction = Eigen::Vector3d::Unit(i);
      if (!solver->jvp()) return 1;
      jacobian.col(i) = column;
    }
    if (!solver->solve()) return 1;
    const Eigen::VectorXd residual = blood - measured;
    const Eigen::Matrix3d normal = jacobian.transpose() * jacobian;
    const Eigen::Matrix3d damped = normal + damping * Eigen::Matrix3d(normal.diagonal().asDiagonal());
    const Eigen::Vector3d step = damped.ldlt().solve(-jacobian.transpose() * residual);
    const Eigen::Vector3d before = parameters;
    // The rates are positive: at most four fifths of one is given up in a step.
    parameters = (before + step).cwiseMax(0.2 * before);
    const bool better = solver->solve() && (blood - measured).squaredNorm() < residual.squaredNorm();
    if (!better) parameters = before;
    damping = better ? damping / 5 : damping * 5;
    std::printf("%2d  error %.3e\n", iteration, residual.norm());
    if (residual.norm() < 1e-9) break;
  }
  for (const nodec::Slot& slot : model->layout())
    std::printf("%-20s %.6f\n", slot.path.c_str(), solver->parameter(slot.path)[0]);
  return (parameters - truth).norm() < 1e-4 ? 0 : 1;
}
