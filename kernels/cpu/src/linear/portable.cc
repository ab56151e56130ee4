// Integer dot products in plain C++: what every other instruction set must agree with.
#include "linear/quantise.h"
#include "linear/quantised.h"

namespace aerie::AERIE_ISA_NS {
namespace {

struct PortableTiles {
  static constexpr int kInt8Rows = 4;
  static constexpr int kGroupRows = 4;
  static constexpr int32_t offset(bool) { return 0; }

  template <int kRows, bool>
  static void int8(const int8_t* a, int64_t stride, const uint8_t* w, int64_t quads, int64_t, int32_t* sums) {
    for (int64_t quad = 0; quad < quads; ++quad, a += 4, w += kPanel * 4) {
      for (int r = 0; r < kRows; ++r) add_quad(a + r * stride, w, sums + r * kPanel);
    }
  }

  static constexpr bool kUnpacks = false;

  template <int kRows, Form kForm>
  static void groups(const GroupTile& t) {
    add_groups<kRows, kForm>(t, [&t](const int8_t* a, const uint8_t* w, int32_t* sums) {
      if constexpr (kForm == Form::kNibbles) {
        nibbles<kRows>(a, t.stride, w, t.quads, sums);
      } else {
        int8<kRows, false>(a, t.stride, w, t.quads, 0, sums);
      }
    });
  }

 private:
  template <int kRows>
  static void nibbles(const int8_t* a, int64_t stride, const uint8_t* w, int64_t quads, int32_t* sums) {
    for (int64_t quad = 0; quad < quads; quad += 2, a += 8, w += kPanel * 4) {
      uint8_t low[kPanel * 4];
      uint8_t high[kPanel * 4];
      for (int64_t i = 0; i < kPanel * 4; ++i) {
        low[i] = w[i] & 15;
        high[i] = static_cast<uint8_t>(w[i] >> 4);
      }
      for (int r = 0; r < kRows; ++r) {
        add_quad(a + r * stride, low, sums + r * kPanel);
        add_quad(a + r * stride + 4, high, sums + r * kPanel);
      }
    }
  }

  static void add_quad(const int8_t* a, const uint8_t* w, int32_t* sums) {
    for (int64_t column = 0; column < kPanel; ++column) {
      for (int64_t i = 0; i < 4; ++i) sums[column] += a[i] * w[column * 4 + i];
    }
  }
};

}  // namespace

extern const LinearKernels kLinearKernels;
const LinearKernels kLinearKernels = {
    .quantise_rows = run_quantise,
    .dense = run_dense,
    .int8 = run_int8<PortableTiles>,
    .int4 = run_int4<PortableTiles>,
    .int6 = run_int6<PortableTiles>,
};

}  // namespace aerie::AERIE_ISA_NS
