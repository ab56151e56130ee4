#include "linear/sparse24.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <utility>

#include "thread_pool.h"

namespace aerie {
namespace {

// Rows that one thread looks at before it asks whether another has found something.
constexpr int64_t kRowsAtOnce = 16;

bool is_zero(const uint8_t* element, LinearKind kind) {
  if (kind == LinearKind::kF32) {
    uint32_t bits;
    std::memcpy(&bits, element, 4);
    return bits << 1 == 0;
  }
  return element[0] == 0 && (element[1] & 0x7f) == 0;
}

int nibble(const uint8_t* bytes, int64_t i) { return bytes[i / 2] >> i % 2 * 4 & 15; }

// What stands for zero in a group of a row.
int zero_of(const LinearSource& source, int64_t row, int64_t group, int64_t groups) {
  const bool is_int4 = source.kind == LinearKind::kInt4;
  if (source.zero_points.empty()) return is_int4 ? 8 : 128;
  if (is_int4) return nibble(source.zero_points.data() + row * ((groups + 1) / 2), group);
  return source.zero_points[static_cast<size_t>(row * groups + group)];
}

}  // namespace

uint32_t inputs_of_quad(const LinearSource& source, const QuadPlace& place) {
  const int64_t start = place.quad * 4;
  const int64_t count = std::min<int64_t>(4, source.in - start);
  uint32_t inputs = 0;
  const auto add = [&inputs](int64_t i, bool zero) { inputs |= zero ? 0 : uint32_t{1} << i; };
  if (is_dense(source.kind)) {
    const int64_t bytes = element_bytes(source.kind);
    const uint8_t* const at = source.values.data() + (place.row * source.in + start) * bytes;
    for (int64_t i = 0; i < count; ++i) add(i, is_zero(at + i * bytes, source.kind));
  } else if (source.is_signed) {
    const uint8_t* const at = source.values.data() + place.row * source.in + start;
    for (int64_t i = 0; i < count; ++i) add(i, at[i] == 0);
  } else {
    const int64_t groups = (source.in + source.group - 1) / source.group;
    const int zero = zero_of(source, place.row, start / source.group, groups);
    const int64_t at = place.row * groups * source.group + start;
    for (int64_t i = 0; i < count; ++i) {
      const bool is_int4 = source.kind == LinearKind::kInt4;
      const int value = is_int4 ? nibble(source.values.data(), at + i) : source.values[static_cast<size_t>(at + i)];
      add(i, value == zero);
    }
  }
  return inputs;
}

uint32_t two_inputs(uint32_t inputs) {
  while (std::popcount(inputs) < 2) inputs |= ~inputs & (inputs + 1);
  // None of a weight that was looked at; what is not is still two.
  while (std::popcount(inputs) > 2) inputs &= inputs - 1;
  return inputs;
}

std::optional<QuadPlace> first_dense_quad(ThreadPool& pool, const LinearSource& source) {
  const int64_t quads = (source.in + 3) / 4;
  const int64_t none = source.out * quads;
  std::atomic<int64_t> first{none};
  pool.run((source.out + kRowsAtOnce - 1) / kRowsAtOnce, [&](int64_t part) {
    const int64_t end = std::min(source.out, (part + 1) * kRowsAtOnce) * quads;
    for (int64_t at = part * kRowsAtOnce * quads; at < end; ++at) {
      int64_t known = first.load(std::memory_order_relaxed);
      if (at >= known) return;
      if (std::popcount(inputs_of_quad(source, {at / quads, at % quads})) <= 2) continue;
      while (at < known && !first.compare_exchange_weak(known, at)) {
      }
      return;
    }
  });
  if (first == none) return std::nullopt;
  return QuadPlace{first / quads, first % quads};
}

void pack_sparse_panel(const LinearSource& source, int64_t panel, uint8_t* to) {
  const int64_t bytes = element_bytes(source.kind);
  const int64_t units = (source.in + 4 * kSparseQuads - 1) / (4 * kSparseQuads);
  for (int64_t unit = 0; unit < units; ++unit, to += sparse_unit_bytes(source.kind)) {
    std::memset(to, 0, static_cast<size_t>(sparse_unit_bytes(source.kind)));
    for (int64_t column = 0; column < kPanel; ++column) {
      const int64_t row = panel * kPanel + column;
      uint32_t places = 0;
      for (int64_t i = 0; i < kSparseQuads; ++i) {
        const int64_t quad = unit * kSparseQuads + i;
        const bool is_inside = row < source.out && quad * 4 < source.in;
        const uint32_t inputs = two_inputs(is_inside ? inputs_of_quad(source, {row, quad}) : 0);
        places |= inputs << i * 4;
        const int lower = std::countr_zero(inputs);
        const int upper = std::countr_zero(inputs & (inputs - 1));
        for (const auto& [value, input] : {std::pair{0, lower}, std::pair{1, upper}}) {
          const int64_t k = quad * 4 + input;
          if (!is_inside || k >= source.in) continue;
          std::memcpy(to + ((i * 2 + value) * kPanel + column) * bytes,
                      source.values.data() + (row * source.in + k) * bytes, static_cast<size_t>(bytes));
        }
      }
      const uint16_t word = static_cast<uint16_t>(places);
      std::memcpy(to + sparse_value_bytes(source.kind) + column * 2, &word, 2);
    }
  }
}

}  // namespace aerie
