// e^x of numbers that are not positive, the very doubles that fdlibm's `exp` gives and with it Math.exp of V8, whose
// steps these are, several at a time: products and sums in the same order, none of them fused.
//
// ====================================================
// Copyright (C) 2004 by Sun Microsystems, Inc. All rights reserved.
//
// Permission to use, copy, modify, and distribute this
// software is freely granted, provided that this notice
// is preserved.
// ====================================================
#pragma once

#include "ops/simd.h"

namespace aerie::AERIE_ISA_NS {

// A vector register of the instruction set; without AVX, GCC and Clang cut what they cannot hold.
constexpr int kDoubles = kLanes / 2;
typedef double D __attribute__((vector_size(8 * kDoubles)));
typedef int64_t L __attribute__((vector_size(8 * kDoubles)));
typedef int32_t HalfI __attribute__((vector_size(4 * kDoubles)));
typedef float HalfF __attribute__((vector_size(4 * kDoubles)));
typedef double UnalignedD __attribute__((vector_size(8 * kDoubles), aligned(8), may_alias));
typedef float UnalignedHalfF __attribute__((vector_size(4 * kDoubles), aligned(4), may_alias));

AERIE_INLINE D load(const double* p) { return *reinterpret_cast<const UnalignedD*>(p); }
AERIE_INLINE void store(double* p, D v) { *reinterpret_cast<UnalignedD*>(p) = v; }
AERIE_INLINE D widened(const float* p) {
  return __builtin_convertvector((HalfF) * reinterpret_cast<const UnalignedHalfF*>(p), D);
}
AERIE_INLINE D select(L mask, D yes, D no) { return (D)(((L)yes & mask) | ((L)no & ~mask)); }

// x is 0 or less, or NaN.
AERIE_INLINE D exact_exp(D x) {
  constexpr double kLn2High = 6.93147180369123816490e-01;
  constexpr double kLn2Low = 1.90821492927058770002e-10;
  constexpr double kLeast = -7.45133219101941108420e+02;
  // Where fdlibm looks at the upper half of the bits, these are the numbers at which it changes.
  constexpr double kHalfLn2 = -0x1.62e43p-2, kThreeHalvesLn2 = -0x1.0a2b2p0, kTiny = -0x1p-28;
  // A number plus this has the number in its lowest bits.
  constexpr double kMagic = 0x1.8p52;
  const D zero = D{};
  const L is_usable = x >= kLeast;
  const D safe = select(is_usable, x, zero);
  // x = t · ln 2 + r with whole t: 0 up to ln 2 / 2, −1 from there to 1.5 ln 2.
  const HalfI truncated = __builtin_convertvector(1.44269504088896338700e+00 * safe - 0.5, HalfI);
  D t = __builtin_convertvector(truncated, D);
  t = select(safe > kThreeHalvesLn2, zero - 1.0, t);
  t = select(safe > kHalfLn2, zero, t);
  const D reduced_high = safe - t * kLn2High;
  const D reduced_low = t * kLn2Low;
  const D r = reduced_high - reduced_low;
  const D s = r * r;
  const D c =
      r -
      s * (1.66666666666666019037e-01 +
           s * (-2.77777777770155933842e-03 +
                s * (6.61375632143793436117e-05 + s * (-1.65339022054652515390e-06 + s * 4.13813679705723846039e-08))));
  const D y = 1.0 - ((reduced_low - (r * c) / (2.0 - c)) - reduced_high);
  // Below 2^-1021 in two factors, so that what is subnormal is rounded once.
  const L is_small = t < -1021.0;
  const D power = (D)(((L)(select(is_small, t + 1000.0, t) + kMagic) + 1023) << 52);
  D result = y * power * select(is_small, zero + 9.33263618503218878990e-302, zero + 1.0);
  result = select(safe > kTiny, 1.0 + safe, result);
  result = select(is_usable, result, zero);
  return select((L)(x == x), result, x);
}

}  // namespace aerie::AERIE_ISA_NS
