// The table of this instruction set, compiled once for each.
#include "ops/attention.h"
#include "ops/element_wise.h"
#include "ops/rows.h"
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
};

}  // namespace aerie::AERIE_ISA_NS
