// Ensembles by Boost.odeint: one trajectory after the other, embedded methods with their step control.
#include <array>
#include <boost/numeric/odeint.hpp>

#include "ensembles.hpp"

namespace odeint = boost::numeric::odeint;

template <class System>
int run(int argc, char** argv) {
  using State = std::array<double, System::size>;
  const auto field = [](const State& u, State& du, double) { System()(u.data(), du.data()); };
  const auto integrate = [&](auto stepper, double* u, double end) {
    State state;
    std::copy_n(u, System::size, state.begin());
    odeint::integrate_adaptive(stepper, field, state, 0.0, end, 0.01);
    std::copy_n(state.begin(), System::size, u);
  };
  const std::string method = argv[2];
  return measure(System::size, argv, argc, [&](double* u, double tolerance, double end) {
    if (method == "dopri5")
      integrate(odeint::make_controlled(tolerance, tolerance, odeint::runge_kutta_dopri5<State>()), u, end);
    else
      integrate(odeint::make_controlled(tolerance, tolerance, odeint::runge_kutta_fehlberg78<State>()), u,
                end);
  });
}

int main(int argc, char** argv) {
  return std::string(argv[1]) == "lorenz" ? run<Lorenz>(argc, argv) : run<VanDerPol>(argc, argv);
}
