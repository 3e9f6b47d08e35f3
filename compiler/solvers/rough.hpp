// Powers to five digits, for numbers that steer and are not results: a quarter of the exact functions' time.
#pragma once

#include "compiler/solvers/lanes.hpp"

namespace nodec::solvers {

// Of a finite x that is not denormal and > 0; 5e-6 absolute. Some number of at most 1100 (in single precision
// 150) of any other; of 0 and denormal ones about the least.
Value rough_log2(Builder& b, Value x);
// Of |x| ≤ 1000, in single precision 120; 4e-6 relative.
Value rough_exp2(Builder& b, Value x);

}  // namespace nodec::solvers
