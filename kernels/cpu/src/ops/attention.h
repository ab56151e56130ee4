#pragma once

#include "ops/attention_kernel.h"

namespace aerie::AERIE_ISA_NS {

void kv_write(const KvView& kv, const int32_t* table, int64_t position, int64_t count, const float* k, const float* v,
              int64_t stride);
void attend_partition(const AttentionArguments& arguments, int64_t partition, const AttentionState& state);
void join_partitions(int64_t rows, int64_t value_width, const AttentionState& total, const AttentionState& part);

}  // namespace aerie::AERIE_ISA_NS
