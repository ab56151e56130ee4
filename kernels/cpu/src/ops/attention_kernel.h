// Attention of a few queries over keys that lie in blocks, a partition of the keys at a time.
//
// Sums run in an order that depends on absolute key positions alone: a tile of kTile keys is one step of the online
// softmax, a partition of kPartition keys starts from nothing, and partitions are joined in order. A query's result is
// therefore the same bits whatever is computed beside it, in how many pieces its prompt came, and on how many threads.
#pragma once

#include <cstddef>
#include <cstdint>

namespace aerie {

enum class KvType { kF32, kF16, kInt8 };

constexpr int64_t kKeyPanel = 16;
constexpr int64_t kTile = 64;
constexpr int64_t kPartition = 512;
// Query rows (a query's heads of one group are rows) that one call takes.
// A multiple of every register tile's rows.
constexpr int64_t kMaxRows = 60;
constexpr int64_t kMaxHeadDim = 256;

// The keys and values of one head in one layer. A block holds, at these byte offsets:
//   keys         [panels, head_dim, kKeyPanel]: neighbours are the same channel of kKeyPanel keys
//   values       [panels · kKeyPanel, value_width]: channels past head_dim are 0
//   their scales [panels · kKeyPanel] f32 each, of int8 ones: a number stands for itself times the scale
struct KvView {
  KvType type;
  std::byte* blocks;
  int64_t block_bytes;
  int64_t block_size;  // positions
  int64_t keys;
  int64_t values;
  int64_t key_scales;
  int64_t value_scales;
  int64_t head_dim;
  int64_t value_width;  // a multiple of 16, or of the kernels' lanes
};

// Of one query row: sees keys first … last − 1.
struct Visible {
  int64_t first;
  int64_t last;
};

// Running results of `rows` query rows.
struct AttentionState {
  float* maxima;  // [rows]: of the scores, times kLog2E
  float* sums;    // [rows]
  float* values;  // [rows, value_width]
};

struct AttentionArguments {
  KvView kv;
  const int32_t* table;  // number of the block that holds positions i · block_size …
  int64_t rows;
  const float* q;  // [rows, head_dim]
  const Visible* visible;
  float scale;
  float soft_cap;  // 0: none; else scores s become cap · tanh(s / cap)
};

struct AttentionKernels {
  int64_t lanes;
  // Writes `count` positions from `position` on; k and v are [head_dim] each `stride` floats after the last.
  void (*write)(const KvView&, const int32_t* table, int64_t position, int64_t count, const float* k, const float* v,
                int64_t stride);
  // Attends to the keys of one partition; `state` is set.
  void (*partition)(const AttentionArguments&, int64_t partition, const AttentionState& state);
  // Takes `part` into `total`.
  void (*join)(int64_t rows, int64_t value_width, const AttentionState& total, const AttentionState& part);
};

// Weights are powers of two, so that scores come to their exponents by one product.
constexpr float kLog2E = 1.44269504f;
// The maximum of a row that has seen nothing. Finite, so that differences of maxima are never NaN.
constexpr float kNothingSeen = -1e30f;

}  // namespace aerie
