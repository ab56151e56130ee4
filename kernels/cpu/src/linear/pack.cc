#include "linear/pack.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "error.h"
#include "linear/half.h"
#include "linear/pack_quantised.h"
#include "linear/sparse24.h"
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

// One panel of a dense matrix [out, in] from elements of a size, which may begin at any address.
template <typename T>
void pack_dense_panel(const void* values, int64_t out, int64_t in, int64_t panel, T* to) {
  const uint8_t* const bytes = static_cast<const uint8_t*>(values);
  for (int64_t column = 0; column < kPanel; ++column) {
    const int64_t row = panel * kPanel + column;
    for (int64_t k = 0; k < in; ++k) {
      T value{};
      if (row < out) std::memcpy(&value, bytes + (row * in + k) * static_cast<int64_t>(sizeof(T)), sizeof(T));
      to[k * kPanel + column] = value;
    }
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

bool is_by_row(const LinearSource& source) { return source.kind == LinearKind::kInt8 && source.is_signed; }

void expect(const char* what, size_t came, int64_t expected) {
  if (static_cast<int64_t>(came) == expected) return;
  throw TypeError(std::string("packed linear: ") + what + " must have " + std::to_string(expected) + " elements, got " +
                  std::to_string(came));
}

PackedHeader plan_blocks(const LinearSource& source) {
  if (source.sparse24) throw TypeError("packed linear: blocks of GGUF have no 2:4 form");
  const BlockType& type = *source.blocks;
  const PackedHeader header = packed_layout(type.kind, type.flags, source.out, source.in, type.group, 0);
  if (source.in % type.values != 0) {
    throw RangeError("packed linear: in must be a multiple of " + std::to_string(type.values) + " for " +
                     std::string(type.name) + ", got " + std::to_string(source.in));
  }
  expect("values", source.values.size(), source.out * (source.in / type.values) * type.bytes);
  return header;
}

}  // namespace

void check_source(const LinearSource& source) {
  if (source.blocks != nullptr) {
    plan_blocks(source);
    return;
  }
  const bool quantised = !is_dense(source.kind);
  const bool by_row = is_by_row(source);
  const int64_t group = by_row ? source.in : source.group;
  packed_layout(source.kind, by_row ? uint32_t{kByRow} : 0, source.out, source.in, group, source.rank);
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
}

PackedHeader plan_packed(const LinearSource& source) {
  check_source(source);
  if (source.blocks != nullptr) return plan_blocks(source);
  uint32_t flags = 0;
  const bool quantised = !is_dense(source.kind);
  const bool by_row = is_by_row(source);
  if (by_row) flags |= kByRow;
  if (by_row && is_narrow(source.values)) flags |= kNarrow;
  if (quantised && all_halves(source.scales)) flags |= kScalesF16;
  if (quantised && !source.zero_points.empty()) flags |= kAsymmetric;
  if (source.sparse24) flags |= kSparse24;
  if (source.rank > 0 && all_halves(source.down) && all_halves(source.up)) flags |= kLowRankF16;
  const int64_t group = by_row ? source.in : source.group;
  return packed_layout(source.kind, flags, source.out, source.in, group, source.rank);
}

void pack_linear(ThreadPool& pool, const LinearSource& source, const PackedHeader& header, void* block) {
  uint8_t* const bytes = static_cast<uint8_t*>(block);
  // The gaps between sections are the same in every block of these numbers.
  std::memset(bytes, 0, kAlignment * 2);
  std::memcpy(bytes, &header, sizeof header);
  for (const uint64_t end :
       {header.scales, header.zeros, header.minimums, header.supers, header.down, header.up, header.bytes}) {
    if (end != 0) std::memset(bytes + end - kAlignment, 0, kAlignment);
  }
  if (!is_dense(static_cast<LinearKind>(header.kind))) {
    pack_quantised(pool, source, header, bytes);
  } else {
    const int64_t panels = (source.out + kPanel - 1) / kPanel;
    uint8_t* const to = bytes + header.values;
    const int64_t units = (source.in + 4 * kSparseQuads - 1) / (4 * kSparseQuads);
    pool.run(panels, [&](int64_t panel) {
      const int64_t size = source.in * kPanel;
      if (source.sparse24) {
        pack_sparse_panel(source, panel, to + panel * units * sparse_unit_bytes(source.kind));
      } else if (source.kind == LinearKind::kF32) {
        pack_dense_panel(source.values.data(), source.out, source.in, panel,
                         reinterpret_cast<float*>(to) + panel * size);
      } else {
        pack_dense_panel(source.values.data(), source.out, source.in, panel,
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
