#include "memory.h"

#include <sys/mman.h>

#include <string>
#include <utility>

#include "error.h"

namespace aerie {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
// More than any machine has; keeps sums of sizes far from overflow.
constexpr size_t kMostBytes = size_t{1} << 46;

}  // namespace

Pages::Pages(size_t bytes, const char* what, bool is_reserved) {
  if (bytes == 0) return;
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | (is_reserved ? MAP_NORESERVE : 0);
  void* const data = bytes > kMostBytes ? MAP_FAILED : mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (data == MAP_FAILED) {
    throw OutOfMemory("the system has no " + std::to_string(bytes) + " bytes for " + what);
  }
  // Advice: a system without huge pages does without.
  if (bytes >= kHugePage) madvise(data, bytes, MADV_HUGEPAGE);
  data_ = static_cast<std::byte*>(data);
  bytes_ = bytes;
}

Pages::~Pages() {
  if (data_) munmap(data_, bytes_);
}

Pages::Pages(Pages&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

Pages& Pages::operator=(Pages&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

void Pages::clear() {
  if (data_) madvise(data_, bytes_, MADV_DONTNEED);
}

std::byte* Buffer::require(size_t bytes, const char* what) {
  if (bytes > pages_.bytes()) {
    pages_ = Pages();
    pages_ = Pages(bytes, what, false);
  }
  return pages_.data();
}

}  // namespace aerie
