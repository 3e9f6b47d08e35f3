// Bodies of the elementary functions over machine primitives: one algorithm for every target, f32 and f64.
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

}  // namespace nodec::graph
