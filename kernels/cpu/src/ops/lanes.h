// Work on channels that lie beside each other and are independent: whole vectors of them, then the rest.
#pragma once

#include "ops/simd.h"

namespace aerie::AERIE_ISA_NS {

struct WholeVector {
  int64_t channel;

  F read(const float* p) const { return load(p + channel); }
  void write(float* p, F v) const { store(p + channel, v); }
};

// Goes through the same operations as a whole vector.
struct PartOfVector {
  int64_t channel;
  int64_t count;

  F read(const float* p) const { return load_first(p + channel, count); }
  void write(float* p, F v) const { store_first(p + channel, v, count); }
};

// Calls work(lanes) for the channels first … last − 1.
template <typename Work>
void for_lanes(int64_t first, int64_t last, Work work) {
  int64_t channel = first;
  for (; channel + kLanes <= last; channel += kLanes) work(WholeVector{channel});
  if (channel < last) work(PartOfVector{channel, last - channel});
}

}  // namespace aerie::AERIE_ISA_NS
