// A packed weight where JavaScript says that it is.
#pragma once

#include <napi.h>

#include <memory>
#include <string>

#include "addon/values.h"
#include "mapped_file.h"

namespace aerie::addon {

// Bytes of a Uint8Array, or a part of a mapped file.
class PackedBlock {
 public:
  // May run JavaScript. Throws TypeError or RangeError naming `what`.
  PackedBlock(const Napi::Value& value, const std::string& what);

  // Runs none. Of an array it is looked up anew, since its memory may move.
  Memory memory() const;
  // Null for an array.
  const std::shared_ptr<MappedFile>& file() const { return file_; }
  // Brings the part of the file into memory.
  void fetch() const;

 private:
  std::string what_;
  Napi::Value array_;
  std::shared_ptr<MappedFile> file_;
  size_t offset_ = 0;
  size_t bytes_ = 0;
};

}  // namespace aerie::addon
