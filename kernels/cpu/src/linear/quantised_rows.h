// Activations as 8-bit numbers, a scale for each group of neighbours in a row.
#pragma once

#include <cstddef>
#include <cstdint>

namespace aerie {

// A view over one block of `quantised_bytes`. A row's groups are those of the weights that it is multiplied with.
struct QuantisedView {
  int64_t rows = 0;
  int64_t in = 0;
  int64_t group = 0;
  int64_t groups = 0;
  // Bytes from one row to the next; those behind `in` are 0.
  int64_t stride = 0;
  // [rows, stride], −127 … 127
  int8_t* values = nullptr;
  // [rows, groups]: what 1 stands for.
  float* scales = nullptr;
  // [rows, groups]: of the group's values.
  int32_t* sums = nullptr;
};

// group 0: the whole row.
size_t quantised_bytes(int64_t rows, int64_t in, int64_t group);
// `block` is aligned to 64 bytes and has quantised_bytes(rows, in, group).
QuantisedView quantised_view(void* block, int64_t rows, int64_t in, int64_t group);

}  // namespace aerie
