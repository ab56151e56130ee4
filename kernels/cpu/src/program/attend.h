// Attention of many queries: cut into tasks for the pool, each a few query rows over one head's keys.
#pragma once

#include <cstdint>
#include <vector>

#include "memory.h"
#include "ops/op_kernels.h"
#include "thread_pool.h"

namespace aerie {

// Neighbouring queries that read one key and value head, each by `group` of its own heads.
struct AttentionTask {
  KvView kv;
  const int32_t* table;
  // [queries, group, head_dim]: queries `stride` floats apart.
  const float* q;
  float* y;
  int64_t stride;
  int64_t queries;
  int64_t group;
  // Query i sees keys first_position + i − window + 1 (from 0) … first_position + i, or all of `keys` if not causal.
  bool is_causal;
  int64_t first_position;
  int64_t window;  // 0: every earlier key
  int64_t keys;
  // [group], or null.
  const float* sinks;
};

// At most kMaxRows rows a task.
struct AttentionSettings {
  float scale;
  float soft_cap;
};

// Throws OutOfMemory.
void attend(ThreadPool& pool, const AttentionKernels& kernels, const std::vector<AttentionTask>& tasks,
            const AttentionSettings& settings, Buffer& scratch);

}  // namespace aerie
