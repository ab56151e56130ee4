// What adapters (LoRA, arXiv 2106.09685) add to a product: scale · (x · Aᵀ) · Bᵀ, for those rows that have one.
//
// As with every product, a row has the same bits whatever the other rows are, how many, and on how many threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "linear/packed_linear.h"
#include "linear/tasks.h"

namespace aerie {

class ThreadPool;

// Of one linear: A [rank, in] and B [out, rank]. Null values: the adapter leaves this linear as it is.
struct AdapterPair {
  DensePanels down;
  DensePanels up;
  float scale = 1;
};

// Neighbouring rows of x that share an adapter.
struct AdaptedRows {
  const AdapterPair* pair = nullptr;
  int64_t first = 0;
  int64_t count = 0;
};

// Bytes that `adapt_rows` needs beside its arguments, aligned to 64.
size_t adapters_workspace(std::span<const AdaptedRows> groups, int64_t rows, int64_t out);

// x [rows, in] of floats, rows `stride` floats apart → for each row what is to be added to its product, [out] floats in
// the workspace, or null: an epilogue's `addends`. Groups have pairs and do not overlap.
const float* const* adapt_rows(const LinearKernels& kernels, ThreadPool& pool, std::span<const AdaptedRows> groups,
                               const float* x, int64_t stride, int64_t rows, int64_t out, void* workspace);

}  // namespace aerie
