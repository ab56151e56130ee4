// Packed weights of a linear layer: one relocatable block of bytes that the kernels of every instruction set read, made
// once and then shared (a package may hold it to be mapped). Little-endian, aligned to 64 bytes.
//
// A panel is 16 neighbouring outputs; the last is padded with zeros. A section lies behind the other, each from a
// multiple of 64 bytes on:
//
//   header   PackedHeader
//   values   dense: [panels][in][16] f32, f16 or bf16
//            int8:  [panels][groups][quads][16][4] u8, a quad being 4 neighbouring inputs; a value stands for
//                   itself less its zero point
//            int4:  [panels][groups][quads / 2][16][4] u8, the low half of quad 2i and the high half of quad 2i + 1
//            int6:  [panels][groups][quads / 4][3][16][4] u8: the lower four bits of quads 4i and 4i + 1, and of 4i + 2
//                   and 4i + 3, as int4 has them; then the upper two bits of the four, quad 4i's the lowest
//            2:4:   of each quad two values, those that are not zero among them, and four bits that say which (bit i:
//                   input i), exactly two of them set. A unit of four quads has the eight values of an output where
//                   two quads of the dense form have them, then [16] u16 of those bits, its first quad's the lowest:
//                   dense [panels][⌈in / 16⌉]{[8][16] elements, [16] u16}
//                   int8  [panels][groups][quads / 4]{[2][16][4] u8, [16] u16}, int4 {[16][4] u8, [16] u16}
//                   by row, and dense, the last unit is filled up with zeros
//   scales   [panels][groups][16] f16 if that is exact for all (and for all minimums), else f32; i8 with super scales
//   zeros    [panels][groups][16] u8, only if asymmetric; else every zero point is `symmetric_zero`
//   minimums as the scales, only if there are some: values have no zero points then, and stand for themselves times the
//            scale plus the minimum
//   supers   [panels][⌈in / 256⌉][1 or 2][16] f16, only with super scales: what the scales of 256 inputs, and their
//            minimums if there are some, are multiples of
//   down     low rank only: dense [rank, in] in panels
//   up       low rank only: dense [out, rank] in panels
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace aerie {

constexpr int64_t kPanel = 16;
constexpr size_t kAlignment = 64;
// Sums of products of 8-bit numbers stay within 32 bits.
constexpr int64_t kMaxIn = 65536;
constexpr int64_t kMaxOut = int64_t{1} << 24;
constexpr int64_t kMaxRank = 4096;
// Inputs that share a super scale.
constexpr int64_t kSuperBlock = 256;

enum class LinearKind : uint32_t { kF32 = 0, kF16 = 1, kBf16 = 2, kInt8 = 3, kInt4 = 4, kInt6 = 5 };

constexpr bool is_dense(LinearKind kind) { return kind <= LinearKind::kBf16; }

enum PackedFlags : uint32_t {
  kScalesF16 = 1,
  kAsymmetric = 2,
  // int8 whose values are 0 … 128 around a zero of 64: two products of one with −127 … 127 fit 16 bits.
  kNarrow = 4,
  // One group is the whole row.
  kByRow = 8,
  kLowRankF16 = 16,
  // At most two of four neighbouring inputs of an output are not zero, and only two are kept.
  kSparse24 = 32,
  kMinimums = 64,
  kSuperScales = 128,
};

struct PackedHeader {
  char magic[8];
  uint32_t version;
  uint32_t kind;
  uint32_t flags;
  uint32_t out;
  uint32_t in;
  uint32_t group;
  uint32_t rank;
  uint32_t reserved;
  // From the block's first byte; 0 for a section that is absent.
  uint64_t values, scales, zeros, minimums, supers, down, up;
  uint64_t bytes;
};

constexpr char kPackedMagic[8] = {'A', 'E', 'R', 'I', 'E', 'L', 'I', 'N'};
constexpr uint32_t kPackedVersion = 2;

// Panels of floats: [⌈out / 16⌉][in][16], or 2:4.
struct DensePanels {
  LinearKind kind = LinearKind::kF32;
  int64_t out = 0;
  int64_t in = 0;
  const void* values = nullptr;
  bool sparse = false;
};

// A view over a block that outlives it; `parse_packed` makes it.
struct PackedLinear {
  LinearKind kind = LinearKind::kF32;
  int64_t out = 0;
  int64_t in = 0;
  int64_t panels = 0;
  // Inputs that share a scale and how many such groups a row has; `in` and 1 by row. 0 for dense ones.
  int64_t group = 0;
  int64_t groups = 0;
  // Of a group; a multiple of 4 if sparse.
  int64_t quads = 0;
  // 2:4.
  bool sparse = false;
  bool narrow = false;
  bool by_row = false;
  bool scales_f16 = false;
  int32_t symmetric_zero = 0;
  const uint8_t* values = nullptr;
  const void* scales = nullptr;
  // Null unless asymmetric.
  const uint8_t* zeros = nullptr;
  // Null unless there are minimums.
  const void* minimums = nullptr;
  // Null unless scales are multiples of them.
  const uint16_t* supers = nullptr;
  // 0 without a low-rank path.
  int64_t rank = 0;
  DensePanels down;
  DensePanels up;
  size_t bytes = 0;

  bool takes_quantised() const { return !is_dense(kind); }
  DensePanels dense() const { return {kind, out, in, values, sparse}; }
};

// Bytes that hold four neighbouring inputs of 16 outputs, of a quantised kind.
constexpr int64_t quad_bytes(LinearKind kind) {
  return kind == LinearKind::kInt4 ? 32 : kind == LinearKind::kInt6 ? 48 : 64;
}

// Quads of a 2:4 unit.
constexpr int64_t kSparseQuads = 4;

constexpr int64_t element_bytes(LinearKind kind) { return kind == LinearKind::kF32 ? 4 : 2; }

// Bytes of four quads of 16 outputs, 2:4: their values, and behind them the bits that say which they are.
constexpr int64_t sparse_value_bytes(LinearKind kind) {
  return is_dense(kind) ? kSparseQuads * 2 * kPanel * element_bytes(kind) : kSparseQuads / 2 * quad_bytes(kind);
}
constexpr int64_t sparse_unit_bytes(LinearKind kind) { return sparse_value_bytes(kind) + kPanel * 2; }

// The header that these facts determine, offsets and all. Throws RangeError for a shape that no kernel takes.
PackedHeader packed_layout(LinearKind kind, uint32_t flags, int64_t out, int64_t in, int64_t group, int64_t rank);

// Throws TypeError, naming what is wrong, unless the block is whole, of this version and aligned. Its values are not
// looked at: any bytes are numbers. Values above 128 in a damaged kNarrow block give other sums with one instruction
// set than with another, since their products may not fit 16 bits; who reads blocks from files verifies their digest.
PackedLinear parse_packed(const void* block, size_t size);

}  // namespace aerie
