// Products whose result is a whole number, at the ends of the range: any sum that saturates or is rounded shows.
#pragma once

#include <string>
#include <vector>

#include "check.h"
#include "sample.h"

namespace aerie::test {

// Whole numbers with scales of 1 come out exactly, extremes included.
inline void integers_are_exact(const LinearKernels& kernels, ThreadPool& pool) {
  for (const bool is_int4 : {true, false}) {
    for (const int64_t group : {16, 32, 64, 128, 0}) {
      if (is_int4 && group == 0) continue;
      const int64_t in = 256;
      const int64_t out = 16;
      const int64_t groups = group == 0 ? 1 : in / group;
      for (const int limit : {64, 127}) {
        LinearSource source{.kind = is_int4 ? LinearKind::kInt4 : LinearKind::kInt8, .out = out, .in = in};
        source.group = group;
        source.is_signed = group == 0;
        // Rows of the largest, of the smallest and of alternating values.
        std::vector<uint8_t> values(static_cast<size_t>(out * in / (is_int4 ? 2 : 1)));
        for (size_t i = 0; i < values.size(); ++i) {
          const size_t row = i / (values.size() / out);
          const bool high = row % 3 == 0 || (row % 3 == 2 && i % 2 == 0);
          values[i] = group == 0 ? static_cast<uint8_t>(high ? limit : -limit) : high ? 255 : 0;
        }
        const std::vector<float> scales(static_cast<size_t>(out * groups), 1.0f);
        source.values = values;
        source.scales = scales;
        const PackedHeader header = plan_packed(source);
        const Block block = aligned_block(header.bytes);
        pack_linear(pool, source, header, block.get());
        const PackedLinear weight = parse_packed(block.get(), header.bytes);
        std::vector<float> x(static_cast<size_t>(5 * in));
        for (size_t i = 0; i < x.size(); ++i) {
          const size_t row = i / static_cast<size_t>(in);
          x[i] = row == 0 ? 127 : row == 1 ? -127 : row == 2 ? (i % 2 ? 127 : -127) : static_cast<float>(i % 255) - 127;
          if (i % 16 == 0) x[i] = 127;
        }
        const Activations activations(kernels, pool, weight, x);
        std::vector<float> y(5 * out);
        linear(kernels, pool, weight, activations.input(), 5, y.data(), out, {}, nullptr);
        for (int64_t row = 0; row < 5; ++row) {
          for (int64_t o = 0; o < out; ++o) {
            int64_t sum = 0;
            for (int64_t i = 0; i < in; ++i) {
              const int64_t at = o * in + i;
              int w = 0;
              if (is_int4) {
                w = (values[static_cast<size_t>(at / 2)] >> (at % 2 * 4) & 15) - 8;
              } else if (group == 0) {
                w = static_cast<int8_t>(values[static_cast<size_t>(at)]);
              } else {
                w = values[static_cast<size_t>(at)] - 128;
              }
              sum += w * static_cast<int>(x[static_cast<size_t>(row * in + i)]);
            }
            check(y[static_cast<size_t>(row * out + o)] == static_cast<float>(sum),
                  "exact " + std::to_string(is_int4 ? 4 : 8) + " bits, group " + std::to_string(group));
          }
        }
      }
    }
  }
}

// Blocks of the smallest and largest values with scales of 1: the products are whole numbers, and none saturates.
inline void blocks_are_exact(const LinearKernels& kernels, ThreadPool& pool) {
  for (const char* const name : {"Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"}) {
    const BlockType& type = *find_block_type(name);
    const int64_t out = 16;
    const int64_t in = 128;
    std::vector<uint8_t> blocks(static_cast<size_t>(out * (in / 32) * type.bytes));
    for (size_t b = 0; b < blocks.size() / static_cast<size_t>(type.bytes); ++b) {
      uint8_t* const block = blocks.data() + b * static_cast<size_t>(type.bytes);
      // Q8_0's smallest value is −128, its largest 127.
      for (int64_t i = 2; i < type.bytes; ++i) {
        const bool high = b % 3 == 0 || (b % 3 == 2 && i % 2 == 0);
        block[i] = type.kind == LinearKind::kInt8 ? (high ? 0x7f : 0x80) : high ? 0xff : 0;
      }
      constexpr uint16_t kOne = 0x3c00, kMinusThree = 0xc200;
      std::memcpy(block, &kOne, 2);
      if (type.flags & kMinimums) std::memcpy(block + 2, &kMinusThree, 2);
    }
    LinearSource source{.out = out, .in = in, .values = blocks, .blocks = &type};
    const PackedHeader header = plan_packed(source);
    const Block block = aligned_block(header.bytes);
    pack_linear(pool, source, header, block.get());
    const PackedLinear weight = parse_packed(block.get(), header.bytes);
    const int64_t rows = 5;
    std::vector<float> x(static_cast<size_t>(rows * in));
    for (size_t i = 0; i < x.size(); ++i) {
      const size_t row = i / static_cast<size_t>(in);
      x[i] = row == 0 ? 127 : row == 1 ? -127 : row == 2 ? (i % 2 ? 127 : -127) : static_cast<float>(i % 255) - 127;
      if (i % 32 == 0) x[i] = 127;
    }
    const Activations activations(kernels, pool, weight, x);
    std::vector<float> y(static_cast<size_t>(rows * out));
    linear(kernels, pool, weight, activations.input(), rows, y.data(), out, {}, nullptr);
    for (int64_t o = 0; o < out; ++o) {
      for (int64_t row = 0; row < rows; ++row) {
        int64_t sum = 0;
        for (int64_t i = 0; i < in; ++i) {
          BlockNumbers numbers{};
          type.read(blocks.data() + (o * (in / 32) + i / 32) * type.bytes, numbers);
          const int zero = type.flags & kMinimums ? 3 : type.kind == LinearKind::kInt4 ? 8 : 32;
          sum += (numbers.values[i % 32] - (type.kind == LinearKind::kInt8 ? 128 : zero)) *
                 static_cast<int64_t>(x[static_cast<size_t>(row * in + i)]);
        }
        check(y[static_cast<size_t>(row * out + o)] == static_cast<float>(sum), std::string("exact blocks of ") + name);
      }
    }
  }
}

}  // namespace aerie::test
