// How keys and values lie in blocks: writing them, and reading a tile of them as floats.
#include "ops/attention.h"
#include "ops/attention_tile.h"

namespace aerie::AERIE_ISA_NS {
namespace {

AERIE_INLINE std::byte* block_of(const KvView& kv, const int32_t* table, int64_t position) {
  return kv.blocks + table[position / kv.block_size] * kv.block_bytes;
}

AERIE_INLINE int64_t key_index(const KvView& kv, int64_t slot, int64_t channel) {
  return (slot / kKeyPanel * kv.head_dim + channel) * kKeyPanel + slot % kKeyPanel;
}

template <typename T>
AERIE_INLINE T* section(std::byte* block, int64_t offset) {
  return reinterpret_cast<T*>(block + offset);
}

// In −127 … 127, times the scale that is returned.
AERIE_INLINE float quantise(const float* x, int64_t count, int8_t* y) {
  float largest = 0;
  for (int64_t i = 0; i < count; ++i) {
    const float magnitude = __builtin_fabsf(x[i]);
    largest = magnitude > largest ? magnitude : largest;
  }
  const float scale = largest / 127.0f;
  const float inverse = largest > 0 ? 127.0f / largest : 0;
  for (int64_t i = 0; i < count; ++i) {
    // Nearest, ties to even; clamped so that what is not a number converts to something.
    float v = __builtin_rintf(x[i] * inverse);
    v = v > -127.0f ? v : -127.0f;
    v = v < 127.0f ? v : 127.0f;
    y[i] = static_cast<int8_t>(v);
  }
  return scale;
}

void write_position(const KvView& kv, std::byte* block, int64_t slot, const float* k, const float* v) {
  const int64_t n = kv.head_dim;
  switch (kv.type) {
    case KvType::kF32: {
      float* keys = section<float>(block, kv.keys);
      for (int64_t i = 0; i < n; ++i) keys[key_index(kv, slot, i)] = k[i];
      std::memcpy(section<float>(block, kv.values) + slot * kv.value_width, v, static_cast<size_t>(n) * sizeof(float));
      return;
    }
    case KvType::kF16: {
      uint16_t* keys = section<uint16_t>(block, kv.keys);
      uint16_t* values = section<uint16_t>(block, kv.values) + slot * kv.value_width;
      for (int64_t i = 0; i < n; ++i) keys[key_index(kv, slot, i)] = float_to_half(k[i]);
      for (int64_t i = 0; i < n; ++i) values[i] = float_to_half(v[i]);
      return;
    }
    case KvType::kInt8: {
      int8_t row[kMaxHeadDim];
      section<float>(block, kv.key_scales)[slot] = quantise(k, n, row);
      int8_t* keys = section<int8_t>(block, kv.keys);
      for (int64_t i = 0; i < n; ++i) keys[key_index(kv, slot, i)] = row[i];
      section<float>(block, kv.value_scales)[slot] =
          quantise(v, n, section<int8_t>(block, kv.values) + slot * kv.value_width);
      return;
    }
  }
}

AERIE_INLINE float stored(const KvView& kv, std::byte* block, int64_t offset, int64_t index) {
  switch (kv.type) {
    case KvType::kF32:
      return section<float>(block, offset)[index];
    case KvType::kF16:
      return half_to_float(section<uint16_t>(block, offset)[index]);
    case KvType::kInt8:
      return section<int8_t>(block, offset)[index];
  }
  return 0;
}

// `count` floats, a multiple of kLanes.
AERIE_INLINE void widen(const KvView& kv, std::byte* block, int64_t offset, int64_t index, int64_t count, float* y) {
  if (kv.type == KvType::kF16) {
    const uint16_t* x = section<uint16_t>(block, offset) + index;
    for (int64_t i = 0; i < count; i += kLanes) store(y + i, load_half(x + i));
  } else {
    const int8_t* x = section<int8_t>(block, offset) + index;
    for (int64_t i = 0; i < count; i += kLanes) store(y + i, load_int8(x + i));
  }
}

// A panel that lies in one block.
void load_panel(const KvView& kv, std::byte* block, int64_t slot, int64_t panel, Tile& tile, TileMemory& memory) {
  const int64_t key = slot * kv.head_dim, value = slot * kv.value_width;
  if (kv.type == KvType::kF32) {
    tile.keys[panel] = section<float>(block, kv.keys) + key;
    tile.values[panel] = section<float>(block, kv.values) + value;
    return;
  }
  float* keys = memory.keys + panel * kKeyPanel * kv.head_dim;
  float* values = memory.values + panel * kKeyPanel * kv.value_width;
  widen(kv, block, kv.keys, key, kKeyPanel * kv.head_dim, keys);
  widen(kv, block, kv.values, value, kKeyPanel * kv.value_width, values);
  tile.keys[panel] = keys;
  tile.values[panel] = values;
  if (kv.type == KvType::kInt8) {
    for (int64_t i = 0; i < kKeyPanel; ++i) {
      memory.key_scales[panel * kKeyPanel + i] = section<float>(block, kv.key_scales)[slot + i];
      memory.value_scales[panel * kKeyPanel + i] = section<float>(block, kv.value_scales)[slot + i];
    }
  }
}

// A panel key by key, for blocks that are not made of whole panels.
void gather_panel(const KvView& kv, const int32_t* table, int64_t start, int64_t count, int64_t panel, Tile& tile,
                  TileMemory& memory) {
  float* keys = memory.keys + panel * kKeyPanel * kv.head_dim;
  float* values = memory.values + panel * kKeyPanel * kv.value_width;
  for (int64_t i = 0; i < kKeyPanel; ++i) {
    const bool is_there = i < count;
    std::byte* block = is_there ? block_of(kv, table, start + i) : nullptr;
    const int64_t slot = (start + i) % kv.block_size;
    for (int64_t d = 0; d < kv.head_dim; ++d) {
      keys[d * kKeyPanel + i] = is_there ? stored(kv, block, kv.keys, key_index(kv, slot, d)) : 0;
    }
    for (int64_t d = 0; d < kv.value_width; ++d) {
      values[i * kv.value_width + d] = is_there ? stored(kv, block, kv.values, slot * kv.value_width + d) : 0;
    }
    if (kv.type == KvType::kInt8) {
      memory.key_scales[panel * kKeyPanel + i] = is_there ? section<float>(block, kv.key_scales)[slot] : 0;
      memory.value_scales[panel * kKeyPanel + i] = is_there ? section<float>(block, kv.value_scales)[slot] : 0;
    }
  }
  tile.keys[panel] = keys;
  tile.values[panel] = values;
}

}  // namespace

void prefetch_tile(const KvView& kv, const int32_t* table, int64_t start, int64_t keys) {
  if (kv.block_size % kKeyPanel != 0) return;
  constexpr int64_t kLine = 64;
  const int64_t size = kv.type == KvType::kF32 ? 4 : kv.type == KvType::kF16 ? 2 : 1;
  for (int64_t position = start; position < start + keys; position += kKeyPanel) {
    const std::byte* block = block_of(kv, table, position);
    const int64_t slot = position % kv.block_size;
    const std::byte* key = block + kv.keys + slot * kv.head_dim * size;
    const std::byte* value = block + kv.values + slot * kv.value_width * size;
    // Into the second cache: a tile of floats fills the first.
    for (int64_t i = 0; i < kKeyPanel * kv.head_dim * size; i += kLine) __builtin_prefetch(key + i, 0, 2);
    for (int64_t i = 0; i < kKeyPanel * kv.value_width * size; i += kLine) __builtin_prefetch(value + i, 0, 2);
  }
}

void kv_write(const KvView& kv, const int32_t* table, int64_t position, int64_t count, const float* k, const float* v,
              int64_t stride) {
  for (int64_t i = 0; i < count; ++i, ++position, k += stride, v += stride) {
    write_position(kv, block_of(kv, table, position), position % kv.block_size, k, v);
  }
}

Tile load_tile(const KvView& kv, const int32_t* table, int64_t start, int64_t keys, TileMemory& memory) {
  Tile tile = {};
  tile.start = start;
  tile.panels = (keys + kKeyPanel - 1) / kKeyPanel;
  tile.key_scales = memory.key_scales;
  tile.value_scales = memory.value_scales;
  for (int64_t panel = 0; panel < tile.panels; ++panel) {
    const int64_t position = start + panel * kKeyPanel;
    if (kv.block_size % kKeyPanel == 0) {
      load_panel(kv, block_of(kv, table, position), position % kv.block_size, panel, tile, memory);
    } else {
      gather_panel(kv, table, position, keys - panel * kKeyPanel, panel, tile, memory);
    }
  }
  return tile;
}

}  // namespace aerie::AERIE_ISA_NS
