// Ensembles by SUNDIALS: one trajectory after the other, by CVODE's Adams methods or ARKODE's explicit fifth
// order.
#include <arkode/arkode_erkstep.h>
#include <cvode/cvode.h>
#include <nvector/nvector_serial.h>
#include <sunnonlinsol/sunnonlinsol_fixedpoint.h>

#include "ensembles.hpp"

template <class System>
int rate(realtype, N_Vector u, N_Vector du, void*) {
  System()(N_VGetArrayPointer(u), N_VGetArrayPointer(du));
  return 0;
}

template <class System>
int run(int argc, char** argv) {
  SUNContext context = nullptr;
  SUNContext_Create(nullptr, &context);
  N_Vector state = N_VNew_Serial(System::size, context);
  const bool adams = std::string(argv[2]) == "adams";
  void* memory = adams ? CVodeCreate(CV_ADAMS, context) : nullptr;
  if (adams) {
    CVodeInit(memory, rate<System>, 0, state);
    CVodeSetNonlinearSolver(memory, SUNNonlinSol_FixedPoint(state, 0, context));
    CVodeSetMaxNumSteps(memory, 1000000);
  } else {
    memory = ERKStepCreate(rate<System>, 0, state, context);
    ERKStepSetTableNum(memory, ARKODE_DORMAND_PRINCE_7_4_5);
    ERKStepSetMaxNumSteps(memory, 1000000);
  }
  return measure(System::size, argv, argc, [&](double* u, double tolerance, double end) {
    for (int i = 0; i < System::size; ++i) N_VGetArrayPointer(state)[i] = u[i];
    realtype reached = 0;
    if (adams) {
      CVodeReInit(memory, 0, state);
      CVodeSStolerances(memory, tolerance, tolerance);
      CVodeSetStopTime(memory, end);
      CVode(memory, end, state, &reached, CV_NORMAL);
    } else {
      ERKStepReInit(memory, rate<System>, 0, state);
      ERKStepSStolerances(memory, tolerance, tolerance);
      ERKStepSetStopTime(memory, end);
      ERKStepEvolve(memory, end, state, &reached, ARK_NORMAL);
    }
    for (int i = 0; i < System::size; ++i) u[i] = N_VGetArrayPointer(state)[i];
  });
}

int main(int argc, char** argv) {
  return std::string(argv[1]) == "lorenz" ? run<Lorenz>(argc, argv) : run<VanDerPol>(argc, argv);
}
