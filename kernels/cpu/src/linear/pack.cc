#include "linear/pack.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "error.h"
#include "linear/half.h"
#include "thread_pool.h"

namespace aerie {
namespace {

bool all_halves(std::span<const float> values) {
  uint16_t half;
  return std::all_of(values.begin(), values.end(), [&half](float value) { return exact_half(value, half); });
}

bool is_narrow(std::span<const uint8_t> values) {
  return std::all_of(values.begin(), values.end(), [](uint8_t byte) {
    const int value = static_cast<int8_t>(byte);
    return -64 <= value && value <= 64;
  });
}

int64_t element_bytes(LinearKind kind) { return kind == LinearKind::kF32 ? 4 : 2; }

// One panel of a dense matrix [out, in] from elements of a size.
template <typename T>
void pack_dense_panel(const T* values, int64_t out, int64_t in, int64_t panel, T* to) {
  for (int64_t column = 0; column < kPanel; ++column) {
    const int64_t row = panel * kPanel + column;
    for (int64_t k = 0; k < in; ++k) to[k * kPanel + column] = row < out ? values[row * in + k] : T{};
  }
}

void pack_low_rank(ThreadPool& pool, std::span<const float> values, int64_t out, int64_t in, bool half, uint8_t* to) {
  const int64_t panels = (out + kPanel - 1) / kPanel;
  pool.run(panels, [&](int64_t panel) {
    if (!half) {
      pack_dense_panel(values.data(), out, in, panel, reinterpret_cast<float*>(to) + panel * in * kPanel);
      return;
    }
    uint16_t* const halves = reinterpret_cast<uint16_t*>(to) + panel * in * kPanel;
    std::memset(halves, 0, static_cast<size_t>(in * kPanel * 2));
    for (int64_t column = 0; column < std::min(kPanel, out - panel * kPanel); ++column) {
      for (int64_t k = 0; k < in; ++k) {
        exact_half(values[(panel * kPanel + column) * in + k], halves[k * kPanel + column]);
      }
    }
  });
}

// Packs the panels of a quantised weight, each from its 16 rows.
class QuantisedPacker {
 public:
  QuantisedPacker(const LinearSource& source, const PackedHeader& header, uint8_t* block)
      : source_(source), view_(parse_packed(block, header.bytes)), header_(header), block_(block) {}

  void pack(int64_t panel) const {
    const int64_t quad_bytes = source_.kind == LinearKind::kInt4 ? 32 : 64;
    const int64_t row_quads = view_.groups * view_.quads;
    uint8_t* const values = block_ + header_.values + panel * row_quads * quad_bytes;
    for (int64_t column = 0; column < kPanel; ++column) {
      const int64_t row = panel * kPanel + column;
      for (int64_t group = 0; group < view_.groups; ++group) {
        const int64_t at = (panel * view_.groups + group) * kPanel + column;
        write_scale(at, row < source_.out ? source_.scales[static_cast<size_t>(row * view_.groups + group)] : 0.0f);
        if (view_.zeros != nullptr) block_[header_.zeros + static_cast<uint64_t>(at)] = zero_point(row, group);
        for (int64_t quad = 0; quad < view_.quads; ++quad) {
          uint8_t four[4];
          for (int64_t i = 0; i < 4; ++i) four[i] = value(row, group, quad * 4 + i);
          const int64_t place = group * view_.quads + quad;
          if (source_.kind == LinearKind::kInt8) {
            std::memcpy(values + (place * kPanel + column) * 4, four, 4);
            continue;
          }
          uint8_t* const pair = values + (place / 2 * kPanel + column) * 4;
          for (int64_t i = 0; i < 4; ++i) {
            pair[i] = static_cast<uint8_t>(place % 2 == 0 ? four[i] : pair[i] | four[i] << 4);
          }
        }
      }
    }
  }

 private:
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

}  // namespace

PackedHeader plan_packed(const LinearSource& source) {
  uint32_t flags = 0;
  const bool quantised = !is_dense(source.kind);
  const bool by_row = source.kind == LinearKind::kInt8 && source.is_signed;
  if (by_row) flags |= kByRow;
  if (by_row && is_narrow(source.values)) flags |= kNarrow;
  if (quantised && all_halves(source.scales)) flags |= kScalesF16;
  if (quantised && !source.zero_points.empty()) flags |= kAsymmetric;
  if (source.rank > 0 && all_halves(source.down) && all_halves(source.up)) flags |= kLowRankF16;
  const int64_t group = by_row ? source.in : source.group;
  const PackedHeader header = packed_layout(source.kind, flags, source.out, source.in, group, source.rank);

  const auto expect = [](const char* what, size_t came, int64_t expected) {
    if (static_cast<int64_t>(came) == expected) return;
    throw TypeError(std::string("packed linear: ") + what + " must have " + std::to_string(expected) +
                    " elements, got " + std::to_string(came));
  };
  if (source.is_signed && !by_row) throw TypeError("packed linear: only int8 values may be signed");
  if (quantised) {
    const bool is_int4 = source.kind == LinearKind::kInt4;
    const int64_t groups = (source.in + group - 1) / group;
    expect("values", source.values.size(), source.out * groups * group / (is_int4 ? 2 : 1));
    expect("scales", source.scales.size(), source.out * groups);
    if (!source.zero_points.empty()) {
      expect("zero points", source.zero_points.size(), source.out * (is_int4 ? (groups + 1) / 2 : groups));
    }
  } else {
    expect("values", source.values.size(), source.out * source.in * element_bytes(source.kind));
  }
  expect("low_rank.down", source.down.size(), source.rank * source.in);
  expect("low_rank.up", source.up.size(), source.out * source.rank);
  return header;
}

void pack_linear(ThreadPool& pool, const LinearSource& source, const PackedHeader& header, void* block) {
  uint8_t* const bytes = static_cast<uint8_t*>(block);
  // The gaps between sections are the same in every block of these numbers.
  std::memset(bytes, 0, kAlignment * 2);
  std::memcpy(bytes, &header, sizeof header);
  for (const uint64_t end : {header.scales, header.zeros, header.down, header.up, header.bytes}) {
    if (end != 0) std::memset(bytes + end - kAlignment, 0, kAlignment);
  }
  const int64_t panels = (source.out + kPanel - 1) / kPanel;
  if (!is_dense(source.kind)) {
    const QuantisedPacker packer(source, header, bytes);
    pool.run(panels, [&packer](int64_t panel) { packer.pack(panel); });
  } else {
    uint8_t* const to = bytes + header.values;
    pool.run(panels, [&](int64_t panel) {
      const int64_t size = source.in * kPanel;
      if (source.kind == LinearKind::kF32) {
        pack_dense_panel(reinterpret_cast<const float*>(source.values.data()), source.out, source.in, panel,
                         reinterpret_cast<float*>(to) + panel * size);
      } else {
        pack_dense_panel(reinterpret_cast<const uint16_t*>(source.values.data()), source.out, source.in, panel,
                         reinterpret_cast<uint16_t*>(to) + panel * size);
      }
    });
  }
  if (source.rank > 0) {
    const bool half = (header.flags & kLowRankF16) != 0;
    pack_low_rank(pool, source.down, source.rank, source.in, half, bytes + header.down);
    pack_low_rank(pool, source.up, source.out, source.rank, half, bytes + header.up);
  }
}

}  // namespace aerie
