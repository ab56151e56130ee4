// Integer dot products of AVX-512 VNNI: a panel is one vector, four products are added to 32 bits by one instruction.
#include "linear/quantise.h"
#include "linear/quantised.h"

namespace aerie::AERIE_ISA_NS {
namespace {

AERIE_INLINE __m512i broadcast_quad(const int8_t* p) {
  int32_t quad;
  std::memcpy(&quad, p, 4);
  return _mm512_set1_epi32(quad);
}

// Keeps compilers from carrying a sum through the loop of groups by copies. In that of int8 it costs: 215 GOP/s
// where 380 came without (GCC 13, Sapphire Rapids).
AERIE_INLINE void in_place(__m512i& sum) { asm("" AERIE_CHANGES(sum)); }

struct Avx512Tiles {
  static constexpr int kInt8Rows = 12;
  static constexpr int kGroupRows = 12;
  static constexpr int32_t offset(bool) { return 0; }

  template <int kRows, bool>
  static void int8(const int8_t* a, int64_t stride, const uint8_t* w, int64_t quads, int64_t ahead, int32_t* sums) {
    __m512i acc[kRows];
    AERIE_UNROLL
    for (int r = 0; r < kRows; ++r) acc[r] = _mm512_loadu_si512(sums + r * kPanel);
    for (int64_t quad = 0; quad < quads; ++quad, a += 4, w += 64) {
      __builtin_prefetch(w + ahead);
      const __m512i weights = _mm512_loadu_si512(w);
      AERIE_UNROLL
      for (int r = 0; r < kRows; ++r) acc[r] = _mm512_dpbusd_epi32(acc[r], weights, broadcast_quad(a + r * stride));
    }
    AERIE_UNROLL
    for (int r = 0; r < kRows; ++r) _mm512_storeu_si512(sums + r * kPanel, acc[r]);
  }

  static constexpr bool kUnpacks = true;

  template <int kRows, Form kForm>
  static void groups(const GroupTile& t) {
    // Any bytes are multiplied alike.
    add_groups<kRows, kForm == Form::kNibbles>(t);
  }

 private:
  template <int kRows, bool kNibbles>
  static __attribute__((noinline)) void add_groups(const GroupTile& given) {
    // A copy, which no store of floats can change.
    const GroupTile t = given;
    const int8_t* a = t.a;
    const uint8_t* w = t.w;
    __m512 tile[kRows];
    AERIE_UNROLL
    for (int r = 0; r < kRows; ++r) tile[r] = _mm512_loadu_ps(t.tile + r * kPanel);
    for (int64_t g = 0; g < t.groups; ++g) {
      if (t.next != nullptr) {
        for (int64_t at = 0; at < t.next_bytes; at += 64) __builtin_prefetch(t.next + g * t.next_bytes + at);
      }
      __m512i sums[kRows];
      // Zero points and sums of activations fit 16 bits; the upper half of each pair is 0.
      const __m512i zeros =
          _mm512_and_si512(_mm512_sub_epi32(_mm512_setzero_si512(), _mm512_loadu_si512(t.zeros + g * kPanel)),
                           _mm512_set1_epi32(0xffff));
      AERIE_UNROLL
      for (int r = 0; r < kRows; ++r) {
        const __m512i row_sum = _mm512_set1_epi32(t.row_sums[r * t.row_groups + g]);
        sums[r] = _mm512_dpwssd_epi32(_mm512_setzero_si512(), zeros, row_sum);
      }
      for (int64_t quad = 0; quad < t.quads; quad += 2, a += 8, w += kPanel * (kNibbles ? 4 : 8)) {
        __m512i w0 = _mm512_loadu_si512(w);
        __m512i w1;
        if constexpr (kNibbles) {
          const __m512i low = _mm512_set1_epi8(15);
          w1 = _mm512_and_si512(_mm512_srli_epi16(w0, 4), low);
          w0 = _mm512_and_si512(w0, low);
        } else {
          w1 = _mm512_loadu_si512(w + 64);
        }
        AERIE_UNROLL
        for (int r = 0; r < kRows; ++r) {
          sums[r] = _mm512_dpbusd_epi32(sums[r], w0, broadcast_quad(a + r * t.stride));
          sums[r] = _mm512_dpbusd_epi32(sums[r], w1, broadcast_quad(a + r * t.stride + 4));
          in_place(sums[r]);
        }
      }
      const __m512 scales = _mm512_loadu_ps(t.scales + g * kPanel);
      AERIE_UNROLL
      for (int r = 0; r < kRows; ++r) {
        const __m512 scale = _mm512_mul_ps(scales, _mm512_set1_ps(t.row_scales[r * t.row_groups + g]));
        tile[r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[r]), scale, tile[r]);
      }
    }
    AERIE_UNROLL
    for (int r = 0; r < kRows; ++r) _mm512_storeu_ps(t.tile + r * kPanel, tile[r]);
  }
};

}  // namespace

extern const LinearKernels kLinearKernels;
const LinearKernels kLinearKernels = {
    .quantise_rows = run_quantise,
    .dense = run_dense,
    .int8 = run_int8<Avx512Tiles>,
    .int4 = run_int4<Avx512Tiles>,
    .int6 = run_int6<Avx512Tiles>,
};

}  // namespace aerie::AERIE_ISA_NS
