// Compiled once for each instruction set, like the kernels.
#include "limits/limit_kernels.h"

#include "ops/simd.h"

#if defined(__clang__)
#define AERIE_UNROLL _Pragma("unroll")
#else
#define AERIE_UNROLL _Pragma("GCC unroll 16")
#endif

namespace aerie::AERIE_ISA_NS {
namespace {

// Independent sums: enough to hide each instruction's latency, few enough to stay in registers.
constexpr int kChains = 12;
constexpr int kIntegerChains = 8;

#define AERIE_KEEP(v) asm volatile("" AERIE_CHANGES(v))

int64_t f32(int64_t steps) {
  F sums[kChains] = {};
  F a = splat(0.999f);
  F b = splat(0.001f);
  for (int64_t i = 0; i < steps; ++i) {
    AERIE_UNROLL
    for (int c = 0; c < kChains; ++c) {
      // Changed behind the compiler's back, or one chain would do for all.
      AERIE_KEEP(a);
      sums[c] = fma(sums[c], a, b);
    }
  }
  AERIE_UNROLL
  for (int c = 0; c < kChains; ++c) AERIE_KEEP(sums[c]);
  return steps * kChains * kLanes;
}

#if defined(__AVX512F__)
constexpr int64_t kProducts = 64;
using Bytes = __m512i;
Bytes dot(Bytes sum, Bytes a, Bytes b) { return _mm512_dpbusd_epi32(sum, a, b); }
#elif defined(__AVX2__)
constexpr int64_t kProducts = 32;
using Bytes = __m256i;
Bytes dot(Bytes sum, Bytes a, Bytes b) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), _mm256_set1_epi16(1)));
}
#elif defined(__ARM_FEATURE_DOTPROD)
constexpr int64_t kProducts = 16;
using Bytes = int32x4_t;
Bytes dot(Bytes sum, Bytes a, Bytes b) { return vdotq_s32(sum, vreinterpretq_s8_s32(a), vreinterpretq_s8_s32(b)); }
#else
// No instruction for bytes: whole lanes are multiplied.
constexpr int64_t kProducts = kLanes;
using Bytes = I;
Bytes dot(Bytes sum, Bytes a, Bytes b) { return sum + a * b; }
#endif

// Returns how many products were added up.
int64_t int8(int64_t steps) {
  Bytes sums[kIntegerChains] = {};
  Bytes a{};
  Bytes b{};
  AERIE_KEEP(b);
  for (int64_t i = 0; i < steps; ++i) {
    AERIE_UNROLL
    for (int c = 0; c < kIntegerChains; ++c) {
      AERIE_KEEP(a);
      sums[c] = dot(sums[c], a, b);
    }
  }
  AERIE_UNROLL
  for (int c = 0; c < kIntegerChains; ++c) AERIE_KEEP(sums[c]);
  return steps * kIntegerChains * kProducts;
}

#if defined(__AVX2__) && !defined(__AVX512F__)
int64_t int4(int64_t steps) {
  Bytes sums[kIntegerChains] = {};
  Bytes a{};
  Bytes b{};
  AERIE_KEEP(b);
  for (int64_t i = 0; i < steps; ++i) {
    AERIE_UNROLL
    for (int c = 0; c < kIntegerChains; ++c) {
      AERIE_KEEP(a);
      sums[c] = _mm256_add_epi16(sums[c], _mm256_maddubs_epi16(a, b));
    }
  }
  AERIE_UNROLL
  for (int c = 0; c < kIntegerChains; ++c) AERIE_KEEP(sums[c]);
  return steps * kIntegerChains * kProducts;
}
#else
int64_t int4(int64_t steps) { return int8(steps); }
#endif

int64_t read(const void* from, size_t bytes) {
  const char* p = static_cast<const char*>(from);
  I sums[4] = {};
  for (size_t at = 0; at < bytes; at += 4 * sizeof(I)) {
    AERIE_UNROLL
    for (size_t c = 0; c < 4; ++c) {
      I v;
      std::memcpy(&v, p + at + c * sizeof(I), sizeof v);
      sums[c] = sums[c] ^ v;
    }
  }
  const I all = sums[0] ^ sums[1] ^ sums[2] ^ sums[3];
  return all[0];
}

}  // namespace

extern const LimitKernels kLimitKernels;
const LimitKernels kLimitKernels = {f32, int8, int4, read};

}  // namespace aerie::AERIE_ISA_NS
