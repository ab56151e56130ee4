// One tile of keys and values as floats, and its two products with a few query rows.
#pragma once

#include "ops/attention_kernel.h"
#include "ops/simd.h"

namespace aerie::AERIE_ISA_NS {

constexpr int64_t kTilePanels = kTile / kKeyPanel;

struct Tile {
  int64_t start;  // position of its first key
  int64_t panels;
  const float* keys[kTilePanels];    // [head_dim, kKeyPanel] each
  const float* values[kTilePanels];  // [kKeyPanel, value_width] each
  const float* key_scales;           // [kTile], of int8
  const float* value_scales;
};

// For what does not lie in the blocks as the products read it.
struct TileMemory {
  float keys[kMaxHeadDim * kTile];
  float values[kTile * kMaxHeadDim];
  float key_scales[kTile];
  float value_scales[kTile];
};

// keys in 1 … kTile. `memory` must live as long as the tile.
Tile load_tile(const KvView& kv, const int32_t* table, int64_t start, int64_t keys, TileMemory& memory);

// Asks for what `load_tile` will read; the processor foresees little of it, since blocks lie apart.
void prefetch_tile(const KvView& kv, const int32_t* table, int64_t start, int64_t keys);

// scores[row, key] = q[row] · key; scores are [rows, kTile].
void score_tile(int64_t rows, int64_t head_dim, const float* q, const Tile& tile, float* scores);

// values[row] += Σ weights[row, key] · value of key, over keys first … last − 1 of the tile in order.
void add_values(int64_t rows, int64_t width, const float* weights, const Tile& tile, int64_t first, int64_t last,
                float* values);

}  // namespace aerie::AERIE_ISA_NS
