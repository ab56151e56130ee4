#include "linear/pack_quantised.h"

#include <bit>
#include <cstring>

#include "linear/half.h"
#include "linear/sparse24.h"
#include "thread_pool.h"

namespace aerie {
namespace {

// Puts four neighbouring values of an output, the quad at `place` of its row. Quads that share bytes come in their
// order.
void put_quad(LinearKind kind, uint8_t* values, int64_t place, int64_t column, const uint8_t* four) {
  const auto put = [column, four](uint8_t* quad, bool first, int mask, int64_t shift) {
    uint8_t* const to = quad + column * 4;
    for (int64_t i = 0; i < 4; ++i) {
      const int bits = shift < 0 ? (four[i] & mask) >> -shift : (four[i] & mask) << shift;
      to[i] = static_cast<uint8_t>(first ? bits : to[i] | bits);
    }
  };
  constexpr int64_t kBytes = kPanel * 4;
  if (kind == LinearKind::kInt8) return put(values + place * kBytes, true, 255, 0);
  const int64_t half = place % 2;
  if (kind == LinearKind::kInt4) return put(values + place / 2 * kBytes, half == 0, 15, half * 4);
  uint8_t* const quads = values + place / 4 * 3 * kBytes;
  const int64_t quarter = place % 4;
  put(quads + quarter / 2 * kBytes, half == 0, 15, half * 4);
  put(quads + 2 * kBytes, quarter == 0, 48, quarter * 2 - 4);
}

// Panels of numbers as our own files have them.
class NumbersPacker {
 public:
  NumbersPacker(const LinearSource& source, const PackedHeader& header, uint8_t* block)
      : source_(source), view_(parse_packed(block, header.bytes)), header_(header), block_(block) {}

  void pack(int64_t panel) const {
    const int64_t row_quads = view_.groups * view_.quads;
    const int64_t row_bytes = view_.sparse ? row_quads / kSparseQuads * sparse_unit_bytes(source_.kind)
                                           : row_quads * quad_bytes(source_.kind);
    uint8_t* const values = block_ + header_.values + panel * row_bytes;
    for (int64_t column = 0; column < kPanel; ++column) {
      const int64_t row = panel * kPanel + column;
      for (int64_t group = 0; group < view_.groups; ++group) {
        const int64_t at = (panel * view_.groups + group) * kPanel + column;
        write_scale(at, row < source_.out ? source_.scales[static_cast<size_t>(row * view_.groups + group)] : 0.0f);
        if (view_.zeros != nullptr) block_[header_.zeros + static_cast<uint64_t>(at)] = zero_point(row, group);
        if (view_.sparse) {
          put_units(values, row, group, column);
          continue;
        }
        for (int64_t quad = 0; quad < view_.quads; ++quad) {
          uint8_t four[4];
          for (int64_t i = 0; i < 4; ++i) four[i] = value(row, group, quad * 4 + i);
          put_quad(source_.kind, values, group * view_.quads + quad, column, four);
        }
      }
    }
  }

 private:
  // Those of a row's group, 2:4.
  void put_units(uint8_t* values, int64_t row, int64_t group, int64_t column) const {
    const int64_t units = view_.quads / kSparseQuads;
    for (int64_t unit = 0; unit < units; ++unit) {
      uint8_t* const to = values + (group * units + unit) * sparse_unit_bytes(source_.kind);
      uint8_t kept[2 * kSparseQuads];
      uint32_t places = 0;
      for (int64_t i = 0; i < kSparseQuads; ++i) {
        const int64_t quad = unit * kSparseQuads + i;
        const int64_t place = group * view_.group / 4 + quad;
        const bool is_inside = row < source_.out && place * 4 < source_.in;
        const uint32_t inputs = two_inputs(is_inside ? inputs_of_quad(source_, {row, place}) : 0);
        places |= inputs << i * 4;
        kept[i * 2] = value(row, group, quad * 4 + std::countr_zero(inputs));
        kept[i * 2 + 1] = value(row, group, quad * 4 + std::countr_zero(inputs & (inputs - 1)));
      }
      for (int64_t half = 0; half < 2; ++half) put_quad(source_.kind, to, half, column, kept + half * 4);
      const uint16_t word = static_cast<uint16_t>(places);
      std::memcpy(to + sparse_value_bytes(source_.kind) + column * 2, &word, 2);
    }
  }

  // The i-th number of a row's group; what lies outside the weight is never multiplied with anything but 0.
  uint8_t value(int64_t row, int64_t group, int64_t i) const {
    if (row >= source_.out || i >= view_.group) return static_cast<uint8_t>(view_.symmetric_zero);
    const int64_t at = (row * view_.groups + group) * view_.group + i;
    if (source_.kind == LinearKind::kInt4) return nibble(source_.values, at);
    const uint8_t byte = source_.values[static_cast<size_t>(at)];
    return view_.by_row ? static_cast<uint8_t>(byte + view_.symmetric_zero) : byte;
  }

  uint8_t zero_point(int64_t row, int64_t group) const {
    if (row >= source_.out) return static_cast<uint8_t>(view_.symmetric_zero);
    if (source_.kind == LinearKind::kInt4) {
      return nibble(source_.zero_points, row * ((view_.groups + 1) / 2) * 2 + group);
    }
    return source_.zero_points[static_cast<size_t>(row * view_.groups + group)];
  }

  static uint8_t nibble(std::span<const uint8_t> bytes, int64_t i) {
    return static_cast<uint8_t>(bytes[static_cast<size_t>(i / 2)] >> (i % 2 * 4) & 15);
  }

  void write_scale(int64_t at, float scale) const {
    if (view_.scales_f16) {
      uint16_t half = 0;
      exact_half(scale, half);
      std::memcpy(block_ + header_.scales + at * 2, &half, 2);
    } else {
      std::memcpy(block_ + header_.scales + at * 4, &scale, 4);
    }
  }

  const LinearSource& source_;
  const PackedLinear view_;
  const PackedHeader& header_;
  uint8_t* const block_;
};

// Panels of GGUF blocks; columns behind the last row have zeros everywhere.
class BlocksPacker {
 public:
  BlocksPacker(const LinearSource& source, const PackedHeader& header, uint8_t* block)
      : source_(source),
        type_(*source.blocks),
        header_(header),
        block_(block),
        row_blocks_(source.in / type_.values),
        groups_(source.in / type_.group) {}

  void pack(int64_t panel) const {
    const int64_t block_quads = type_.values / 4;
    uint8_t* const values = block_ + header_.values + panel * row_blocks_ * block_quads * quad_bytes(type_.kind);
    for (int64_t column = 0; column < kPanel; ++column) {
      const int64_t row = panel * kPanel + column;
      for (int64_t b = 0; b < row_blocks_; ++b) {
        BlockNumbers numbers{};
        if (row < source_.out) {
          type_.read(source_.values.data() + (row * row_blocks_ + b) * type_.bytes, numbers);
        }
        for (int64_t quad = 0; quad < block_quads; ++quad) {
          put_quad(type_.kind, values, b * block_quads + quad, column, numbers.values + quad * 4);
        }
        write_scales(panel, column, b, numbers);
      }
    }
  }

 private:
  void write_scales(int64_t panel, int64_t column, int64_t b, const BlockNumbers& numbers) const {
    const bool minimums = (type_.flags & kMinimums) != 0;
    if ((type_.flags & kSuperScales) == 0) {
      const int64_t at = (panel * groups_ + b) * kPanel + column;
      write_half(header_.scales, at, numbers.scale);
      if (minimums) write_half(header_.minimums, at, numbers.minimum);
      return;
    }
    const int64_t block_groups = type_.values / type_.group;
    for (int64_t g = 0; g < block_groups; ++g) {
      const int64_t at = (panel * groups_ + b * block_groups + g) * kPanel + column;
      block_[header_.scales + static_cast<uint64_t>(at)] = static_cast<uint8_t>(numbers.scales[g]);
      if (minimums) block_[header_.minimums + static_cast<uint64_t>(at)] = static_cast<uint8_t>(numbers.minimums[g]);
    }
    const int64_t at = (panel * row_blocks_ + b) * (minimums ? 2 : 1) * kPanel + column;
    write_half(header_.supers, at, numbers.scale);
    if (minimums) write_half(header_.supers, at + kPanel, numbers.minimum);
  }

  void write_half(uint64_t section, int64_t at, uint16_t half) const {
    std::memcpy(block_ + section + at * 2, &half, 2);
  }

  const LinearSource& source_;
  const BlockType& type_;
  const PackedHeader& header_;
  uint8_t* const block_;
  const int64_t row_blocks_;
  const int64_t groups_;
};

}  // namespace

void pack_quantised(ThreadPool& pool, const LinearSource& source, const PackedHeader& header, uint8_t* block) {
  const int64_t panels = (source.out + kPanel - 1) / kPanel;
  // A packer is made here, since making one may throw and the pool's tasks must not.
  const auto pack = [&](const auto& packer) { pool.run(panels, [&](int64_t panel) { packer.pack(panel); }); };
  if (source.blocks != nullptr) {
    pack(BlocksPacker(source, header, block));
  } else {
    pack(NumbersPacker(source, header, block));
  }
}

}  // namespace aerie
