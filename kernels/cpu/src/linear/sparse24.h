// Weights of which at most two of every four neighbouring inputs of an output are not zero.
#pragma once

#include <cstdint>
#include <optional>

#include "linear/pack.h"

namespace aerie {

struct QuadPlace {
  int64_t row = 0;
  // Inputs 4 · quad … 4 · quad + 3.
  int64_t quad = 0;
};

// Which of a quad's inputs are not zero (a number is not its zero point), bit i: the i-th. None that a row has not.
// The sign of a zero counts for nothing. Not of GGUF blocks.
uint32_t inputs_of_quad(const LinearSource& source, const QuadPlace& place);

// Those and, where they are fewer than two, the lowest others.
uint32_t two_inputs(uint32_t inputs);

// The first quad, row after row, in which more than two are not zero. Not of GGUF blocks.
std::optional<QuadPlace> first_dense_quad(ThreadPool& pool, const LinearSource& source);

// One panel of `values`, f32, f16 or bf16 [out, in], as 2:4 units (packed_linear.h).
void pack_sparse_panel(const LinearSource& source, int64_t panel, uint8_t* to);

}  // namespace aerie
