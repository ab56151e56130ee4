#include "memory.h"

#include <sys/mman.h>

#include <cstdint>
#include <string>
#include <utility>

#include "error.h"

namespace aerie {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
// Below, the pages that it shares with its neighbours are most of it.
constexpr size_t kWorthLargePages = size_t{256} << 10;
#if defined(__linux__)
// MADV_COLLAPSE of Linux 6.1, which older headers lack.
constexpr int kCollapse = 25;
#endif
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

void prefer_large_pages(const void* data, size_t bytes) {
#if defined(__linux__)
  if (bytes < kWorthLargePages) return;
  const uintptr_t end = reinterpret_cast<uintptr_t>(data) + bytes;
  uintptr_t page = reinterpret_cast<uintptr_t>(data) / kHugePage * kHugePage;
  // One by one: where something is not mapped, or not memory of its own, the others still succeed. All of it is advice.
  for (; page < end; page += kHugePage) {
    void* const at = reinterpret_cast<void*>(page);
    madvise(at, kHugePage, MADV_HUGEPAGE);
    madvise(at, kHugePage, kCollapse);
  }
#else
  (void)data;
  (void)bytes;
#endif
}

std::byte* Buffer::require(size_t bytes, const char* what) {
  if (bytes > pages_.bytes()) {
    pages_ = Pages();
    pages_ = Pages(bytes, what, false);
  }
  return pages_.data();
}

}  // namespace aerie
