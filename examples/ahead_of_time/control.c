/* Improves a torque by 200 steps of its gradient, in memory that is fixed when the program is linked. */
#include <stdio.h>

#include "swing.h"

enum { points = 11, workspace_bytes = 1 << 20 };

static char workspace[workspace_bytes];

int main(void) {
  double start[2] = {0, 0}, torque[points], angles[points], by_start[2], by_torque[points];
  double loss, sample_loss, parameters[SWING_PARAMETERS];
  struct swing_inputs inputs;
  struct swing_gradient_results gradient;
  struct swing_solve_results solution;
  struct swing_failure failure;
  int n, step, code;

  inputs.samples = 1;
  inputs.parameters = swing_weights;
  inputs.start = start;
  inputs.torque = torque;
  gradient.loss = &loss;
  gradient.parameters = parameters;
  gradient.start = by_start;
  gradient.torque = by_torque;
  solution.q = angles;
  solution.sample_loss = &sample_loss;
  solution.loss = &loss;
  for (n = 0; n < points; ++n) torque[n] = n < 5 ? 4 : -4;

  printf("a gradient of 1000 steps needs %lu bytes\n", (unsigned long)swing_gradient_workspace(&inputs, 1000));
  for (step = 0; step < 200; ++step) {
    code = swing_gradient(&inputs, &gradient, workspace, workspace_bytes, &failure);
    if (code != SWING_OK) {
      fprintf(stderr, "code %d at t = %g, step %d\n", code, failure.t, failure.steps);
      return 1;
    }
    if (step == 0) printf("loss %.17g\n", loss);
    for (n = 0; n < points; ++n) torque[n] -= 10 * by_torque[n];
  }
  if (swing_solve(&inputs, &solution, workspace, workspace_bytes, NULL) != SWING_OK) return 1;
  printf("loss %.17g\n", loss);
  printf("angle at the end %.17g\n", angles[points - 1]);
  return 0;
}
