#include "mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <fstream>

#include "error.h"

namespace aerie {
namespace {

#ifdef __linux__
// MADV_POPULATE_READ, of Linux 5.14 and headers of its time.
constexpr int kPopulateRead = 22;
#endif

constexpr size_t kProbe = size_t{4} << 20;

// Whether the system gives large pages to the memory of a process.
bool has_large_pages() {
  std::ifstream file("/sys/kernel/mm/transparent_hugepage/enabled");
  std::string words;
  return std::getline(file, words) && words.find("[never]") == std::string::npos;
}

// `error` is errno, read before the message was built.
[[noreturn]] void fail(const std::string& path, const char* what, int error) { throw SystemError(path + what, error); }

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
  if (file.number() < 0) fail(path, " cannot be opened", errno);
  struct stat found;
  if (fstat(file.number(), &found) != 0) fail(path, " cannot be looked at", errno);
  if (!S_ISREG(found.st_mode)) throw TypeError(path + " is no file");
  if (found.st_size <= 0) throw RangeError(path + " is empty");
  bytes_ = static_cast<size_t>(found.st_size);
  map(file.number(), path);
  try {
    fetch(0, bytes_);
    if (bytes_ < kProbe || !has_large_pages() || is_large(bytes_)) return;
    // It was read before in small pieces, as a check of its digest does. A few megabytes show whether the file system
    // would give large ones.
    drop(file.number(), path, kProbe);
    fetch(0, kProbe);
    if (is_large(kProbe)) drop(file.number(), path, bytes_);
    fetch(0, bytes_);
    is_read_in_place_ = is_large(bytes_);
  } catch (...) {
    unmap();
    throw;
  }
}

MappedFile::~MappedFile() { unmap(); }

void MappedFile::map(int file, const std::string& path) {
  void* const data = mmap(nullptr, bytes_, PROT_READ, MAP_SHARED, file, 0);
  if (data == MAP_FAILED) fail(path, " cannot be mapped", errno);
#ifdef __linux__
  // Before anything is read: the page cache then takes large pages, where the file system can.
  madvise(data, bytes_, MADV_HUGEPAGE);
#endif
  data_ = static_cast<const std::byte*>(data);
}

void MappedFile::unmap() {
  if (data_) munmap(const_cast<std::byte*>(data_), bytes_);
  data_ = nullptr;
}

void MappedFile::drop([[maybe_unused]] int file, const std::string& path, [[maybe_unused]] size_t bytes) {
  unmap();
#ifdef __linux__
  posix_fadvise(file, 0, static_cast<off_t>(bytes), POSIX_FADV_DONTNEED);
#endif
  map(file, path);
}

bool MappedFile::is_large(size_t bytes) const {
  char start[32];
  std::snprintf(start, sizeof start, "%llx-", static_cast<unsigned long long>(reinterpret_cast<uintptr_t>(data_)));
  std::ifstream maps("/proc/self/smaps");
  std::string line;
  while (std::getline(maps, line)) {
    if (!line.starts_with(start)) continue;
    size_t kilobytes = 0;
    while (std::getline(maps, line) && std::sscanf(line.c_str(), "FilePmdMapped: %zu kB", &kilobytes) != 1) {
    }
    return kilobytes * 1024 > bytes / 2;
  }
  return false;
}

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
