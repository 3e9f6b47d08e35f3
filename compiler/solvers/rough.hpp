// Powers to five digits, for numbers that steer and are not results: a quarter of the exact functions' time.
#pragma once

#include "compiler/solvers/lanes.hpp"

namespace nodec::solvers {

// Of a finite x that is not denormal and > 0; 5e-6 absolute.
Value rough_log2(Builder& b, Value x);
// 4e-6 relative; beyond ±100 the result of ±100.
Value rough_exp2(Builder& b, Value x);

}  // namespace nodec::solvers
