// From a weight as files have it (src/weights/quantised.ts) to the packed block that kernels read.
#pragma once

#include <cstdint>
#include <span>

#include "linear/ggml_blocks.h"
#include "linear/packed_linear.h"

namespace aerie {

class ThreadPool;

// A weight [out, in]. Dense: `values` alone. Quantised: groups = ⌈in / group⌉,
//   int4  values [out, groups, group / 2], low half first; int8 the same with a byte each; numbers less a zero point
//   int8 and is_signed: values [out, in] two's complement, one scale a row (group is ignored)
// GGUF: `values` are blocks, row after row, and kind and group are what their type says.
struct LinearSource {
  LinearKind kind = LinearKind::kF32;
  int64_t out = 0;
  int64_t in = 0;
  int64_t group = 0;
  bool is_signed = false;
  std::span<const uint8_t> values = {};
  // Null but for GGUF.
  const BlockType* blocks = nullptr;
  // [out, groups]
  std::span<const float> scales = {};
  // [out, ⌈groups · bits / 8⌉], packed as the values; empty: 2^(bits − 1) everywhere.
  std::span<const uint8_t> zero_points = {};
  // Packed as 2:4, which `first_dense_quad` (linear/sparse24.h) must have found it to be: of a quad with more values
  // than two that are not zero only two are kept.
  bool sparse24 = false;
  // Added to what the values stand for: up [out, rank] · down [rank, in]. Kept as f16 if that is exact for all.
  int64_t rank = 0;
  std::span<const float> down = {};
  std::span<const float> up = {};
};

// Throws RangeError for a shape that no kernel takes, TypeError for lengths that do not fit it.
void check_source(const LinearSource& source);

// The header of the block that `pack_linear` will write; its `bytes` are what to allocate. Throws as
// `check_source`.
PackedHeader plan_packed(const LinearSource& source);

// Writes all `header.bytes` of `block`, aligned to 64.
void pack_linear(ThreadPool& pool, const LinearSource& source, const PackedHeader& header, void* block);

}  // namespace aerie
