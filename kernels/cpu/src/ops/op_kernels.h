// What operations other than linears are computed with: one table an instruction set. Kernels work on raw memory, take
// no locks, allocate nothing and throw nothing; whoever calls them has checked shapes and split the work.
#pragma once

#include <cstdint>

#include "activation.h"
#include "isa.h"
#include "ops/attention_kernel.h"
#include "ops/convolution_kernels.h"
#include "ops/recurrent_kernels.h"
#include "ops/sampling_kernels.h"

namespace aerie {

enum class BinaryKind { kAdd, kSub, kMul, kDiv };

struct NormArguments {
  int64_t rows;
  int64_t width;
  const float* x;       // [rows, width]
  const float* weight;  // [width]
  const float* bias;    // [width]; layer norm only
  float epsilon;
  float weight_offset;  // added to the weight
  float* y;             // [rows, width]; may be x
};

struct RopeArguments {
  int64_t rows;
  int64_t heads;
  int64_t head_dim;
  int64_t pairs;     // 2 · pairs leading channels of a head are rotated
  bool interleaved;  // channel 2i pairs with 2i + 1; else i with i + pairs
  const float* x;    // [rows, heads · head_dim]
  const float* cos;  // [rows, pairs]
  const float* sin;  // [rows, pairs]
  float* y;          // may be x
};

struct RopeTableArguments {
  int64_t rows;       // all, of which `tokens` follow each other with one table
  int64_t first_row;  // of `rows`: where x and y begin
  int64_t tokens;
  int64_t heads;
  int64_t head_dim;
  const float* x;    // [rows, heads · head_dim]
  const float* cos;  // [tokens, head_dim]
  const float* sin;  // [tokens, head_dim]
  float* y;          // may be x
};

struct OpKernels {
  // y[i] = f(x[i]); y may be x.
  void (*unary)(Activation kind, int64_t count, const float* x, float* y);
  // y[i] = a[i · a_step] op b[i · b_step] with steps of 0 or 1.
  void (*binary)(BinaryKind kind, int64_t count, const float* a, int a_step, const float* b, int b_step, float* y);
  void (*rms_norm)(const NormArguments&);
  void (*layer_norm)(const NormArguments&);
  // Softmax of every row [rows, width]; y may be x.
  void (*softmax)(int64_t rows, int64_t width, const float* x, float* y);
  void (*rope)(const RopeArguments&);
  void (*rope_table)(const RopeTableArguments&);
  AttentionKernels attention;
  RecurrentKernels recurrent;
  ConvolutionKernels convolution;
  SamplingKernels sampling;
};

// Only of an instruction set that `usable_isas` lists.
const OpKernels& op_kernels(Isa isa);

}  // namespace aerie
