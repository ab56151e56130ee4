// A file in memory as it lies on the disk: read-only, and one copy for all processes that map it.
#pragma once

#include <cstddef>
#include <string>

namespace aerie {

// Whoever shortens the file meanwhile ends this process with SIGBUS when it reads what is gone: only for files that nobody
// writes to.
class MappedFile {
 public:
  // Throws SystemError, TypeError for what is no file, RangeError for an empty one.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::byte* data() const { return data_; }
  size_t bytes() const { return bytes_; }
  // Reads a part from the disk now where it is not in memory, which is otherwise done when it is first used. Throws
  // SystemError if it cannot be read.
  void fetch(size_t offset, size_t bytes) const;

 private:
  const std::byte* data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace aerie
