// Bodies of the elementary functions over machine primitives: one algorithm for every target, f32 and f64.
//
// Largest errors in units of the last place, and operations of a lane (constants not counted; sin, cos and
// tan need another 110 for lanes beyond 2^18 in f32, 2^30 in f64). Measured over every f32 number for exp,
// log, sigmoid, sin and tanh, otherwise over 2^25 f32 and 2^23 f64 numbers of all exponents;
// tests/unit/elementary_test.cpp measures again. Signed zeros, infinities, NaN and denormals, as arguments
// and as results, are those of IEEE 754 and C.
//
//              f32  operations   f64  operations
//   exp        1.1     27        1.1     32
//   expm1      1.5     27        2       32
//   log        1       35        1       38
//   log1p      1.2     53        1       56
//   pow        1.3    137        1.2    147
//   sin, cos   1.6     32        1.6     37
//   tan        3.5     28        3       33
//   asin       2       24        2       31
//   acos       1.5     24        1.5     31
//   atan       2.5     48        1       55
//   atan2      3       69        2       76
//   sinh       2.5     40        2.5     45
//   cosh       1.6     36        1.6     41
//   tanh       4.9     21        2.5     43
//   sigmoid    2.5     33        2.5     38
//   softplus   2       85        2       93
//   elu        1       29        1.2     34
//   erf        2.6     60        2       78
//   lgamma     4      174        4      197     x > 0; below, of the larger term of the reflection
//   digamma    8      100        8      110     of max(1, |psi|), x > 0
//   trigamma   5       76        5       81     x > 0
#pragma once

#include "compiler/graph/op.hpp"

namespace nodec::graph {

using PrimitiveValue = Primitives::Value;

PrimitiveValue exp_body(Primitives& p, PrimitiveValue x);
PrimitiveValue expm1_body(Primitives& p, PrimitiveValue x);
PrimitiveValue log_body(Primitives& p, PrimitiveValue x);
PrimitiveValue log1p_body(Primitives& p, PrimitiveValue x);
PrimitiveValue pow_body(Primitives& p, PrimitiveValue x, PrimitiveValue y);
PrimitiveValue sin_body(Primitives& p, PrimitiveValue x);
PrimitiveValue cos_body(Primitives& p, PrimitiveValue x);
PrimitiveValue tan_body(Primitives& p, PrimitiveValue x);
PrimitiveValue asin_body(Primitives& p, PrimitiveValue x);
PrimitiveValue acos_body(Primitives& p, PrimitiveValue x);
PrimitiveValue atan_body(Primitives& p, PrimitiveValue x);
PrimitiveValue atan2_body(Primitives& p, PrimitiveValue y, PrimitiveValue x);
PrimitiveValue sinh_body(Primitives& p, PrimitiveValue x);
PrimitiveValue cosh_body(Primitives& p, PrimitiveValue x);
PrimitiveValue tanh_body(Primitives& p, PrimitiveValue x);
PrimitiveValue sigmoid_body(Primitives& p, PrimitiveValue x);
PrimitiveValue softplus_body(Primitives& p, PrimitiveValue x);
PrimitiveValue elu_body(Primitives& p, PrimitiveValue x);
PrimitiveValue erf_body(Primitives& p, PrimitiveValue x);
PrimitiveValue lgamma_body(Primitives& p, PrimitiveValue x);
PrimitiveValue digamma_body(Primitives& p, PrimitiveValue x);
PrimitiveValue trigamma_body(Primitives& p, PrimitiveValue x);

}  // namespace nodec::graph
