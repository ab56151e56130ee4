#include "ops/convolution.h"

#include "ops/lanes.h"

namespace aerie::AERIE_ISA_NS {
namespace {

// Sums that are made at once, each in a register, so that a weight is read once for all of them.
constexpr int kPlaces = 8;

struct Span {
  int64_t begin;
  int64_t end;
};

int64_t clamp(int64_t value, int64_t least, int64_t most) {
  return value < least ? least : value > most ? most : value;
}

// Of a kernel of `size` that begins at `start`: what lies inside of 0 … extent − 1.
Span inside(int64_t start, int64_t size, int64_t extent) {
  const int64_t begin = clamp(-start, 0, size);
  return {begin, clamp(extent - start, begin, size)};
}

// `places` neighbours of the row from `column`, whose kernels all have the columns of `across` inside the picture.
template <int places, typename Lanes>
void convolve(const DepthwiseConvArguments& a, const Lanes& lanes, int64_t column, Span down, Span across) {
  F sums[places];
  const F bias = a.bias ? lanes.read(a.bias) : F{};
  for (int i = 0; i < places; ++i) sums[i] = bias;
  for (int64_t ky = down.begin; ky < down.end; ++ky) {
    const float* const x = a.x + ((a.row - a.padding + ky) * a.width + column - a.padding) * a.channels;
    const float* const weight = a.weight + ky * a.kernel_width * a.channels;
    for (int64_t kx = across.begin; kx < across.end; ++kx) {
      const F w = lanes.read(weight + kx * a.channels);
      for (int i = 0; i < places; ++i) sums[i] = fma(w, lanes.read(x + (kx + i) * a.channels), sums[i]);
    }
  }
  for (int i = 0; i < places; ++i) lanes.write(a.y + (column + i) * a.channels, sums[i]);
}

template <typename Lanes>
void convolve_row(const DepthwiseConvArguments& a, const Lanes& lanes) {
  const int64_t columns = a.width + 2 * a.padding - a.kernel_width + 1;
  const Span down = inside(a.row - a.padding, a.kernel_height, a.height);
  const Span whole = {0, a.kernel_width};
  // Columns before the first and from the second of these have part of their kernel outside.
  const int64_t first = clamp(a.padding, 0, columns);
  const int64_t last = clamp(a.width + a.padding - a.kernel_width + 1, first, columns);
  int64_t column = 0;
  const auto beside = [&](int64_t end) {
    for (; column < end; ++column) {
      convolve<1>(a, lanes, column, down, inside(column - a.padding, a.kernel_width, a.width));
    }
  };
  beside(first);
  for (; column + kPlaces <= last; column += kPlaces) convolve<kPlaces>(a, lanes, column, down, whole);
  beside(columns);
}

}  // namespace

void depthwise_conv(const DepthwiseConvArguments& a) {
  for_lanes(0, a.channels, [&](const auto& lanes) { convolve_row(a, lanes); });
}

}  // namespace aerie::AERIE_ISA_NS
