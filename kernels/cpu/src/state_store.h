// The memory of recurrent states: numbered slots, each with every recurrence's state of one sequence at one position.
// Which slot belongs to whom is not known here.
#pragma once

#include <cstdint>
#include <vector>

#include "memory.h"

namespace aerie {

class StateStore {
 public:
  struct Options {
    // Floats of each recurrence's state.
    std::vector<int64_t> sizes;
    int64_t slots;
  };

  // Throws RangeError for sizes that are out of bounds, OutOfMemory if the address space is not there.
  explicit StateStore(Options options);

  int64_t recurrences() const { return static_cast<int64_t>(options_.sizes.size()); }
  int64_t slots() const { return options_.slots; }
  int64_t slot_bytes() const { return slot_bytes_; }
  // Of all slots; a slot takes memory from its first use on.
  size_t bytes() const { return pages_.bytes(); }

  // recurrence is in range.
  int64_t size(int64_t recurrence) const { return options_.sizes[static_cast<size_t>(recurrence)]; }
  // slot and recurrence are in range.
  float* state(int64_t slot, int64_t recurrence) const;
  // Forgets everything and gives the memory back.
  void clear() { pages_.clear(); }

 private:
  Options options_;
  int64_t slot_bytes_ = 0;
  // Of each recurrence in a slot, in bytes.
  std::vector<int64_t> offsets_;
  Pages pages_;
};

}  // namespace aerie
