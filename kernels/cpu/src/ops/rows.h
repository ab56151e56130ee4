// Operations that treat every row alone: norms, softmax, rotary embedding.
#pragma once

#include "ops/op_kernels.h"

namespace aerie::AERIE_ISA_NS {

void rms_norm(const NormArguments& arguments);
void layer_norm(const NormArguments& arguments);
void softmax(int64_t rows, int64_t width, const float* x, float* y);
void rope(const RopeArguments& arguments);
void rope_table(const RopeTableArguments& arguments);

}  // namespace aerie::AERIE_ISA_NS
