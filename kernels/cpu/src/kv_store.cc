#include "kv_store.h"

#include <cstring>
#include <string>

#include "error.h"

namespace aerie {
namespace {

constexpr int64_t kLine = 64;

int64_t up_to(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

int64_t element_bytes(KvType type) {
  switch (type) {
    case KvType::kF32:
      return 4;
    case KvType::kF16:
      return 2;
    case KvType::kInt8:
      return 1;
  }
  return 4;
}

void expect(const char* name, int64_t value, int64_t most) {
  if (value >= 1 && value <= most) return;
  throw RangeError(std::string("KV store: ") + name + " is " + std::to_string(value) + ", expected 1 to " +
                   std::to_string(most));
}

}  // namespace

KvStore::KvStore(const Options& options) : options_(options) {
  expect("layers", options.layers, 1024);
  expect("kvHeads", options.kv_heads, 1024);
  expect("headDim", options.head_dim, kMaxHeadDim);
  expect("blockSize", options.block_size, 4096);
  expect("blocks", options.blocks, int64_t{1} << 30);
  const int64_t slots = up_to(options.block_size, kKeyPanel);
  const int64_t value_width = up_to(options.head_dim, kKeyPanel);
  const int64_t size = element_bytes(options.type);
  const int64_t key_bytes = up_to(slots * options.head_dim * size, kLine);
  const int64_t value_bytes = up_to(slots * value_width * size, kLine);
  const int64_t scale_bytes = options.type == KvType::kInt8 ? up_to(slots * 4, kLine) : 0;
  head_bytes_ = key_bytes + value_bytes + 2 * scale_bytes;
  // At most 2^20 · 2^12 · 2^8 · 2 · 4: no overflow.
  block_bytes_ = options.layers * options.kv_heads * head_bytes_;
  size_t bytes;
  if (__builtin_mul_overflow(static_cast<size_t>(block_bytes_), static_cast<size_t>(options.blocks), &bytes)) {
    throw RangeError("KV store: " + std::to_string(options.blocks) + " blocks of " + std::to_string(block_bytes_) +
                     " bytes are more than can be counted");
  }
  pages_ = Pages(bytes, "the KV cache", true);
  head_ = {
      .type = options.type,
      .blocks = pages_.data(),
      .block_bytes = block_bytes_,
      .block_size = options.block_size,
      .keys = 0,
      .values = key_bytes,
      .key_scales = key_bytes + value_bytes,
      .value_scales = key_bytes + value_bytes + scale_bytes,
      .head_dim = options.head_dim,
      .value_width = value_width,
  };
}

KvView KvStore::view(int64_t layer, int64_t head) const {
  KvView view = head_;
  const int64_t place = (layer * options_.kv_heads + head) * head_bytes_;
  view.keys += place;
  view.values += place;
  view.key_scales += place;
  view.value_scales += place;
  return view;
}

void KvStore::copy_block(int64_t from, int64_t to) {
  for (const int64_t block : {from, to}) {
    if (block < 0 || block >= options_.blocks) {
      throw RangeError("copyBlock: block " + std::to_string(block) + " is not among the " +
                       std::to_string(options_.blocks) + " of the KV store");
    }
  }
  if (from == to) return;
  std::memcpy(pages_.data() + to * block_bytes_, pages_.data() + from * block_bytes_,
              static_cast<size_t>(block_bytes_));
}

}  // namespace aerie
