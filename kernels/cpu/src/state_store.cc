#include "state_store.h"

#include <string>

#include "error.h"

namespace aerie {
namespace {

constexpr int64_t kLine = 64;
constexpr int64_t kMostRecurrences = 4096;
constexpr int64_t kMostFloats = int64_t{1} << 30;
constexpr int64_t kMostSlots = int64_t{1} << 20;

void expect(const std::string& name, int64_t value, int64_t most) {
  if (value >= 1 && value <= most) return;
  throw RangeError("state store: " + name + " is " + std::to_string(value) + ", expected 1 to " + std::to_string(most));
}

}  // namespace

StateStore::StateStore(Options options) : options_(std::move(options)) {
  expect("the number of sizes", recurrences(), kMostRecurrences);
  expect("slots", options_.slots, kMostSlots);
  for (const int64_t size : options_.sizes) {
    expect("a size", size, kMostFloats);
    offsets_.push_back(slot_bytes_);
    slot_bytes_ += (size * static_cast<int64_t>(sizeof(float)) + kLine - 1) / kLine * kLine;
  }
  size_t bytes;
  if (__builtin_mul_overflow(static_cast<size_t>(slot_bytes_), static_cast<size_t>(options_.slots), &bytes)) {
    throw RangeError("state store: " + std::to_string(options_.slots) + " slots of " + std::to_string(slot_bytes_) +
                     " bytes are more than can be counted");
  }
  pages_ = Pages(bytes, "the recurrent states", true);
}

float* StateStore::state(int64_t slot, int64_t recurrence) const {
  return reinterpret_cast<float*>(pages_.data() + slot * slot_bytes_ + offsets_[static_cast<size_t>(recurrence)]);
}

}  // namespace aerie
