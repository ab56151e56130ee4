// Quantised blocks of GGUF files, as `dequantize_row_*` of ggml (`ggml-quants.c`) defines them: what is in one, in the
// terms of packed weights. Nothing is rounded: values, scales and minimums are the file's own numbers.
#pragma once

#include <cstdint>
#include <string_view>

#include "linear/packed_linear.h"

namespace aerie {

// The most values of a block, and groups.
constexpr int64_t kMostBlockValues = 256;
constexpr int64_t kMostBlockGroups = 16;

struct BlockNumbers {
  uint8_t values[kMostBlockValues];
  // f16; of the whole block.
  uint16_t scale;
  uint16_t minimum;
  // With super scales: of each group, multiples of `scale` and `minimum`.
  int8_t scales[kMostBlockGroups];
  int8_t minimums[kMostBlockGroups];
};

struct BlockType {
  std::string_view name;
  int64_t values;
  int64_t bytes;
  // The packed form that holds the same numbers: its kind, group and flags.
  LinearKind kind;
  int64_t group;
  uint32_t flags;
  void (*read)(const uint8_t* block, BlockNumbers& to);
};

// Null for a name that is none of Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K and Q6_K.
const BlockType* find_block_type(std::string_view name);

}  // namespace aerie
