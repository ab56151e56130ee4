// Memory by the page: large, aligned, and refused with an error instead of an abort.
#pragma once

#include <cstddef>

namespace aerie {

// Zeroed pages of the system, committed when they are first touched.
class Pages {
 public:
  Pages() = default;
  // Throws OutOfMemory, naming `what` and the bytes. With `is_reserved` the memory need not be there until it is
  // touched.
  Pages(size_t bytes, const char* what, bool is_reserved);
  ~Pages();
  Pages(Pages&& other) noexcept;
  Pages& operator=(Pages&& other) noexcept;

  std::byte* data() const { return data_; }
  size_t bytes() const { return bytes_; }
  // Gives the memory back; it reads as zeros again.
  void clear();

 private:
  std::byte* data_ = nullptr;
  size_t bytes_ = 0;
};

// Puts memory that will be read often, and that others have allocated, on large pages, as far as the system has some: a
// step reads all weights once, and with small pages much of its time is spent looking up where each lies. Its
// neighbours' pages may be joined with it; what it holds stays. Does nothing for little memory.
void prefer_large_pages(const void* data, size_t bytes);

// A buffer that grows to the largest size asked for and stays there; what it held is lost when it grows.
class Buffer {
 public:
  // Aligned to a page. Throws OutOfMemory.
  std::byte* require(size_t bytes, const char* what);
  size_t bytes() const { return pages_.bytes(); }

 private:
  Pages pages_;
};

}  // namespace aerie
