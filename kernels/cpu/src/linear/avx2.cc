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

// Keeps compilers from adding in another order, for which they would need many more registers than there are.
AERIE_INLINE void in_place(__m256i& sum) { asm("" : "+x"(sum)); }

// acc + sum: a tile's sums [rows][16], a vector of 8 columns.
AERIE_INLINE void add_sums(int32_t* sums, __m256i more) {
  __m256i* const p = reinterpret_cast<__m256i*>(sums);
  _mm256_storeu_si256(p, _mm256_add_epi32(_mm256_loadu_si256(p), more));
}

struct Avx2Tiles {
  static constexpr int kInt8Rows = 4;
  static constexpr int kGroupRows = 4;
  static constexpr int32_t offset(bool narrow) { return narrow ? 0 : 128; }

  template <int kRows, bool kNarrow>
  static void int8(const int8_t* a, int64_t stride, const uint8_t* w, int64_t quads, int64_t ahead, int32_t* sums) {
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i acc[kRows][2];
    AERIE_UNROLL
    for (int r = 0; r < kRows; ++r) acc[r][0] = acc[r][1] = _mm256_setzero_si256();
    for (int64_t quad = 0; quad < quads; ++quad, a += 4, w += 64) {
      __builtin_prefetch(w + ahead);
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
        add_signed<kRows>(a, stride, w0, w1, ones, acc);
      }
    }
    AERIE_UNROLL
    for (int r = 0; r < kRows; ++r) {
      add_sums(sums + r * kPanel, acc[r][0]);
      add_sums(sums + r * kPanel + 8, acc[r][1]);
    }
  }

  static constexpr bool kUnpacks = true;

  template <int kRows, Form kForm>
  static __attribute__((noinline)) void groups(const GroupTile& given) {
    // A copy, which no store of floats can change.
    const GroupTile t = given;
    constexpr int64_t kQuadBytes = quad_bytes(kForm);
    const __m256i lower = _mm256_set1_epi32(0xffff);
    const int8_t* a = t.a;
    const uint8_t* w = t.w;
    for (int64_t g = 0; g < t.groups; ++g) {
      if (t.next != nullptr) {
        for (int64_t at = 0; at < t.next_bytes; at += 64) __builtin_prefetch(t.next + g * t.next_bytes + at);
      }
      __m256i sums[kRows][2];
      if constexpr (kForm == Form::kBytes6 || kForm == Form::kBytes8) {
        AERIE_UNROLL
        for (int r = 0; r < kRows; ++r) sums[r][0] = sums[r][1] = _mm256_setzero_si256();
        for (int64_t quad = 0; quad < t.quads; quad += 2) {
          add_pair<kRows, kForm>(a + quad * 4, t.stride, w + quad * kQuadBytes, sums);
        }
      } else if (t.quads == 4) {
        add_quads<kRows, 4, kForm, true>(a, t.stride, w, sums);
      } else {
        add_quads<kRows, 8, kForm, true>(a, t.stride, w, sums);
        for (int64_t quad = 8; quad < t.quads; quad += 8) {
          add_quads<kRows, 8, kForm, false>(a + quad * 4, t.stride, w + quad * kQuadBytes, sums);
        }
      }
      a += t.group;
      w += t.quads * kQuadBytes;
      AERIE_UNROLL
      for (int r = 0; r < kRows; ++r) {
        const __m256i row_sum = _mm256_set1_epi32(t.row_sums[r * t.row_groups + g]);
        const __m256 row_scale = _mm256_broadcast_ss(t.row_scales + r * t.row_groups + g);
        AERIE_UNROLL
        for (int v = 0; v < 2; ++v) {
          // Both fit 16 bits, and of a negative zero point the upper half must not count.
          __m256i zeros = load_bytes(t.zeros + g * kPanel + v * 8);
          if constexpr (kForm == Form::kBytes8) zeros = _mm256_and_si256(zeros, lower);
          zeros = _mm256_madd_epi16(zeros, row_sum);
          const __m256 sum = _mm256_cvtepi32_ps(_mm256_sub_epi32(sums[r][v], zeros));
          const __m256 scale = _mm256_mul_ps(_mm256_loadu_ps(t.scales + g * kPanel + v * 8), row_scale);
          float* const to = t.tile + r * kPanel + v * 8;
          _mm256_storeu_ps(to, _mm256_fmadd_ps(sum, scale, _mm256_loadu_ps(to)));
        }
      }
    }
  }

 private:
  // sums += two quads of bytes.
  template <int kRows, Form kForm>
  AERIE_INLINE void add_pair(const int8_t* a, int64_t stride, const uint8_t* w, __m256i (&sums)[kRows][2]) {
    const __m256i ones = _mm256_set1_epi16(1);
    const __m256i w0 = load_bytes(w);
    const __m256i w1 = load_bytes(w + 32);
    const __m256i w2 = load_bytes(w + 64);
    const __m256i w3 = load_bytes(w + 96);
    if constexpr (kForm == Form::kBytes8) {
      add_signed<kRows>(a, stride, w0, w1, ones, sums);
      add_signed<kRows>(a + 4, stride, w2, w3, ones, sums);
    } else {
      // 4 · 63 · 127 < 2^15
      AERIE_UNROLL
      for (int r = 0; r < kRows; ++r) {
        const __m256i b = broadcast_quad(a + r * stride);
        const __m256i c = broadcast_quad(a + r * stride + 4);
        const __m256i p0 = _mm256_add_epi16(_mm256_maddubs_epi16(w0, b), _mm256_maddubs_epi16(w2, c));
        const __m256i p1 = _mm256_add_epi16(_mm256_maddubs_epi16(w1, b), _mm256_maddubs_epi16(w3, c));
        sums[r][0] = _mm256_add_epi32(sums[r][0], _mm256_madd_epi16(p0, ones));
        sums[r][1] = _mm256_add_epi32(sums[r][1], _mm256_madd_epi16(p1, ones));
      }
    }
  }

  // sums += a quad of any bytes less 128. Their sign goes to the activations, which are never −128: 2 · 128 · 127 <
  // 2^15, where 2 · 255 · 127 is not.
  template <int kRows>
  AERIE_INLINE void add_signed(const int8_t* a, int64_t stride, __m256i w0, __m256i w1, __m256i ones,
                               __m256i (&sums)[kRows][2]) {
    const __m256i offset = _mm256_set1_epi8(-128);
    w0 = _mm256_xor_si256(w0, offset);
    w1 = _mm256_xor_si256(w1, offset);
    const __m256i size0 = _mm256_abs_epi8(w0);
    const __m256i size1 = _mm256_abs_epi8(w1);
    AERIE_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const __m256i b = broadcast_quad(a + r * stride);
      const __m256i p0 = _mm256_maddubs_epi16(size0, _mm256_sign_epi8(b, w0));
      const __m256i p1 = _mm256_maddubs_epi16(size1, _mm256_sign_epi8(b, w1));
      sums[r][0] = _mm256_add_epi32(sums[r][0], _mm256_madd_epi16(p0, ones));
      sums[r][1] = _mm256_add_epi32(sums[r][1], _mm256_madd_epi16(p1, ones));
    }
  }

  // products += a quad, in 16 bits.
  template <int kRows>
  AERIE_INLINE void add_quad(const int8_t* a, int64_t stride, __m256i w0, __m256i w1, bool first,
                             __m256i (&products)[kRows][2]) {
    AERIE_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const __m256i b = broadcast_quad(a + r * stride);
      const __m256i p0 = _mm256_maddubs_epi16(w0, b);
      const __m256i p1 = _mm256_maddubs_epi16(w1, b);
      products[r][0] = first ? p0 : _mm256_add_epi16(products[r][0], p0);
      products[r][1] = first ? p1 : _mm256_add_epi16(products[r][1], p1);
      in_place(products[r][0]);
      in_place(products[r][1]);
    }
  }

  // sums, or 0 if these are the first, += up to 8 quads, which are added in 16 bits: 16 · 15 · 127 < 2^15.
  template <int kRows, int kQuads, Form kForm, bool kFirst>
  AERIE_INLINE void add_quads(const int8_t* a, int64_t stride, const uint8_t* w, __m256i (&sums)[kRows][2]) {
    const __m256i low = _mm256_set1_epi8(15);
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i products[kRows][2];
    AERIE_UNROLL
    for (int quad = 0; quad < kQuads; quad += 2) {
      const uint8_t* const p = w + quad * quad_bytes(kForm);
      if constexpr (kRows == 1) __builtin_prefetch(p + kAhead);
      __m256i w0 = load_bytes(p);
      __m256i w1 = load_bytes(p + 32);
      __m256i w2;
      __m256i w3;
      if constexpr (kForm == Form::kBytes4) {
        w2 = load_bytes(p + 64);
        w3 = load_bytes(p + 96);
      } else {
        w2 = _mm256_and_si256(_mm256_srli_epi16(w0, 4), low);
        w3 = _mm256_and_si256(_mm256_srli_epi16(w1, 4), low);
        w0 = _mm256_and_si256(w0, low);
        w1 = _mm256_and_si256(w1, low);
      }
      add_quad<kRows>(a + quad * 4, stride, w0, w1, quad == 0, products);
      add_quad<kRows>(a + quad * 4 + 4, stride, w2, w3, false, products);
    }
    AERIE_UNROLL
    for (int r = 0; r < kRows; ++r) {
      AERIE_UNROLL
      for (int v = 0; v < 2; ++v) {
        const __m256i pairs = _mm256_madd_epi16(products[r][v], ones);
        sums[r][v] = kFirst ? pairs : _mm256_add_epi32(sums[r][v], pairs);
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
    .int6 = run_int6<Avx2Tiles>,
};

}  // namespace aerie::AERIE_ISA_NS
