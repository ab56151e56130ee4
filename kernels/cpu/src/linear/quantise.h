// Floats to 8-bit rows, a vector at a time.
#pragma once

#include "linear/tasks.h"
#include "ops/simd.h"

namespace aerie::AERIE_ISA_NS {

// kLanes whole numbers in −127 … 127 as bytes.
AERIE_INLINE void store_bytes(int8_t* p, I v) {
#if defined(__AVX512F__)
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8((__m512i)v));
#elif defined(__AVX2__)
  const __m256i all = (__m256i)v;
  const __m128i halves = _mm_packs_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packs_epi16(halves, halves));
#elif defined(__ARM_NEON)
  const int16x4_t halves = vmovn_s32((int32x4_t)v);
  const int8x8_t bytes = vmovn_s16(vcombine_s16(halves, halves));
  vst1_lane_s32(reinterpret_cast<int32_t*>(p), vreinterpret_s32_s8(bytes), 0);
#else
  for (int i = 0; i < kLanes; ++i) p[i] = static_cast<int8_t>(v[i]);
#endif
}

// One group: `count` floats; returns the sum of the values.
static int32_t quantise_group(const float* x, int64_t count, int8_t* values, float* scale) {
  const auto read = [x, count](int64_t i) { return count - i >= kLanes ? load(x + i) : load_first(x + i, count - i); };
  // Without their sign, floats compare as their bits do, and NaN is above infinity.
  I largest_bits{};
  for (int64_t i = 0; i < count; i += kLanes) {
    const I bits = (I)abs(read(i));
    const I above = bits > largest_bits;
    largest_bits = (bits & above) | (largest_bits & ~above);
  }
  int32_t bits = 0;
  for (int i = 0; i < kLanes; ++i) bits = largest_bits[i] > bits ? largest_bits[i] : bits;
  float largest;
  std::memcpy(&largest, &bits, 4);
  *scale = largest / 127.0f;
  if (bits >= 0x7f800000) *scale = __builtin_nanf("");
  if (bits >= 0x7f800000 || *scale == 0.0f) {
    std::memset(values, 0, static_cast<size_t>(count));
    return 0;
  }
  // Adding 1.5 · 2^23 rounds to the nearest whole number, ties to even.
  const F magic = splat(12582912.0f);
  const F divisor = splat(*scale);
  I sums{};
  for (int64_t i = 0; i < count; i += kLanes) {
    // A subnormal scale may be so coarse that the quotient leaves the range.
    const F quotient = min(max(read(i) / divisor, splat(-127.0f)), splat(127.0f));
    const I whole = to_int((quotient + magic) - magic);
    sums = sums + whole;
    if (count - i >= kLanes) {
      store_bytes(values + i, whole);
    } else {
      int8_t bytes[kLanes];
      store_bytes(bytes, whole);
      std::memcpy(values + i, bytes, static_cast<size_t>(count - i));
    }
  }
  int32_t sum = 0;
  for (int i = 0; i < kLanes; ++i) sum += sums[i];
  return sum;
}

static void run_quantise(const float* x, int64_t x_stride, const QuantisedView& to, int64_t row_begin,
                         int64_t row_end) {
  for (int64_t row = row_begin; row < row_end; ++row) {
    int8_t* const values = to.values + row * to.stride;
    for (int64_t g = 0; g < to.groups; ++g) {
      const int64_t start = g * to.group;
      const int64_t count = to.in - start < to.group ? to.in - start : to.group;
      const int64_t at = row * to.groups + g;
      to.sums[at] = quantise_group(x + row * x_stride + start, count, values + start, to.scales + at);
    }
    std::memset(values + to.in, 0, static_cast<size_t>(to.stride - to.in));
  }
}

}  // namespace aerie::AERIE_ISA_NS
