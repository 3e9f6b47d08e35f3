// A damped oscillator: positions and velocities at eleven times, as a matrix of Eigen's.
#include <iostream>
#include <nodec/eigen.hpp>
#include <nodec/nodec.hpp>

int main(int, char** arguments) {
  const auto program = nodec::Program::from_file(arguments[1]);  // oscillator.node
  for (const auto& message : program.diagnostics()) std::cerr << message.rendered;
  auto model = program.model();
  auto solver = model->prepare<double>({.lengths = {{"T", 11}}});
  nodec::vector(solver->data("start")) << 1, 0;
  nodec::vector(solver->data("t")).setLinSpaced(0, 10);
  if (!solver->solve()) return 1;
  std::cout << nodec::matrix(solver->output("path")) << "\n";  // 11 × 2
}
