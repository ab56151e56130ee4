// Recurrences over the tokens of one sequence: what came before is in a state of fixed size. Channels are independent,
// so work is split along them; a state lies with neighbouring channels beside each other.
//
// A token's result is the same bits whether it comes alone or behind others in one call.
#pragma once

#include <cstdint>

#include "activation.h"

namespace aerie {

constexpr int64_t kMaxConvKernel = 64;
constexpr int64_t kMaxScanState = 256;

// Both work on channels first … last − 1 of `channels`; arrays begin at channel 0. `from` is null at the start of a
// sequence, and may be `to`.
struct CausalConvArguments {
  int64_t tokens;
  int64_t channels;
  int64_t first;
  int64_t last;
  int64_t kernel;       // at most kMaxConvKernel
  const float* x;       // [tokens, channels]
  const float* weight;  // [kernel, channels]; the last row is of the token itself
  const float* bias;    // [channels], or null
  Activation activation;
  const float* from;  // [kernel − 1, channels]: the inputs before, the latest last
  float* to;
  float* y;  // [tokens, channels]
};

// s ← exp(Δ · a) · s + Δ · x · b, y = s · c + d · x, then · silu(z); Δ = softplus(dt).
struct SelectiveScanArguments {
  int64_t tokens;
  int64_t channels;
  int64_t first;
  int64_t last;
  int64_t state;      // at most kMaxScanState
  const float* x;     // [tokens, channels]
  const float* dt;    // [tokens, channels]
  const float* a;     // [state, channels]
  const float* b;     // [tokens, state]
  const float* c;     // [tokens, state]
  const float* d;     // [channels]
  const float* z;     // [tokens, channels], or null
  const float* from;  // [state, channels]
  float* to;
  float* y;  // [tokens, channels]
};

struct RecurrentKernels {
  void (*causal_conv)(const CausalConvArguments&);
  void (*selective_scan)(const SelectiveScanArguments&);
};

}  // namespace aerie
