// A tile is a few rows of one panel, [rows][16] floats, while it is computed. Here is what all instruction sets do with
// one alike: the product with dense weights, and what makes a result of the sums.
#pragma once

#include "linear/tasks.h"
#include "ops/simd.h"
#include "ops/vector_math.h"

#if defined(__clang__)
#define AERIE_UNROLL _Pragma("unroll")
#else
#define AERIE_UNROLL _Pragma("GCC unroll 16")
#endif

namespace aerie::AERIE_ISA_NS {

constexpr int kTileVectors = static_cast<int>(kPanel) / kLanes;

// Rows of a tile as a constant.
template <int kRows>
struct Rows {
  static constexpr int value = kRows;
};

// f(Rows<rows>) for rows in 1 … kMost.
template <int kMost, typename F>
AERIE_INLINE void with_rows(int64_t rows, F&& f) {
  if constexpr (kMost > 1) {
    if (rows < kMost) return with_rows<kMost - 1>(rows, f);
  }
  f(Rows<kMost>{});
}

AERIE_INLINE F broadcast(const float* p) {
#if defined(__AVX512F__)
  return (F)_mm512_set1_ps(*p);
#elif defined(__AVX2__)
  return (F)_mm256_broadcast_ss(p);
#elif defined(__ARM_NEON)
  return (F)vld1q_dup_f32(p);
#else
  return F{*p, *p, *p, *p};
#endif
}

AERIE_INLINE I load_ints(const int32_t* p) {
  I v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

AERIE_INLINE I broadcast_int(int32_t n) { return I{} + n; }

// kLanes weights as floats.
template <LinearKind kKind>
AERIE_INLINE F load_weights(const void* p) {
  if constexpr (kKind == LinearKind::kF32) {
    return load(static_cast<const float*>(p));
  } else if constexpr (kKind == LinearKind::kF16) {
    return load_half(static_cast<const uint16_t*>(p));
  } else {
    typedef uint16_t Halves __attribute__((vector_size(2 * kLanes)));
    Halves halves;
    std::memcpy(&halves, p, sizeof halves);
    return (F)(__builtin_convertvector(halves, I) << 16);
  }
}

// tile += x [kRows, in] · w [in][16], rows of x `stride` floats apart.
template <int kRows, LinearKind kKind>
static void dense_tile(const float* x, int64_t stride, const void* w, int64_t in, float* tile) {
  constexpr int64_t kBytes = kKind == LinearKind::kF32 ? 4 : 2;
  const uint8_t* p = static_cast<const uint8_t*>(w);
  F sums[kRows][kTileVectors];
  AERIE_UNROLL
  for (int r = 0; r < kRows; ++r) {
    AERIE_UNROLL
    for (int v = 0; v < kTileVectors; ++v) sums[r][v] = load(tile + r * kPanel + v * kLanes);
  }
  for (int64_t k = 0; k < in; ++k, p += kPanel * kBytes) {
    F weights[kTileVectors];
    AERIE_UNROLL
    for (int v = 0; v < kTileVectors; ++v) weights[v] = load_weights<kKind>(p + v * kLanes * kBytes);
    AERIE_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const F input = broadcast(x + r * stride + k);
      AERIE_UNROLL
      for (int v = 0; v < kTileVectors; ++v) sums[r][v] = fma(input, weights[v], sums[r][v]);
    }
  }
  AERIE_UNROLL
  for (int r = 0; r < kRows; ++r) {
    AERIE_UNROLL
    for (int v = 0; v < kTileVectors; ++v) store(tile + r * kPanel + v * kLanes, sums[r][v]);
  }
}

// count, a multiple of 16, of f16 or bf16 as floats.
static void widen(LinearKind kind, const uint16_t* from, int64_t count, float* to) {
  if (kind == LinearKind::kF16) {
    for (int64_t i = 0; i < count; i += kLanes) store(to + i, load_weights<LinearKind::kF16>(from + i));
  } else {
    for (int64_t i = 0; i < count; i += kLanes) store(to + i, load_weights<LinearKind::kBf16>(from + i));
  }
}

// tile[r] += (sums[r] − zeros · row_sums[r]) · scales · row_scales[r]; of rows `step` groups apart.
template <int kRows>
AERIE_INLINE void add_group(const int32_t* sums, const int32_t* zeros, const float* scales, const int32_t* row_sums,
                            const float* row_scales, int64_t step, float* tile) {
  for (int r = 0; r < kRows; ++r) {
    const I row_sum = broadcast_int(row_sums[r * step]);
    const F row_scale = broadcast(row_scales + r * step);
    for (int v = 0; v < kTileVectors; ++v) {
      const int at = r * static_cast<int>(kPanel) + v * kLanes;
      const I sum = load_ints(sums + at) - load_ints(zeros + v * kLanes) * row_sum;
      store(tile + at, fma(to_float(sum), load(scales + v * kLanes) * row_scale, load(tile + at)));
    }
  }
}

// [count][16] numbers of a panel's groups from `group` on out of a section as the scales lie in it. `super` is what
// those of the panel's first 256 inputs are multiples of, 16 numbers, and `super_step` how far it is to those of the
// next.
static void load_section(const PackedLinear& weight, const void* section, int64_t panel, int64_t group, int64_t count,
                         const uint16_t* super, int64_t super_step, float* numbers) {
  const int64_t at = (panel * weight.groups + group) * kPanel;
  if (super != nullptr) {
    typedef int8_t Bytes __attribute__((vector_size(kLanes)));
    const int8_t* const bytes = static_cast<const int8_t*>(section) + at;
    const int64_t groups = kSuperBlock / weight.group;
    for (int64_t g = 0; g < count; ++g) {
      const uint16_t* const unit = super + (group + g) / groups * super_step;
      for (int64_t lane = 0; lane < kPanel; lane += kLanes) {
        Bytes multiples;
        std::memcpy(&multiples, bytes + g * kPanel + lane, sizeof multiples);
        const F whole = to_float(__builtin_convertvector(multiples, I));
        store(numbers + g * kPanel + lane, whole * load_weights<LinearKind::kF16>(unit + lane));
      }
    }
  } else if (weight.scales_f16) {
    widen(LinearKind::kF16, static_cast<const uint16_t*>(section) + at, count * kPanel, numbers);
  } else {
    std::memcpy(numbers, static_cast<const float*>(section) + at, static_cast<size_t>(count * kPanel * 4));
  }
}

// The scales of a panel's groups from `group` on and, if the weight has some, zero points less `offset` and minimums:
// [count][16] each.
static void load_group_numbers(const PackedLinear& weight, int64_t panel, int64_t group, int64_t count, int32_t offset,
                               float* scales, int32_t* zeros, float* minimums) {
  const bool with_minimums = weight.minimums != nullptr;
  const int64_t step = with_minimums ? 2 * kPanel : kPanel;
  const int64_t supers = (weight.groups * weight.group + kSuperBlock - 1) / kSuperBlock;
  const uint16_t* const super = weight.supers == nullptr ? nullptr : weight.supers + panel * supers * step;
  load_section(weight, weight.scales, panel, group, count, super, step, scales);
  if (with_minimums) {
    const uint16_t* const least = super == nullptr ? nullptr : super + kPanel;
    load_section(weight, weight.minimums, panel, group, count, least, step, minimums);
  }
  if (weight.zeros == nullptr) return;
  const uint8_t* const from = weight.zeros + (panel * weight.groups + group) * kPanel;
  for (int64_t i = 0; i < count * kPanel; ++i) zeros[i] = from[i] - offset;
}

// count of the zero points of a weight that has none of its own, less `offset`.
static void fill_symmetric_zeros(const PackedLinear& weight, int64_t count, int32_t offset, int32_t* zeros) {
  const int32_t zero = weight.symmetric_zero - offset;
  for (int64_t i = 0; i < count; ++i) zeros[i] = zero;
}

AERIE_INLINE F activate(Activation kind, F v) {
  switch (kind) {
    case Activation::kNone:
      return v;
    case Activation::kSilu:
      return silu(v);
    case Activation::kRelu:
      return relu(v);
    case Activation::kRelu2:
      return relu2(v);
    case Activation::kGeluErf:
      return gelu_erf(v);
    case Activation::kGeluTanh:
      return gelu_tanh(v);
    case Activation::kGeluQuick:
      return gelu_quick(v);
  }
  return v;
}

// y = epilogue(tile), of rows from `row` on. One copy of this code serves every tile size, so that a row's bits cannot
// depend on how a compiler treats each.
static __attribute__((noinline)) void finish_tile(const LinearTask& task, int64_t out, int64_t row, int64_t rows,
                                                  int64_t panel, float* tile) {
  const Epilogue& epilogue = *task.epilogue;
  const int64_t column = panel * kPanel;
  const int64_t columns = out - column < kPanel ? out - column : kPanel;
  const auto read = [](const float* p, int64_t count) {
    return count >= kLanes ? load(p) : load_first(p, count < 0 ? 0 : count);
  };
  for (int64_t r = 0; r < rows; ++r) {
    const float* const addend = epilogue.addends == nullptr ? nullptr : epilogue.addends[row + r];
    for (int64_t lane = 0; lane < columns; lane += kLanes) {
      const int64_t left = columns - lane;
      const int64_t at = column + lane;
      F v = load(tile + r * kPanel + lane);
      if (addend != nullptr) v = v + read(addend + at, left);
      if (epilogue.bias != nullptr) v = v + read(epilogue.bias + at, left);
      if (epilogue.activation != Activation::kNone) v = activate(epilogue.activation, v);
      if (epilogue.multiply != nullptr) {
        v = v * read(epilogue.multiply + (row + r) * epilogue.multiply_stride + at, left);
      }
      if (epilogue.residual != nullptr) {
        v = v + read(epilogue.residual + (row + r) * epilogue.residual_stride + at, left);
      }
      float* const y = task.y + (row + r) * task.y_stride + at;
      if (left >= kLanes) {
        store(y, v);
      } else {
        store_first(y, v, left);
      }
    }
  }
}

}  // namespace aerie::AERIE_ISA_NS
