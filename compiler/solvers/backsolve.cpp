#include "compiler/solvers/backsolve.hpp"
namespace nodec::solvers {
void write_backsolve(schedule::Builder&, schedule::AdjointTask&) {}
}  // namespace nodec::solvers
