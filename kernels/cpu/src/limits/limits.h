// The machine's own limits, against which kernels are judged.
#pragma once

#include "isa.h"
#include "thread_pool.h"

namespace aerie {

// Of all threads of a pool together; a multiplication and an addition are two operations.
struct MachineLimits {
  double f32_operations = 0;   // a second
  double int8_operations = 0;  // added in 32 bits at once
  double int4_operations = 0;  // added in 16 bits first where that is faster
  double read_bytes = 0;       // a second, of memory beyond every cache
};

// The best of several, about `seconds` for each number. One thread is measured in its processor time, which does not
// count what others take; several by the clock, so a busy machine shows less than it has. Throws OutOfMemory.
MachineLimits measure_limits(Isa isa, ThreadPool& pool, double seconds);

}  // namespace aerie
