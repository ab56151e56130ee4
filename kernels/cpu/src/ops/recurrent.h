// Recurrences over the tokens of one sequence.
#pragma once

#include "ops/recurrent_kernels.h"

namespace aerie::AERIE_ISA_NS {

void causal_conv(const CausalConvArguments& arguments);
void selective_scan(const SelectiveScanArguments& arguments);

}  // namespace aerie::AERIE_ISA_NS
