// Products with packed weights: the work is cut into rectangles of the result, which threads compute by themselves.
//
// A result has the same bits whatever the number of rows, of threads and the other rows are: each sum runs over the
// groups of inputs (dense: over the inputs) in their order.
#pragma once

#include <cstddef>
#include <cstdint>

#include "linear/packed_linear.h"
#include "linear/quantised_rows.h"
#include "linear/tasks.h"

namespace aerie {

class ThreadPool;

// x [rows, in] of floats, rows `stride` floats apart, for dense weights; or quantised with the weight's group (0 or
// `in` by row).
struct LinearInput {
  const float* x = nullptr;
  int64_t stride = 0;
  const QuantisedView* quantised = nullptr;
};

// Bytes that `linear` needs beside its arguments, aligned to 64: 0 without a low-rank path.
size_t linear_workspace(const PackedLinear& weight, int64_t rows);

// y [rows, out], rows `y_stride` floats apart, = epilogue(x · Wᵀ). y overlaps nothing that is read, except that
// `residual` or `multiply` may be y itself at the same stride. Throws TypeError if the input does not fit the weight.
void linear(const LinearKernels& kernels, ThreadPool& pool, const PackedLinear& weight, const LinearInput& input,
            int64_t rows, float* y, int64_t y_stride, const Epilogue& epilogue, void* workspace);

// Quantises x [to.rows, to.in], rows `x_stride` floats apart.
void quantise_rows(const LinearKernels& kernels, ThreadPool& pool, const float* x, int64_t x_stride,
                   const QuantisedView& to);

}  // namespace aerie
