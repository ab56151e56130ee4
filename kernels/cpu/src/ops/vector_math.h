// exp, erf, tanh and the activations made of them, a vector at a time. Polynomials are least-maximum-error fits of
// 2026 (weighted as the result needs), errors are those of every float tried: test/kernels/activations.test.ts.
#pragma once

#include "ops/simd.h"

namespace aerie::AERIE_ISA_NS {

// 2^r for r in −1/2 … 1/2; exactly 1 at 0.
constexpr float kExp2[6] = {1.0f,
                            0.6931470036506653f,
                            0.24022240936756134f,
                            0.0555073507130146f,
                            0.009671619161963463f,
                            0.0013264591107144952f};

// e^x to 1e-7 of the result; 0 below −87.3, infinite above 88.7, NaN of NaN.
AERIE_INLINE F exp(F x) {
  constexpr float kLog2E = 1.44269504f;
  // ln 2 in two parts: the first has few bits, so its product with a small whole number is exact.
  constexpr float kLn2High = 0.693359375f;
  constexpr float kLn2Low = -2.12194440e-4f;
  // NaN becomes a number here, and NaN again at the end.
  const F clamped = min(max(x, splat(-104.0f)), splat(89.0f));
  // Adding 1.5 · 2^23 rounds to the nearest whole number.
  const F magic = splat(12582912.0f);
  const F shifted = fma(clamped, splat(kLog2E), magic);
  const F n = shifted - magic;
  F r = fma(n, splat(-kLn2High), clamped);
  r = fma(n, splat(-kLn2Low), r);
  F p = splat(1.3814601115882397e-3f);
  p = fma(p, r, splat(8.368716575205326e-3f));
  p = fma(p, r, splat(4.166838899254799e-2f));
  p = fma(p, r, splat(1.666652113199234e-1f));
  p = fma(p, r, splat(4.999999403953552e-1f));
  p = fma(p, r * r, r) + 1.0f;
  // 2^n in two factors: n may be one more than a float's largest exponent.
  const I whole = to_int(n);
  const I first = whole >> 1;
  const F scaled = p * (F)((first + 127) << 23) * (F)((whole - first + 127) << 23);
  const F limited = select(x < -87.3f, F{}, select(x > 88.72284f, splat(__builtin_inff()), scaled));
  return select(x == x, limited, x);
}

// 2^x of x up to 1, to 2e-7 of the result; below −126 it stays at 2^−126.
AERIE_INLINE F exp2_of_small(F x) {
  const F clamped = max(x, splat(-126.0f));
  // Adding 1.5 · 2^23 rounds to the nearest whole number, which is then in the last bits.
  const F magic = splat(12582912.0f);
  const F shifted = clamped + magic;
  const F r = clamped - (shifted - magic);
  F p = splat(kExp2[5]);
  for (int i = 4; i >= 0; --i) p = fma(p, r, splat(kExp2[i]));
  return (F)((I)p + ((I)shifted << 23));
}

// To 2e-7, absolute.
AERIE_INLINE F erf(F x) {
  const F t = min(abs(x), splat(4.0f));
  const F s = x * x;
  F small = splat(-5.892720655538142e-4f);
  small = fma(small, s, splat(4.9743191339075565e-3f));
  small = fma(small, s, splat(-2.6754174381494522e-2f));
  small = fma(small, s, splat(1.1281490325927734e-1f));
  small = fma(small, s, splat(-3.7612465023994446e-1f));
  small = fma(small, s, splat(1.1283791065216064f));
  small = small * x;
  // ln(erfc(t)), from 0.92 to 4.
  F log = splat(1.9494596926961094e-4f);
  log = fma(log, t, splat(-3.033685265108943e-3f));
  log = fma(log, t, splat(2.2189749404788017e-2f));
  log = fma(log, t, splat(-1.0385632514953613e-1f));
  log = fma(log, t, splat(-6.372658014297485e-1f));
  log = fma(log, t, splat(-1.1276273727416992f));
  log = fma(log, t, splat(-2.0701510948128998e-4f));
  const F large = copy_sign(1.0f - exp2_of_small(log * 1.44269504f), x);
  // NaN takes the first branch.
  return select(t > 0.94f, large, small);
}

// To 2e-7, absolute.
AERIE_INLINE F tanh(F x) {
  const F doubled = min(max(x, splat(-10.0f)), splat(10.0f)) * 2.0f;
  return select(x == x, 1.0f - 2.0f / (exp(doubled) + 1.0f), x);
}

AERIE_INLINE F sigmoid(F x) { return 1.0f / (1.0f + exp(-x)); }

AERIE_INLINE F silu(F x) { return x * sigmoid(x); }
AERIE_INLINE F relu(F x) { return select(x < 0.0f, F{}, x); }
AERIE_INLINE F relu2(F x) {
  const F positive = relu(x);
  return positive * positive;
}
AERIE_INLINE F gelu_erf(F x) { return 0.5f * x * (1.0f + erf(x * 0.70710678118654752f)); }
AERIE_INLINE F gelu_tanh(F x) {
  const F inner = 0.79788456080286536f * fma(x * x * x, splat(0.044715f), x);
  return 0.5f * x * (1.0f + tanh(inner));
}
AERIE_INLINE F gelu_quick(F x) { return x * sigmoid(1.702f * x); }

}  // namespace aerie::AERIE_ISA_NS
