#include "mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "error.h"

namespace aerie {
namespace {

#ifdef __linux__
// MADV_POPULATE_READ, of Linux 5.14 and headers of its time.
constexpr int kPopulateRead = 22;
#endif

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  int number_;
};

}  // namespace

MappedFile::MappedFile(const std::string& path) {
  // A pipe would be waited for.
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.number() < 0) throw SystemError(path + " cannot be opened", errno);
  struct stat found;
  if (fstat(file.number(), &found) != 0) throw SystemError(path + " cannot be looked at", errno);
  if (!S_ISREG(found.st_mode)) throw TypeError(path + " is no file");
  if (found.st_size <= 0) throw RangeError(path + " is empty");
  const size_t bytes = static_cast<size_t>(found.st_size);
  void* const data = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file.number(), 0);
  if (data == MAP_FAILED) throw SystemError(path + " cannot be mapped", errno);
  data_ = static_cast<const std::byte*>(data);
  bytes_ = bytes;
}

MappedFile::~MappedFile() { munmap(const_cast<std::byte*>(data_), bytes_); }

void MappedFile::fetch(size_t offset, size_t bytes) const {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t start = offset / page * page;
  std::byte* const from = const_cast<std::byte*>(data_) + start;
  const size_t length = offset + bytes - start;
#ifdef __linux__
  if (madvise(from, length, kPopulateRead) == 0) return;
  // What would end the process later: the file has become shorter, or the disk cannot read it.
  if (errno == EFAULT) throw SystemError("a mapped file cannot be read", EIO);
#endif
  // Where that is not to be had, only the first use is slower.
  madvise(from, length, MADV_WILLNEED);
}

}  // namespace aerie
