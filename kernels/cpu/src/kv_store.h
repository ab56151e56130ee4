// The memory of a KV cache: numbered blocks, each with some positions' keys and values of every layer and head. Which
// block belongs to whom is not known here.
#pragma once

#include <cstdint>

#include "memory.h"
#include "ops/attention_kernel.h"

namespace aerie {

class KvStore {
 public:
  struct Options {
    int64_t layers;
    int64_t kv_heads;
    int64_t head_dim;    // at most kMaxHeadDim
    int64_t block_size;  // positions; multiples of kKeyPanel are read in place
    int64_t blocks;
    KvType type;
  };

  // Throws RangeError for sizes that are out of bounds, OutOfMemory if the address space is not there.
  explicit KvStore(const Options& options);

  const Options& options() const { return options_; }
  int64_t block_bytes() const { return block_bytes_; }
  // Of all blocks; a block takes memory from its first use on.
  size_t bytes() const { return pages_.bytes(); }

  // layer and head are in range.
  KvView view(int64_t layer, int64_t head) const;
  // Throws RangeError for blocks that do not exist.
  void copy_block(int64_t from, int64_t to);
  // Forgets everything and gives the memory back.
  void clear() { pages_.clear(); }

 private:
  Options options_;
  int64_t head_bytes_ = 0;
  int64_t block_bytes_ = 0;
  // Of one head in one layer; its place is added to the offsets.
  KvView head_ = {};
  Pages pages_;
};

}  // namespace aerie
