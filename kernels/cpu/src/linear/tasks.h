// What a kernel is told, and the table of those of one instruction set.
#pragma once

#include <cstdint>

#include "activation.h"
#include "isa.h"
#include "linear/packed_linear.h"
#include "linear/quantised_rows.h"

namespace aerie {

// What is done to v = x · Wᵀ: activation(v + addend + bias) · multiply + residual. Each part may be absent.
struct Epilogue {
  // [out]
  const float* bias = nullptr;
  Activation activation = Activation::kNone;
  // [rows, out] and [rows, out], rows `multiply_stride` and `residual_stride` floats apart.
  const float* multiply = nullptr;
  int64_t multiply_stride = 0;
  const float* residual = nullptr;
  int64_t residual_stride = 0;
  // [rows], each [out] or null: of rows that have an adapter.
  const float* const* addends = nullptr;
};

// A rectangle of y [rows, out]: some rows, some panels of 16 columns. What a row becomes does not depend on the
// rectangle.
struct LinearTask {
  int64_t row_begin = 0;
  int64_t row_end = 0;
  int64_t panel_begin = 0;
  int64_t panel_end = 0;
  // Dense kernels read `dense` and x [rows, in], or `quantised` made floats again if x is null.
  DensePanels dense;
  const float* x = nullptr;
  int64_t x_stride = 0;
  // Quantised kernels read these, and low_rank [rows, rank] = x · downᵀ if the weight has a rank.
  const PackedLinear* weight = nullptr;
  const QuantisedView* quantised = nullptr;
  const float* low_rank = nullptr;
  // For dense kernels the low-rank path comes through here; null without one.
  const DensePanels* up = nullptr;
  float* y = nullptr;
  int64_t y_stride = 0;
  const Epilogue* epilogue = nullptr;
};

struct LinearKernels {
  // x [rows, in], rows `x_stride` floats apart → a view of as many rows, from row_begin to row_end. For each group:
  // scale = largest |x| / 127, values = x / scale to the nearest whole number, ties to even; all 0 where the scale is
  // 0. A group with a NaN or an infinity has the scale NaN and values 0, so that whatever is made of it is NaN.
  void (*quantise_rows)(const float* x, int64_t x_stride, const QuantisedView& to, int64_t row_begin, int64_t row_end);
  void (*dense)(const LinearTask& task);
  void (*int8)(const LinearTask& task);
  void (*int4)(const LinearTask& task);
  void (*int6)(const LinearTask& task);
};

// Only of an instruction set that `usable_isas` lists.
const LinearKernels& linear_kernels(Isa isa);

}  // namespace aerie
