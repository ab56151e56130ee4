// Integer dot products of AVX2. Two products of a weight (unsigned) and an activation (signed) are added in 16 bits by
// one instruction; what fits there is said beside each use.
#include "linear/quantise.h"
#include "linear/quantised.h"

namespace aerie::AERIE_ISA_NS {
namespace {

AERIE_INLINE __m256i load_bytes(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }

// Four activations in every 32 bits.
AERIE_INLINE __m256i broadcast_quad(const int8_t* p) {
  int32_t quad;
  std::memcpy(&quad, p, 4);
  return _mm256_set1_epi32(quad);
}

// acc + sum: a tile's sums [rows][16], a vector of 8 columns.
AERIE_INLINE void add_sums(int32_t* sums, __m256i more) {
  __m256i* const p = reinterpret_cast<__m256i*>(sums);
  _mm256_storeu_si256(p, _mm256_add_epi32(_mm256_loadu_si256(p), more));
}

struct Avx2Tiles {
  static constexpr int kInt8Rows = 4;
  static constexpr int kInt4Rows = 4;

  template <int kRows, bool kNarrow>
  static void int8(const int8_t* a, int64_t stride, const uint8_t* w, int64_t quads, int32_t* sums) {
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i acc[kRows][2];
    AERIE_UNROLL
    for (int r = 0; r < kRows; ++r) acc[r][0] = acc[r][1] = _mm256_setzero_si256();
    for (int64_t quad = 0; quad < quads; ++quad, a += 4, w += 64) {
      const __m256i w0 = load_bytes(w);
      const __m256i w1 = load_bytes(w + 32);
      if constexpr (kNarrow) {
        // 2 · 128 · 127 < 2^15
        AERIE_UNROLL
        for (int r = 0; r < kRows; ++r) {
          const __m256i b = broadcast_quad(a + r * stride);
          acc[r][0] = _mm256_add_epi32(acc[r][0], _mm256_madd_epi16(_mm256_maddubs_epi16(w0, b), ones));
          acc[r][1] = _mm256_add_epi32(acc[r][1], _mm256_madd_epi16(_mm256_maddubs_epi16(w1, b), ones));
        }
      } else {
        // 2 · 255 · 127 > 2^15: products of 16-bit numbers, even and odd inputs apart.
        const __m256i low = _mm256_set1_epi16(255);
        const __m256i even0 = _mm256_and_si256(w0, low);
        const __m256i even1 = _mm256_and_si256(w1, low);
        const __m256i odd0 = _mm256_srli_epi16(w0, 8);
        const __m256i odd1 = _mm256_srli_epi16(w1, 8);
        AERIE_UNROLL
        for (int r = 0; r < kRows; ++r) {
          const __m256i b = broadcast_quad(a + r * stride);
          const __m256i even = _mm256_srai_epi16(_mm256_slli_epi16(b, 8), 8);
          const __m256i odd = _mm256_srai_epi16(b, 8);
          acc[r][0] = _mm256_add_epi32(acc[r][0], _mm256_madd_epi16(even0, even));
          acc[r][1] = _mm256_add_epi32(acc[r][1], _mm256_madd_epi16(even1, even));
          acc[r][0] = _mm256_add_epi32(acc[r][0], _mm256_madd_epi16(odd0, odd));
          acc[r][1] = _mm256_add_epi32(acc[r][1], _mm256_madd_epi16(odd1, odd));
        }
      }
    }
    AERIE_UNROLL
    for (int r = 0; r < kRows; ++r) {
      add_sums(sums + r * kPanel, acc[r][0]);
      add_sums(sums + r * kPanel + 8, acc[r][1]);
    }
  }

  template <int kRows>
  static void int4(const int8_t* a, int64_t stride, const uint8_t* w, int64_t quads, int32_t* sums) {
    const __m256i low = _mm256_set1_epi8(15);
    const __m256i ones = _mm256_set1_epi16(1);
    for (int64_t quad = 0; quad < quads; quad += 8) {
      __m256i acc[kRows][2];
      AERIE_UNROLL
      for (int r = 0; r < kRows; ++r) acc[r][0] = acc[r][1] = _mm256_setzero_si256();
      const int64_t left = quads - quad < 8 ? quads - quad : 8;
      for (int64_t i = 0; i < left; i += 2, a += 8, w += 64) {
        const __m256i both0 = load_bytes(w);
        const __m256i both1 = load_bytes(w + 32);
        __m256i w0 = _mm256_and_si256(both0, low);
        __m256i w1 = _mm256_and_si256(both1, low);
        // 16 · 15 · 127 < 2^15: a sum of 8 quads
        AERIE_UNROLL
        for (int r = 0; r < kRows; ++r) {
          const __m256i b = broadcast_quad(a + r * stride);
          acc[r][0] = _mm256_add_epi16(acc[r][0], _mm256_maddubs_epi16(w0, b));
          acc[r][1] = _mm256_add_epi16(acc[r][1], _mm256_maddubs_epi16(w1, b));
        }
        w0 = _mm256_and_si256(_mm256_srli_epi16(both0, 4), low);
        w1 = _mm256_and_si256(_mm256_srli_epi16(both1, 4), low);
        AERIE_UNROLL
        for (int r = 0; r < kRows; ++r) {
          const __m256i b = broadcast_quad(a + r * stride + 4);
          acc[r][0] = _mm256_add_epi16(acc[r][0], _mm256_maddubs_epi16(w0, b));
          acc[r][1] = _mm256_add_epi16(acc[r][1], _mm256_maddubs_epi16(w1, b));
        }
      }
      AERIE_UNROLL
      for (int r = 0; r < kRows; ++r) {
        add_sums(sums + r * kPanel, _mm256_madd_epi16(acc[r][0], ones));
        add_sums(sums + r * kPanel + 8, _mm256_madd_epi16(acc[r][1], ones));
      }
    }
  }
};

}  // namespace

extern const LinearKernels kLinearKernels;
const LinearKernels kLinearKernels = {
    .quantise_rows = run_quantise,
    .dense = run_dense,
    .int8 = run_int8<Avx2Tiles>,
    .int4 = run_int4<Avx2Tiles>,
};

}  // namespace aerie::AERIE_ISA_NS
