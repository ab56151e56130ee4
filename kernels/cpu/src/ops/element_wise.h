// Operations that treat every element alone.
#pragma once

#include "ops/op_kernels.h"

namespace aerie::AERIE_ISA_NS {

void unary(Activation kind, int64_t count, const float* x, float* y);
void binary(BinaryKind kind, int64_t count, const float* a, int a_step, const float* b, int b_step, float* y);

}  // namespace aerie::AERIE_ISA_NS
