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

struct Avx512Tiles {
  static constexpr int kInt8Rows = 12;
  static constexpr int kInt4Rows = 12;

  template <int kRows, bool>
  static void int8(const int8_t* a, int64_t stride, const uint8_t* w, int64_t quads, int32_t* sums) {
    __m512i acc[kRows];
    AERIE_UNROLL
    for (int r = 0; r < kRows; ++r) acc[r] = _mm512_loadu_si512(sums + r * kPanel);
    for (int64_t quad = 0; quad < quads; ++quad, a += 4, w += 64) {
      const __m512i weights = _mm512_loadu_si512(w);
      AERIE_UNROLL
      for (int r = 0; r < kRows; ++r) acc[r] = _mm512_dpbusd_epi32(acc[r], weights, broadcast_quad(a + r * stride));
    }
    AERIE_UNROLL
    for (int r = 0; r < kRows; ++r) _mm512_storeu_si512(sums + r * kPanel, acc[r]);
  }

  template <int kRows>
  static void int4(const int8_t* a, int64_t stride, const uint8_t* w, int64_t quads, int32_t* sums) {
    const __m512i low = _mm512_set1_epi8(15);
    __m512i acc[kRows];
    AERIE_UNROLL
    for (int r = 0; r < kRows; ++r) acc[r] = _mm512_loadu_si512(sums + r * kPanel);
    for (int64_t quad = 0; quad < quads; quad += 2, a += 8, w += 64) {
      const __m512i both = _mm512_loadu_si512(w);
      const __m512i w0 = _mm512_and_si512(both, low);
      const __m512i w1 = _mm512_and_si512(_mm512_srli_epi16(both, 4), low);
      AERIE_UNROLL
      for (int r = 0; r < kRows; ++r) acc[r] = _mm512_dpbusd_epi32(acc[r], w0, broadcast_quad(a + r * stride));
      AERIE_UNROLL
      for (int r = 0; r < kRows; ++r) acc[r] = _mm512_dpbusd_epi32(acc[r], w1, broadcast_quad(a + r * stride + 4));
    }
    AERIE_UNROLL
    for (int r = 0; r < kRows; ++r) _mm512_storeu_si512(sums + r * kPanel, acc[r]);
  }
};

}  // namespace

extern const LinearKernels kLinearKernels;
const LinearKernels kLinearKernels = {
    .quantise_rows = run_quantise,
    .dense = run_dense,
    .int8 = run_int8<Avx512Tiles>,
    .int4 = run_int4<Avx512Tiles>,
};

}  // namespace aerie::AERIE_ISA_NS
