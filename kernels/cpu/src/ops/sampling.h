// What sampling goes through a whole vocabulary for.
#pragma once

#include "ops/sampling_kernels.h"

namespace aerie::AERIE_ISA_NS {

float largest_logit(int64_t count, const float* logits);
double weigh(int64_t count, const double* values, double max, double temperature, double* weights);
double sum_of_exponentials(int64_t count, const float* logits, double max);

}  // namespace aerie::AERIE_ISA_NS
