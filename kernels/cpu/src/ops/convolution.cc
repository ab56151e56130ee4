#include "ops/convolution.h"

#include "ops/lanes.h"

namespace aerie::AERIE_ISA_NS {
namespace {

// Sums that are made at once, each in a register, so that a weight is read once for all of them.
constexpr int kPlaces = 8;

// Places column … column + count − 1 of the row. `is_whole`: all of kPlaces, whose kernels lie inside the picture from
// left to right. Else what lies outside is left out, as in every row and picture of this size.
template <bool is_whole, typename Lanes>
void convolve(const DepthwiseConvArguments& a, const Lanes& lanes, int64_t column, int64_t count) {
  F sums[kPlaces];
  const F bias = a.bias ? lanes.read(a.bias) : F{};
  for (int i = 0; i < kPlaces; ++i) sums[i] = bias;
  for (int64_t ky = 0; ky < a.kernel_height; ++ky) {
    const int64_t row = a.row - a.padding + ky;
    if (row < 0 || row >= a.height) continue;
    const float* const weight = a.weight + ky * a.kernel_width * a.channels;
    for (int64_t kx = 0; kx < a.kernel_width; ++kx) {
      const int64_t from = column - a.padding + kx;
      const int64_t at = (row * a.width + from) * a.channels;
      const F w = lanes.read(weight + kx * a.channels);
      for (int i = 0; i < kPlaces; ++i) {
        if (!is_whole && (i >= count || from + i < 0 || from + i >= a.width)) continue;
        sums[i] = fma(w, lanes.read(a.x + at + i * a.channels), sums[i]);
      }
    }
  }
  for (int i = 0; i < kPlaces; ++i) {
    if (is_whole || i < count) lanes.write(a.y + (column + i) * a.channels, sums[i]);
  }
}

template <typename Lanes>
void convolve_row(const DepthwiseConvArguments& a, const Lanes& lanes) {
  const int64_t columns = a.width + 2 * a.padding - a.kernel_width + 1;
  for (int64_t column = 0; column < columns; column += kPlaces) {
    const int64_t from = column - a.padding;
    const bool is_whole = from >= 0 && from + kPlaces - 1 + a.kernel_width <= a.width;
    const int64_t left = columns - column;
    if (is_whole) {
      convolve<true>(a, lanes, column, kPlaces);
    } else {
      convolve<false>(a, lanes, column, left < kPlaces ? left : kPlaces);
    }
  }
}

}  // namespace

void depthwise_conv(const DepthwiseConvArguments& a) {
  for_lanes(0, a.channels, [&](const auto& lanes) { convolve_row(a, lanes); });
}

}  // namespace aerie::AERIE_ISA_NS
