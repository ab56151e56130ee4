// The table of this instruction set, compiled once for each.
#include "ops/attention.h"
#include "ops/convolution.h"
#include "ops/element_wise.h"
#include "ops/recurrent.h"
#include "ops/rows.h"
#include "ops/sampling.h"
#include "ops/simd.h"

namespace aerie::AERIE_ISA_NS {

extern const OpKernels kOpKernels;
const OpKernels kOpKernels = {
    .unary = unary,
    .binary = binary,
    .rms_norm = rms_norm,
    .layer_norm = layer_norm,
    .softmax = softmax,
    .rope = rope,
    .rope_table = rope_table,
    .attention = {.lanes = kLanes, .write = kv_write, .partition = attend_partition, .join = join_partitions},
    .recurrent = {.causal_conv = causal_conv, .selective_scan = selective_scan},
    .convolution = {.depthwise = depthwise_conv},
    .sampling = {.largest = largest_logit, .weigh = weigh, .sum_of_exponentials = sum_of_exponentials},
};

}  // namespace aerie::AERIE_ISA_NS
