// The AVX-512 instructions that kernels name, for machines without them: included ahead of the sources of that instruction
// set, which are then compiled for AVX2 (AERIE_EMULATE in CMakeLists.txt). Each function is the operation as the pseudo-code
// of Intel's manual and intrinsics guide has it, lane by lane. Who names another instruction adds it here.
#pragma once

#include <immintrin.h>

#include <cmath>
#include <cstdint>
#include <cstring>

namespace aerie::emulated {

// Calls, since in line a file of kernels takes the compiler minutes under sanitizers.
#define AERIE_LANES static __attribute__((noinline))

typedef float Floats __attribute__((vector_size(64)));
typedef int32_t Ints __attribute__((vector_size(64)));
typedef int16_t Shorts __attribute__((vector_size(64)));
typedef uint16_t UnsignedShorts __attribute__((vector_size(64)));
typedef int8_t Bytes __attribute__((vector_size(64)));

AERIE_LANES __m512 mm512_loadu_ps(const void* p) {
  Floats v;
  std::memcpy(&v, p, sizeof v);
  return (__m512)v;
}

AERIE_LANES void mm512_storeu_ps(void* p, __m512 v) { std::memcpy(p, &v, sizeof v); }

AERIE_LANES __m512i mm512_loadu_si512(const void* p) {
  Ints v;
  std::memcpy(&v, p, sizeof v);
  return (__m512i)v;
}

AERIE_LANES void mm512_storeu_si512(void* p, __m512i v) { std::memcpy(p, &v, sizeof v); }

AERIE_LANES __m512i mm512_setzero_si512() { return (__m512i)Ints{}; }

AERIE_LANES __m512 mm512_set1_ps(float value) {
  Floats v;
  for (int i = 0; i < 16; ++i) v[i] = value;
  return (__m512)v;
}

AERIE_LANES __m512i mm512_set1_epi32(int32_t value) {
  Ints v;
  for (int i = 0; i < 16; ++i) v[i] = value;
  return (__m512i)v;
}

AERIE_LANES __m512i mm512_set1_epi8(int8_t value) {
  Bytes v;
  for (int i = 0; i < 64; ++i) v[i] = value;
  return (__m512i)v;
}

AERIE_LANES __m512 mm512_mul_ps(__m512 a, __m512 b) { return (__m512)((Floats)a * (Floats)b); }

// Rounded once.
AERIE_LANES __m512 mm512_fmadd_ps(__m512 a, __m512 b, __m512 c) {
  Floats v;
  for (int i = 0; i < 16; ++i) v[i] = std::fma(((Floats)a)[i], ((Floats)b)[i], ((Floats)c)[i]);
  return (__m512)v;
}

AERIE_LANES __m512i mm512_and_si512(__m512i a, __m512i b) { return (__m512i)((Ints)a & (Ints)b); }

AERIE_LANES __m512i mm512_sub_epi32(__m512i a, __m512i b) { return (__m512i)((Ints)a - (Ints)b); }

// Zeros come in from above.
AERIE_LANES __m512i mm512_srli_epi16(__m512i a, unsigned count) {
  return count > 15 ? (__m512i)Ints{} : (__m512i)((UnsignedShorts)a >> static_cast<uint16_t>(count));
}

AERIE_LANES __m512 mm512_cvtepi32_ps(__m512i a) { return (__m512)__builtin_convertvector((Ints)a, Floats); }

AERIE_LANES __m512i mm512_cvtepi8_epi32(__m128i a) {
  int8_t bytes[16];
  std::memcpy(bytes, &a, sizeof bytes);
  Ints v;
  for (int i = 0; i < 16; ++i) v[i] = bytes[i];
  return (__m512i)v;
}

// The lowest byte of each number.
AERIE_LANES __m128i mm512_cvtepi32_epi8(__m512i a) {
  uint8_t bytes[16];
  for (int i = 0; i < 16; ++i) bytes[i] = static_cast<uint8_t>(((Ints)a)[i]);
  __m128i v;
  std::memcpy(&v, bytes, sizeof v);
  return v;
}

AERIE_LANES __m512 mm512_cvtph_ps(__m256i a) {
  uint16_t halves[16];
  std::memcpy(halves, &a, sizeof halves);
  Floats v;
  for (int i = 0; i < 16; ++i) v[i] = _cvtsh_ss(halves[i]);
  return (__m512)v;
}

// VPDPBUSD: bytes of `a` are unsigned, those of `b` signed; four exact products are added to each sum, which wraps.
AERIE_LANES __m512i mm512_dpbusd_epi32(__m512i sum, __m512i a, __m512i b) {
  uint32_t sums[16];
  uint8_t left[64];
  int8_t right[64];
  std::memcpy(sums, &sum, sizeof sums);
  std::memcpy(left, &a, sizeof left);
  std::memcpy(right, &b, sizeof right);
  for (int lane = 0; lane < 16; ++lane) {
    int32_t products = 0;
    for (int i = lane * 4; i < lane * 4 + 4; ++i) products += left[i] * right[i];
    sums[lane] += static_cast<uint32_t>(products);
  }
  std::memcpy(&sum, sums, sizeof sums);
  return sum;
}

// VPDPWSSD: two exact products of signed 16-bit numbers are added to each sum, which wraps.
AERIE_LANES __m512i mm512_dpwssd_epi32(__m512i sum, __m512i a, __m512i b) {
  uint32_t sums[16];
  int16_t left[32];
  int16_t right[32];
  std::memcpy(sums, &sum, sizeof sums);
  std::memcpy(left, &a, sizeof left);
  std::memcpy(right, &b, sizeof right);
  for (int lane = 0; lane < 16; ++lane) {
    for (int i = lane * 2; i < lane * 2 + 2; ++i) sums[lane] += static_cast<uint32_t>(left[i] * right[i]);
  }
  std::memcpy(&sum, sums, sizeof sums);
  return sum;
}

AERIE_LANES __m512i mm512_xor_si512(__m512i a, __m512i b) { return (__m512i)((Ints)a ^ (Ints)b); }

AERIE_LANES __m512i mm512_broadcast_i64x4(__m256i a) {
  Ints v;
  std::memcpy(&v, &a, 32);
  std::memcpy(reinterpret_cast<char*>(&v) + 32, &a, 32);
  return (__m512i)v;
}

// The lowest of each four comes last.
AERIE_LANES __m512i mm512_set4_epi32(int32_t d, int32_t c, int32_t b, int32_t a) {
  return (__m512i)Ints{a, b, c, d, a, b, c, d, a, b, c, d, a, b, c, d};
}

// The lowest four bits of each number of `index` count.
AERIE_LANES __m512i mm512_permutexvar_epi32(__m512i index, __m512i a) {
  Ints v;
  for (int i = 0; i < 16; ++i) v[i] = ((Ints)a)[((Ints)index)[i] & 15];
  return (__m512i)v;
}

// `b` where the mask has a bit.
AERIE_LANES __m512i mm512_mask_blend_epi16(uint32_t mask, __m512i a, __m512i b) {
  Shorts v;
  for (int i = 0; i < 32; ++i) v[i] = (mask >> i & 1) != 0 ? ((Shorts)b)[i] : ((Shorts)a)[i];
  return (__m512i)v;
}

// Within each 16 bytes; 0 where a number's highest bit is set.
AERIE_LANES __m512i mm512_shuffle_epi8(__m512i a, __m512i from) {
  Bytes v;
  for (int i = 0; i < 64; ++i) v[i] = ((Bytes)from)[i] < 0 ? 0 : ((Bytes)a)[i / 16 * 16 + (((Bytes)from)[i] & 15)];
  return (__m512i)v;
}

#undef AERIE_LANES

}  // namespace aerie::emulated

// The compiler's own take these names only for machines that have the instructions.
#undef _mm512_srli_epi16
#define _mm512_loadu_ps ::aerie::emulated::mm512_loadu_ps
#define _mm512_storeu_ps ::aerie::emulated::mm512_storeu_ps
#define _mm512_loadu_si512 ::aerie::emulated::mm512_loadu_si512
#define _mm512_storeu_si512 ::aerie::emulated::mm512_storeu_si512
#define _mm512_setzero_si512 ::aerie::emulated::mm512_setzero_si512
#define _mm512_set1_ps ::aerie::emulated::mm512_set1_ps
#define _mm512_set1_epi32 ::aerie::emulated::mm512_set1_epi32
#define _mm512_set1_epi8 ::aerie::emulated::mm512_set1_epi8
#define _mm512_mul_ps ::aerie::emulated::mm512_mul_ps
#define _mm512_fmadd_ps ::aerie::emulated::mm512_fmadd_ps
#define _mm512_and_si512 ::aerie::emulated::mm512_and_si512
#define _mm512_sub_epi32 ::aerie::emulated::mm512_sub_epi32
#define _mm512_srli_epi16 ::aerie::emulated::mm512_srli_epi16
#define _mm512_cvtepi32_ps ::aerie::emulated::mm512_cvtepi32_ps
#define _mm512_cvtepi8_epi32 ::aerie::emulated::mm512_cvtepi8_epi32
#define _mm512_cvtepi32_epi8 ::aerie::emulated::mm512_cvtepi32_epi8
#define _mm512_cvtph_ps ::aerie::emulated::mm512_cvtph_ps
#define _mm512_dpbusd_epi32 ::aerie::emulated::mm512_dpbusd_epi32
#define _mm512_dpwssd_epi32 ::aerie::emulated::mm512_dpwssd_epi32
#define _mm512_xor_si512 ::aerie::emulated::mm512_xor_si512
#define _mm512_broadcast_i64x4 ::aerie::emulated::mm512_broadcast_i64x4
#define _mm512_set4_epi32 ::aerie::emulated::mm512_set4_epi32
#define _mm512_permutexvar_epi32 ::aerie::emulated::mm512_permutexvar_epi32
#define _mm512_mask_blend_epi16 ::aerie::emulated::mm512_mask_blend_epi16
#define _mm512_shuffle_epi8 ::aerie::emulated::mm512_shuffle_epi8

// For the sources, and only after the compiler's header, which reads it too.
#define __AVX512F__ 1
