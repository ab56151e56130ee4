#include "linear/ggml_blocks.h"

#include <cstring>

namespace aerie {
namespace {

uint16_t half_at(const uint8_t* p) { return static_cast<uint16_t>(p[0] | p[1] << 8); }

// −x of an f16.
uint16_t negated(uint16_t half) { return half ^ 0x8000; }

// 16 bytes whose low halves come first.
void read_nibbles(const uint8_t* from, uint8_t* to) {
  for (int i = 0; i < 16; ++i) {
    to[i] = from[i] & 15;
    to[i + 16] = static_cast<uint8_t>(from[i] >> 4);
  }
}

// The same, with a fifth bit each in 32 bits in front of them; `more` is added.
void read_fives(const uint8_t* from, uint8_t more, uint8_t* to) {
  read_nibbles(from + 4, to);
  for (int i = 0; i < 32; ++i) to[i] = static_cast<uint8_t>((to[i] | (from[i / 8] >> i % 8 & 1) << 4) + more);
}

// Eight pairs of 6 bits in 12 bytes.
void read_pairs(const uint8_t* p, int8_t* scales, int8_t* minimums) {
  for (int j = 0; j < 4; ++j) {
    scales[j] = static_cast<int8_t>(p[j] & 63);
    minimums[j] = static_cast<int8_t>(p[j + 4] & 63);
    scales[j + 4] = static_cast<int8_t>((p[j + 8] & 15) | p[j] >> 6 << 4);
    minimums[j + 4] = static_cast<int8_t>(p[j + 8] >> 4 | p[j + 4] >> 6 << 4);
  }
}

// What Q4_K and Q5_K begin with: they subtract their minimums.
void read_k_scales(const uint8_t* block, BlockNumbers& to) {
  to.scale = half_at(block);
  to.minimum = negated(half_at(block + 2));
  read_pairs(block + 4, to.scales, to.minimums);
}

// Values of 8 bits around 0 are stored around 128.
void read_q8_0(const uint8_t* block, BlockNumbers& to) {
  to.scale = half_at(block);
  for (int i = 0; i < 32; ++i) to.values[i] = block[2 + i] ^ 0x80;
}

void read_q4_0(const uint8_t* block, BlockNumbers& to) {
  to.scale = half_at(block);
  read_nibbles(block + 2, to.values);
}

void read_q4_1(const uint8_t* block, BlockNumbers& to) {
  to.scale = half_at(block);
  to.minimum = half_at(block + 2);
  read_nibbles(block + 4, to.values);
}

// Around 16 in the file, around 32 as int6.
void read_q5_0(const uint8_t* block, BlockNumbers& to) {
  to.scale = half_at(block);
  read_fives(block + 2, 16, to.values);
}

void read_q5_1(const uint8_t* block, BlockNumbers& to) {
  to.scale = half_at(block);
  to.minimum = half_at(block + 2);
  read_fives(block + 4, 0, to.values);
}

// 32 values in the low halves of 32 bytes, the next 32 in their high ones.
void read_q4_k(const uint8_t* block, BlockNumbers& to) {
  read_k_scales(block, to);
  for (int i = 0; i < 256; ++i) {
    to.values[i] = block[16 + i / 64 * 32 + i % 32] >> (i / 32 % 2 * 4) & 15;
  }
}

// The same with a fifth bit: bit j of 32 bytes is that of the j-th group.
void read_q5_k(const uint8_t* block, BlockNumbers& to) {
  read_k_scales(block, to);
  for (int i = 0; i < 256; ++i) {
    const int low = block[48 + i / 64 * 32 + i % 32] >> (i / 32 % 2 * 4) & 15;
    to.values[i] = static_cast<uint8_t>(low | (block[16 + i % 32] >> (i / 32) & 1) << 4);
  }
}

// Of each 128 values four low bits, in halves of 64 bytes, and two high ones, in quarters of 32 bytes.
void read_q6_k(const uint8_t* block, BlockNumbers& to) {
  for (int i = 0; i < 256; ++i) {
    const int part = i / 32 % 4;
    const int low = block[i / 128 * 64 + part % 2 * 32 + i % 32] >> (part / 2 * 4) & 15;
    const int high = block[128 + i / 128 * 32 + i % 32] >> (part * 2) & 3;
    to.values[i] = static_cast<uint8_t>(low | high << 4);
  }
  std::memcpy(to.scales, block + 192, 16);
  to.scale = half_at(block + 208);
}

constexpr uint32_t kHalves = kScalesF16;
constexpr uint32_t kHalfPairs = kScalesF16 | kMinimums;

constexpr BlockType kTypes[] = {
    {"Q8_0", 32, 34, LinearKind::kInt8, 32, kHalves, read_q8_0},
    {"Q4_0", 32, 18, LinearKind::kInt4, 32, kHalves, read_q4_0},
    {"Q4_1", 32, 20, LinearKind::kInt4, 32, kHalfPairs, read_q4_1},
    {"Q5_0", 32, 22, LinearKind::kInt6, 32, kHalves, read_q5_0},
    {"Q5_1", 32, 24, LinearKind::kInt6, 32, kHalfPairs, read_q5_1},
    {"Q4_K", 256, 144, LinearKind::kInt4, 32, kSuperScales | kMinimums, read_q4_k},
    {"Q5_K", 256, 176, LinearKind::kInt6, 32, kSuperScales | kMinimums, read_q5_k},
    {"Q6_K", 256, 210, LinearKind::kInt6, 16, kSuperScales, read_q6_k},
};

}  // namespace

const BlockType* find_block_type(std::string_view name) {
  for (const BlockType& type : kTypes) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

}  // namespace aerie
