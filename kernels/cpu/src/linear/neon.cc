// Integer dot products of Arm's dot-product extension: a panel is four vectors of 4 columns.
#include "linear/quantise.h"
#include "linear/quantised.h"

namespace aerie::AERIE_ISA_NS {
namespace {

// Four activations in every 32 bits.
AERIE_INLINE int8x16_t broadcast_quad(const int8_t* p) {
  int32_t quad;
  std::memcpy(&quad, p, 4);
  return vreinterpretq_s8_s32(vdupq_n_s32(quad));
}

struct NeonTiles {
  static constexpr int kInt8Rows = 4;
  static constexpr int kGroupRows = 4;
  // The instruction takes signed numbers.
  static constexpr int32_t offset(bool narrow) { return narrow ? 64 : 128; }

  template <int kRows, bool kNarrow>
  static void int8(const int8_t* a, int64_t stride, const uint8_t* w, int64_t quads, int64_t ahead, int32_t* sums) {
    add_bytes<kRows, offset(kNarrow)>(a, stride, w, quads, ahead, sums);
  }

  static constexpr bool kUnpacks = false;

  template <int kRows, Form kForm>
  static void groups(const GroupTile& t) {
    add_groups<kRows, kForm>(t, [&t](const int8_t* a, const uint8_t* w, int32_t* sums) {
      if constexpr (kForm == Form::kNibbles) {
        add_nibbles<kRows>(a, t.stride, w, t.quads, sums);
      } else {
        add_bytes<kRows, kForm == Form::kBytes8 ? offset(false) : 0>(a, t.stride, w, t.quads, 0, sums);
      }
    });
  }

 private:
  // sums += a · (w − offset)
  template <int kRows, int32_t kOffset>
  static void add_bytes(const int8_t* a, int64_t stride, const uint8_t* w, int64_t quads, int64_t ahead,
                        int32_t* sums) {
    const int8x16_t offset = vdupq_n_s8(static_cast<int8_t>(kOffset));
    int32x4_t acc[kRows][4];
    for (int r = 0; r < kRows; ++r) {
      for (int v = 0; v < 4; ++v) acc[r][v] = vld1q_s32(sums + r * kPanel + v * 4);
    }
    for (int64_t quad = 0; quad < quads; ++quad, a += 4, w += 64) {
      __builtin_prefetch(w + ahead);
      int8x16_t weights[4];
      AERIE_UNROLL
      for (int v = 0; v < 4; ++v) weights[v] = vsubq_s8(vreinterpretq_s8_u8(vld1q_u8(w + v * 16)), offset);
      AERIE_UNROLL
      for (int r = 0; r < kRows; ++r) {
        const int8x16_t b = broadcast_quad(a + r * stride);
        AERIE_UNROLL
        for (int v = 0; v < 4; ++v) acc[r][v] = vdotq_s32(acc[r][v], weights[v], b);
      }
    }
    for (int r = 0; r < kRows; ++r) {
      for (int v = 0; v < 4; ++v) vst1q_s32(sums + r * kPanel + v * 4, acc[r][v]);
    }
  }

  template <int kRows>
  static void add_nibbles(const int8_t* a, int64_t stride, const uint8_t* w, int64_t quads, int32_t* sums) {
    int32x4_t acc[kRows][4];
    for (int r = 0; r < kRows; ++r) {
      for (int v = 0; v < 4; ++v) acc[r][v] = vld1q_s32(sums + r * kPanel + v * 4);
    }
    for (int64_t quad = 0; quad < quads; quad += 2, a += 8, w += 64) {
      uint8x16_t both[4];
      AERIE_UNROLL
      for (int v = 0; v < 4; ++v) both[v] = vld1q_u8(w + v * 16);
      AERIE_UNROLL
      for (int r = 0; r < kRows; ++r) {
        const int8x16_t b0 = broadcast_quad(a + r * stride);
        const int8x16_t b1 = broadcast_quad(a + r * stride + 4);
        AERIE_UNROLL
        for (int v = 0; v < 4; ++v) {
          acc[r][v] = vdotq_s32(acc[r][v], vreinterpretq_s8_u8(vandq_u8(both[v], vdupq_n_u8(15))), b0);
          acc[r][v] = vdotq_s32(acc[r][v], vreinterpretq_s8_u8(vshrq_n_u8(both[v], 4)), b1);
        }
      }
    }
    for (int r = 0; r < kRows; ++r) {
      for (int v = 0; v < 4; ++v) vst1q_s32(sums + r * kPanel + v * 4, acc[r][v]);
    }
  }
};

}  // namespace

extern const LinearKernels kLinearKernels;
const LinearKernels kLinearKernels = {
    .quantise_rows = run_quantise,
    .dense = run_dense,
    .int8 = run_int8<NeonTiles>,
    .int4 = run_int4<NeonTiles>,
    .int6 = run_int6<NeonTiles>,
};

}  // namespace aerie::AERIE_ISA_NS
