#include "linear/packed_linear.h"

#include <cstring>

#include "error.h"

namespace aerie {
namespace {

static_assert(sizeof(PackedHeader) == 104);
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "packed weights are little-endian");

int64_t up_to(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

// Appends sections.
struct Cursor {
  int64_t at = sizeof(PackedHeader);

  uint64_t section(int64_t bytes) {
    const int64_t start = up_to(at, kAlignment);
    at = start + bytes;
    return static_cast<uint64_t>(start);
  }
};

int64_t dense_bytes(int64_t out, int64_t in, int64_t element) { return up_to(out, kPanel) * in * element; }

int32_t symmetric_zero(LinearKind kind, uint32_t flags) {
  if (flags & kMinimums) return 0;
  if (kind == LinearKind::kInt4) return 8;
  if (kind == LinearKind::kInt6) return 32;
  return (flags & kNarrow) ? 64 : 128;
}

// Quads that a group of inputs fills, 2:4 in whole units.
int64_t group_quads(int64_t group, bool sparse) { return up_to(group, sparse ? 4 * kSparseQuads : 4) / 4; }

// Bytes of the values of one panel: groups of so many quads.
int64_t panel_bytes(LinearKind kind, int64_t groups, int64_t quads, bool sparse) {
  return groups * (sparse ? quads / kSparseQuads * sparse_unit_bytes(kind) : quads * quad_bytes(kind));
}

bool is_group(int64_t group) { return group == 16 || group == 32 || group == 64 || group == 128; }

}  // namespace

PackedHeader packed_layout(LinearKind kind, uint32_t flags, int64_t out, int64_t in, int64_t group, int64_t rank) {
  const auto check = [](bool fine, const char* what, int64_t came) {
    if (!fine) throw RangeError(std::string("packed linear: ") + what + ", got " + std::to_string(came));
  };
  check(out >= 1 && out <= kMaxOut, "out must be 1 … 16777216", out);
  check(in >= 1 && in <= kMaxIn, "in must be 1 … 65536", in);
  check(rank >= 0 && rank <= kMaxRank, "rank must be 0 … 4096", rank);
  const bool sparse = (flags & kSparse24) != 0;
  check(!sparse || kind != LinearKind::kInt6, "flags must be without 32 for int6", flags);
  check(!sparse || (flags & (kMinimums | kSuperScales)) == 0, "flags must be without 64 and 128 where 2:4", flags);
  const bool by_row = (flags & kByRow) != 0;
  if (is_dense(kind)) {
    check((flags & ~uint32_t{kLowRankF16 | kSparse24}) == 0, "flags must be of 16 and 32 for dense weights", flags);
    check(group == 0, "group must be 0 for dense weights", group);
  } else if (kind == LinearKind::kInt8 && by_row) {
    check((flags & kAsymmetric) == 0, "weights by row have no zero points: flags must be without 2", flags);
    check(group == in, "group must be the whole row", group);
  } else {
    check(!by_row && (flags & kNarrow) == 0, "flags must be without 4 and 8 unless by row", flags);
    check(is_group(group), "group must be 16, 32, 64 or 128", group);
  }
  if (by_row || is_dense(kind)) {
    check((flags & (kMinimums | kSuperScales)) == 0, "flags must be without 64 and 128 unless in groups", flags);
  }
  check((flags & kMinimums) == 0 || (flags & kAsymmetric) == 0, "flags must be without 2 where there are minimums",
        flags);
  check((flags & kSuperScales) == 0 || (flags & (kScalesF16 | kAsymmetric)) == 0,
        "flags must be without 1 and 2 where there are super scales", flags);
  check((flags & ~uint32_t{255}) == 0, "flags must be below 256", flags);
  check(rank > 0 || (flags & kLowRankF16) == 0, "flags must be without 16 when there is no low rank", flags);

  PackedHeader header{};
  std::memcpy(header.magic, kPackedMagic, sizeof kPackedMagic);
  header.version = kPackedVersion;
  header.kind = static_cast<uint32_t>(kind);
  header.flags = flags;
  header.out = static_cast<uint32_t>(out);
  header.in = static_cast<uint32_t>(in);
  header.group = static_cast<uint32_t>(group);
  header.rank = static_cast<uint32_t>(rank);
  Cursor cursor;
  const int64_t padded = up_to(out, kPanel);
  if (is_dense(kind)) {
    const int64_t quads = group_quads(in, sparse);
    header.values = cursor.section(sparse ? padded / kPanel * panel_bytes(kind, 1, quads, true)
                                          : dense_bytes(out, in, element_bytes(kind)));
  } else {
    const int64_t groups = (in + group - 1) / group;
    const int64_t number = (flags & kSuperScales) ? 1 : (flags & kScalesF16) ? 2 : 4;
    const bool minimums = (flags & kMinimums) != 0;
    header.values = cursor.section(padded / kPanel * panel_bytes(kind, groups, group_quads(group, sparse), sparse));
    header.scales = cursor.section(padded * groups * number);
    if (flags & kAsymmetric) header.zeros = cursor.section(padded * groups);
    if (minimums) header.minimums = cursor.section(padded * groups * number);
    if (flags & kSuperScales) {
      header.supers = cursor.section(padded * (up_to(groups * group, kSuperBlock) / kSuperBlock) * (minimums ? 4 : 2));
    }
  }
  if (rank > 0) {
    const int64_t element = (flags & kLowRankF16) ? 2 : 4;
    header.down = cursor.section(dense_bytes(rank, in, element));
    header.up = cursor.section(dense_bytes(out, rank, element));
  }
  header.bytes = static_cast<uint64_t>(up_to(cursor.at, kAlignment));
  return header;
}

PackedLinear parse_packed(const void* block, size_t size) {
  const auto fail = [](const std::string& what) { throw TypeError("packed linear: " + what); };
  if (block == nullptr || size < sizeof(PackedHeader)) fail("a header has 104 bytes, got " + std::to_string(size));
  if (reinterpret_cast<uintptr_t>(block) % kAlignment != 0) fail("the block must be aligned to 64 bytes");
  PackedHeader header;
  std::memcpy(&header, block, sizeof header);
  if (std::memcmp(header.magic, kPackedMagic, sizeof kPackedMagic) != 0) fail("no magic number AERIELIN");
  if (header.version != kPackedVersion) fail("version must be 2, got " + std::to_string(header.version));
  if (header.kind > static_cast<uint32_t>(LinearKind::kInt6)) fail("no kind " + std::to_string(header.kind));
  const LinearKind kind = static_cast<LinearKind>(header.kind);
  PackedHeader expected;
  try {
    expected = packed_layout(kind, header.flags, header.out, header.in, header.group, header.rank);
  } catch (const RangeError& error) {
    throw TypeError(error.what());
  }
  if (std::memcmp(&expected, &header, sizeof header) != 0) fail("its sections are not where its shape puts them");
  if (header.bytes != size) {
    fail("must have " + std::to_string(header.bytes) + " bytes, got " + std::to_string(size));
  }

  const uint8_t* const bytes = static_cast<const uint8_t*>(block);
  PackedLinear linear;
  linear.kind = kind;
  linear.out = header.out;
  linear.in = header.in;
  linear.panels = (linear.out + kPanel - 1) / kPanel;
  linear.sparse = (header.flags & kSparse24) != 0;
  linear.values = bytes + header.values;
  linear.bytes = size;
  if (!is_dense(kind)) {
    linear.group = header.group;
    linear.groups = (linear.in + linear.group - 1) / linear.group;
    linear.quads = group_quads(linear.group, linear.sparse);
    linear.narrow = (header.flags & kNarrow) != 0;
    linear.by_row = (header.flags & kByRow) != 0;
    linear.scales_f16 = (header.flags & kScalesF16) != 0;
    linear.symmetric_zero = symmetric_zero(kind, header.flags);
    linear.scales = bytes + header.scales;
    if (header.flags & kAsymmetric) linear.zeros = bytes + header.zeros;
    if (header.flags & kMinimums) linear.minimums = bytes + header.minimums;
    if (header.flags & kSuperScales) linear.supers = reinterpret_cast<const uint16_t*>(bytes + header.supers);
  }
  if (header.rank > 0) {
    const LinearKind low = (header.flags & kLowRankF16) ? LinearKind::kF16 : LinearKind::kF32;
    linear.rank = header.rank;
    linear.down = {low, linear.rank, linear.in, bytes + header.down};
    linear.up = {low, linear.out, linear.rank, bytes + header.up};
  }
  return linear;
}

}  // namespace aerie
