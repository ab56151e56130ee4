#include "ops/recurrent.h"

#include "ops/lanes.h"
#include "ops/vector_math.h"

namespace aerie::AERIE_ISA_NS {
namespace {

// ln(1 + u) of u in 0 … 1 to 1e-7 of the result: twice the series of atanh(u / (2 + u)).
AERIE_INLINE F log1p_of_small(F u) {
  const F w = u / (2.0f + u);
  const F s = w * w;
  F p = splat(1.0f / 15);
  for (int i = 13; i >= 1; i -= 2) p = fma(p, s, splat(1.0f / static_cast<float>(i)));
  return 2.0f * w * p;
}

// ln(1 + e^x), without overflow.
AERIE_INLINE F softplus(F x) {
  const F sum = max(x, F{}) + log1p_of_small(exp(-abs(x)));
  return select(x == x, sum, x);
}

template <typename Lanes, typename Function>
void conv_lanes(const CausalConvArguments& a, const Lanes& lanes, Function function) {
  F window[kMaxConvKernel];
  const int64_t before = a.kernel - 1;
  for (int64_t i = 0; i < before; ++i) window[i] = a.from ? lanes.read(a.from + i * a.channels) : F{};
  const F bias = a.bias ? lanes.read(a.bias) : F{};
  for (int64_t token = 0; token < a.tokens; ++token) {
    window[before] = lanes.read(a.x + token * a.channels);
    F sum = bias;
    for (int64_t i = 0; i < a.kernel; ++i) sum = fma(lanes.read(a.weight + i * a.channels), window[i], sum);
    lanes.write(a.y + token * a.channels, function(sum));
    for (int64_t i = 0; i < before; ++i) window[i] = window[i + 1];
  }
  for (int64_t i = 0; i < before; ++i) lanes.write(a.to + i * a.channels, window[i]);
}

template <typename Lanes>
void scan_lanes(const SelectiveScanArguments& a, const Lanes& lanes) {
  F state[kMaxScanState];
  for (int64_t n = 0; n < a.state; ++n) state[n] = a.from ? lanes.read(a.from + n * a.channels) : F{};
  const F d = lanes.read(a.d);
  for (int64_t token = 0; token < a.tokens; ++token) {
    const F x = lanes.read(a.x + token * a.channels);
    const F delta = softplus(lanes.read(a.dt + token * a.channels));
    const F input = delta * x;
    const float* const b = a.b + token * a.state;
    const float* const c = a.c + token * a.state;
    F sum = {};
    for (int64_t n = 0; n < a.state; ++n) {
      const F decay = exp(delta * lanes.read(a.a + n * a.channels));
      state[n] = fma(decay, state[n], input * b[n]);
      sum = fma(state[n], splat(c[n]), sum);
    }
    F y = fma(d, x, sum);
    if (a.z) y = y * silu(lanes.read(a.z + token * a.channels));
    lanes.write(a.y + token * a.channels, y);
  }
  for (int64_t n = 0; n < a.state; ++n) lanes.write(a.to + n * a.channels, state[n]);
}

}  // namespace

void causal_conv(const CausalConvArguments& a) {
  for_lanes(a.first, a.last, [&](const auto& lanes) {
    if (a.activation == Activation::kSilu) return conv_lanes(a, lanes, [](F v) { return silu(v); });
    return conv_lanes(a, lanes, [](F v) { return v; });
  });
}

void selective_scan(const SelectiveScanArguments& a) {
  for_lanes(a.first, a.last, [&](const auto& lanes) { scan_lanes(a, lanes); });
}

}  // namespace aerie::AERIE_ISA_NS
