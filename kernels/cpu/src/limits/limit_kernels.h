// What the machine can do at most, measured with loops that touch nothing else.
#pragma once

#include <cstddef>
#include <cstdint>

#include "isa.h"

namespace aerie {

// Each runs `steps` steps on registers and returns the multiplications made.
struct LimitKernels {
  // Multiply and add floats.
  int64_t (*f32)(int64_t steps);
  // int8 products added in 32 bits at once, as full-range weights need it.
  int64_t (*int8)(int64_t steps);
  // int8 products of which several are added in 16 bits first, as 4-bit weights allow; the same as int8 where one
  // instruction adds to 32 bits.
  int64_t (*int4)(int64_t steps);
  // Reads `bytes`, a multiple of 1024; the result keeps the compiler from leaving it out.
  int64_t (*read)(const void* from, size_t bytes);
};

// Only of an instruction set that `usable_isas` lists.
const LimitKernels& limit_kernels(Isa isa);

}  // namespace aerie
