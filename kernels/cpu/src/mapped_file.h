// A file in memory as it lies on the disk: read-only, and one copy for all processes that map it.
#pragma once

#include <cstddef>
#include <string>

namespace aerie {

// Whoever shortens the file meanwhile ends this process with SIGBUS when it reads what is gone: only for files that
// nobody writes to.
class MappedFile {
 public:
  // Reads the file into memory where it is not there yet. Throws SystemError, TypeError for what is no file, RangeError
  // for an empty one.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::byte* data() const { return data_; }
  size_t bytes() const { return bytes_; }
  // Whether weights are best read where they lie. False where the system has large pages for the memory of a process
  // and not for this file: a product that waits for memory takes up to twice as long in small ones.
  bool is_read_in_place() const { return is_read_in_place_; }
  // Reads a part from the disk again if the system has dropped it. Throws SystemError if it cannot be read.
  void fetch(size_t offset, size_t bytes) const;

 private:
  void map(int file, const std::string& path);
  void unmap();
  // Forgets the first bytes, so that they are read anew.
  void drop(int file, const std::string& path, size_t bytes);
  // Whether most of the first bytes are in large pages.
  bool is_large(size_t bytes) const;

  const std::byte* data_ = nullptr;
  size_t bytes_ = 0;
  bool is_read_in_place_ = true;
};

}  // namespace aerie
