// Vectors of floats as wide as the instruction set that a source is compiled for. Internal linkage throughout: the same
// names mean other code in every copy. `AERIE_ISA_NS` is the namespace of this copy.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#ifndef AERIE_ISA_NS
#error "compile with -DAERIE_ISA_NS=<portable|avx2|avx512|neon>"
#endif

#define AERIE_INLINE static inline __attribute__((always_inline))

// What an `asm` that changes a vector says of it. No register is wide enough for one that is emulated.
#if defined(AERIE_EMULATED)
#define AERIE_CHANGES(v) : : "r"(&(v)) : "memory"
#elif defined(__x86_64__)
#define AERIE_CHANGES(v) : "+v"(v)
#else
#define AERIE_CHANGES(v) : "+w"(v)
#endif

namespace aerie::AERIE_ISA_NS {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

typedef float F __attribute__((vector_size(4 * kLanes)));
typedef int32_t I __attribute__((vector_size(4 * kLanes)));
typedef float UnalignedF __attribute__((vector_size(4 * kLanes), aligned(4), may_alias));

AERIE_INLINE F load(const float* p) { return *reinterpret_cast<const UnalignedF*>(p); }
AERIE_INLINE void store(float* p, F v) { *reinterpret_cast<UnalignedF*>(p) = v; }
// Not `F{} + v`: that is an addition, since 0 + −0 is 0.
AERIE_INLINE F splat(float v) {
#if defined(__AVX512F__)
  return (F)_mm512_set1_ps(v);
#elif defined(__AVX2__)
  return (F)_mm256_set1_ps(v);
#else
  return F{v, v, v, v};
#endif
}

// a · b + c, rounded once where the machine can.
AERIE_INLINE F fma(F a, F b, F c) {
#if defined(__AVX512F__)
  return (F)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX2__)
  return (F)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__ARM_NEON)
  return (F)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
  return a * b + c;
#endif
}

AERIE_INLINE F select(I mask, F yes, F no) { return (F)(((I)yes & mask) | ((I)no & ~mask)); }
// As the hardware's: `b` where either is NaN.
AERIE_INLINE F max(F a, F b) { return select(a > b, a, b); }
AERIE_INLINE F min(F a, F b) { return select(a < b, a, b); }
AERIE_INLINE F abs(F a) { return (F)((I)a & 0x7fffffff); }
AERIE_INLINE F copy_sign(F magnitude, F sign) { return (F)((I)abs(magnitude) | ((I)sign & ~0x7fffffff)); }
AERIE_INLINE I to_int(F v) { return __builtin_convertvector(v, I); }
AERIE_INLINE F to_float(I v) { return __builtin_convertvector(v, F); }

// 0, 1, 2, …
AERIE_INLINE I iota() {
  I v{};
  for (int i = 0; i < kLanes; ++i) v[i] = i;
  return v;
}

// In the order of a tree, the same whatever the caller.
AERIE_INLINE float reduce_add(F v) {
  float lanes[kLanes];
  store(lanes, v);
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) lanes[i] += lanes[i + width];
  }
  return lanes[0];
}

AERIE_INLINE float reduce_max(F v) {
  float largest = v[0];
  for (int i = 1; i < kLanes; ++i) largest = largest < v[i] ? v[i] : largest;
  return largest;
}

// The first `count` < kLanes lanes; the others are 0.
AERIE_INLINE F load_first(const float* p, int64_t count) {
  float lanes[kLanes] = {};
  for (int64_t i = 0; i < count; ++i) lanes[i] = p[i];
  return load(lanes);
}
AERIE_INLINE void store_first(float* p, F v, int64_t count) {
  for (int64_t i = 0; i < count; ++i) p[i] = v[static_cast<int>(i)];
}

AERIE_INLINE float half_to_float(uint16_t h) {
  const uint32_t sign = static_cast<uint32_t>(h & 0x8000) << 16;
  const uint32_t exponent = (h >> 10) & 31;
  uint32_t bits;
  if (exponent == 0) {
    // Subnormals: 2^-24 times a whole number, exact.
    const float value = static_cast<float>(h & 0x3ff) * 5.9604644775390625e-8f;
    std::memcpy(&bits, &value, 4);
  } else if (exponent == 31) {
    bits = 0x7f800000 | static_cast<uint32_t>(h & 0x3ff) << 13;
  } else {
    bits = (exponent + 112) << 23 | static_cast<uint32_t>(h & 0x3ff) << 13;
  }
  bits |= sign;
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

// Nearest, ties to even; what is too large becomes infinite.
AERIE_INLINE uint16_t float_to_half(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  const uint32_t sign = (bits >> 16) & 0x8000;
  const uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return static_cast<uint16_t>(sign | 0x7e00);
  if (magnitude >= 0x47800000) return static_cast<uint16_t>(sign | 0x7c00);
  if (magnitude < 0x38800000) {
    // The sum's last bit is worth 2^-24, a subnormal's: the addition rounds.
    float absolute;
    std::memcpy(&absolute, &magnitude, 4);
    absolute += 0.5f;
    uint32_t sum;
    std::memcpy(&sum, &absolute, 4);
    return static_cast<uint16_t>(sign | (sum - 0x3f000000));
  }
  const uint32_t odd = (magnitude >> 13) & 1;
  return static_cast<uint16_t>(sign | ((magnitude - 0x38000000 + 0xfff + odd) >> 13));
}

// kLanes halves to floats.
AERIE_INLINE F load_half(const uint16_t* p) {
#if defined(__AVX512F__)
  return (F)_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
#elif defined(__AVX2__)
  return (F)_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
#elif defined(__ARM_NEON)
  return (F)vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
#else
  F v{};
  for (int i = 0; i < kLanes; ++i) v[i] = half_to_float(p[i]);
  return v;
#endif
}

AERIE_INLINE F load_int8(const int8_t* p) {
#if defined(__AVX512F__)
  return (F)_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
#elif defined(__AVX2__)
  return (F)_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
#else
  typedef int8_t Bytes __attribute__((vector_size(kLanes)));
  Bytes bytes;
  std::memcpy(&bytes, p, kLanes);
  return __builtin_convertvector(bytes, F);
#endif
}

}  // namespace aerie::AERIE_ISA_NS
