// 2:4 weights made dense again, as many as the kernels of dense ones read at once.
#pragma once

#include "linear/tile.h"

namespace aerie::AERIE_ISA_NS {

// Exactly two of a quad's four bits are set, so that the lower three tell. For each, what the four inputs have: 0 and 1
// are the quad's two values, 2 is none. Bits that no weight is packed with stand for no value. Twice, for instructions
// that look at all four bits.
alignas(64) static constexpr uint8_t kSparsePlaces[16][4] = {
    {2, 2, 2, 2}, {0, 2, 2, 1}, {2, 0, 2, 1}, {0, 1, 2, 2}, {2, 2, 0, 1}, {0, 2, 1, 2}, {2, 0, 1, 2}, {2, 2, 2, 2},
    {2, 2, 2, 2}, {0, 2, 2, 1}, {2, 0, 2, 1}, {0, 1, 2, 2}, {2, 2, 0, 1}, {0, 2, 1, 2}, {2, 0, 1, 2}, {2, 2, 2, 2}};

// The bits of kLanes outputs, each in 32.
AERIE_INLINE I load_places(const uint8_t* p) {
  typedef uint16_t Halves __attribute__((vector_size(2 * kLanes)));
  Halves halves;
  std::memcpy(&halves, p, sizeof halves);
  return __builtin_convertvector(halves, I);
}

// Four bytes for each output: the two of the lower half of `pairs`, or of the upper one, where the lowest of its bits
// say, and its byte of `none` elsewhere. Bytes are found by their number in a part of 16 (of one output: 0 … 3), and in
// the half of `pairs` that is another quad's lies `none`.
template <bool kUpper>
AERIE_INLINE I spread(I pairs, I places, I none) {
  [[maybe_unused]] constexpr int32_t kSwap = kUpper ? 0x02020202 : 0;
#if defined(__AVX512F__)
  const __m512i table = _mm512_loadu_si512(kSparsePlaces);
  const I own = (iota() & 3) * 0x04040404 ^ kSwap;
  const I from = (I)_mm512_permutexvar_epi32((__m512i)places, table) ^ own;
  const I bytes = kUpper ? (pairs & ~0xffff) | (none & 0xffff) : (pairs & 0xffff) | (none & ~0xffff);
  return (I)_mm512_shuffle_epi8((__m512i)bytes, (__m512i)from);
#elif defined(__AVX2__)
  const __m256i table = _mm256_load_si256(reinterpret_cast<const __m256i*>(&kSparsePlaces[0][0]));
  const __m256i own = (__m256i)((iota() & 3) * 0x04040404 ^ kSwap);
  const __m256i from = _mm256_xor_si256(_mm256_permutevar8x32_epi32(table, (__m256i)places), own);
  const __m256i bytes = _mm256_blend_epi16((__m256i)pairs, (__m256i)none, kUpper ? 0x55 : 0xaa);
  return (I)_mm256_shuffle_epi8(bytes, from);
#elif defined(__ARM_NEON)
  const uint8x16x2_t table = {{vld1q_u8(&kSparsePlaces[0][0]), vld1q_u8(&kSparsePlaces[4][0])}};
  const I own = (iota() & 3) * 0x04040404 ^ kSwap;
  const I index = (places & 7) * 0x04040404 + 0x03020100;
  const I from = (I)vqtbl2q_u8(table, (uint8x16_t)index) ^ own;
  const I bytes = kUpper ? (pairs & ~0xffff) | (none & 0xffff) : (pairs & 0xffff) | (none & ~0xffff);
  return (I)vqtbl1q_u8((uint8x16_t)bytes, (uint8x16_t)from);
#else
  I bytes{};
  for (int lane = 0; lane < kLanes; ++lane) {
    const uint32_t two = static_cast<uint32_t>(pairs[lane]) >> (kUpper ? 16 : 0);
    const uint8_t choice[3] = {static_cast<uint8_t>(two), static_cast<uint8_t>(two >> 8),
                               static_cast<uint8_t>(none[lane])};
    const uint8_t* const which = kSparsePlaces[places[lane] & 7];
    uint32_t four = 0;
    for (int i = 0; i < 4; ++i) four |= uint32_t{choice[which[i]]} << i * 8;
    bytes[lane] = static_cast<int32_t>(four);
  }
  return bytes;
#endif
}

// 2:4 int4 or int8 as bytes, [quads][16][4], of `quads`, a multiple of 4; what was left out is `zeros` [16], each
// `offset` more. Weights `ahead` bytes further on are fetched meanwhile.
template <LinearKind kKind>
static void spread_bytes(const uint8_t* from, int64_t quads, const int32_t* zeros, int32_t offset, int64_t ahead,
                         uint8_t* to) {
  constexpr int64_t kVector = 4 * kLanes;
  typedef uint32_t Unsigned __attribute__((vector_size(4 * kLanes)));
  I none[kTileVectors];
  for (int v = 0; v < kTileVectors; ++v) {
    none[v] = (I)((Unsigned)(load_ints(zeros + v * kLanes) + offset) * 0x01010101u);
  }
  for (int64_t quad = 0; quad < quads; quad += kSparseQuads) {
    for (int64_t line = 0; line < sparse_unit_bytes(kKind); line += 64) __builtin_prefetch(from + ahead + line);
    const uint8_t* const bits = from + sparse_value_bytes(kKind);
    AERIE_UNROLL
    for (int v = 0; v < kTileVectors; ++v) {
      I pairs[2];
      std::memcpy(&pairs[0], from + v * kVector, kVector);
      if constexpr (kKind == LinearKind::kInt4) {
        pairs[1] = pairs[0] >> 4 & 0x0f0f0f0f;
        pairs[0] = pairs[0] & 0x0f0f0f0f;
      } else {
        std::memcpy(&pairs[1], from + kPanel * 4 + v * kVector, kVector);
      }
      const I places = load_places(bits + v * kLanes * 2);
      const I four[kSparseQuads] = {
          spread<false>(pairs[0], places, none[v]), spread<true>(pairs[0], places >> 4, none[v]),
          spread<false>(pairs[1], places >> 8, none[v]), spread<true>(pairs[1], places >> 12, none[v])};
      AERIE_UNROLL
      for (int i = 0; i < kSparseQuads; ++i) std::memcpy(to + i * kPanel * 4 + v * kVector, &four[i], kVector);
    }
    from += sparse_unit_bytes(kKind);
    to += kSparseQuads * kPanel * 4;
  }
}

// 2:4 floats of so many units as [16 · units][16].
template <LinearKind kKind>
static void spread_floats(const uint8_t* from, int64_t units, float* to) {
  constexpr int64_t kBytes = element_bytes(kKind);
  for (int64_t unit = 0; unit < units; ++unit, from += sparse_unit_bytes(kKind), to += kSparseQuads * 4 * kPanel) {
    for (int v = 0; v < kTileVectors; ++v) {
      const int64_t lane = v * kLanes;
      I places = load_places(from + sparse_value_bytes(kKind) + lane * 2);
      for (int64_t quad = 0; quad < kSparseQuads; ++quad, places >>= 4) {
        const F first = load_weights<kKind>(from + (quad * 2 * kPanel + lane) * kBytes);
        const F second = load_weights<kKind>(from + ((quad * 2 + 1) * kPanel + lane) * kBytes);
        float* const four = to + quad * 4 * kPanel + lane;
        // Of each bit, all ones or none.
        const I at0 = places << 31 >> 31;
        const I at1 = places << 30 >> 31;
        const I at2 = places << 29 >> 31;
        const I at3 = places << 28 >> 31;
        store(four, (F)((I)first & at0));
        store(four + kPanel, (F)((I)select(at0, second, first) & at1));
        store(four + 2 * kPanel, (F)((I)select(at3, first, second) & at2));
        store(four + 3 * kPanel, (F)((I)second & at3));
      }
    }
  }
}

}  // namespace aerie::AERIE_ISA_NS
