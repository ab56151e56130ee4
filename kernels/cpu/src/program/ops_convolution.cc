// Convolutions that are no product of patches.
#include "error.h"
#include "program/operation.h"

namespace aerie {
namespace {

// Nanoseconds, about, of a channel and kernel place.
constexpr double kConvCost = 0.1;

int64_t result_extent(int64_t extent, int64_t kernel, int64_t padding) { return extent + 2 * padding - kernel + 1; }

}  // namespace

void check_depthwise_conv(const Operands& o, const Machine&) {
  expect_type(o.in(0), Type::kF32, "x");
  const Shape& x = o.in(0).shape;
  expect(x.rank == 4, "x is not [n, h, w, c]");
  const int64_t channels = x.dims[3];
  expect_type(o.in(1), Type::kF32, "weight");
  const Shape& weight = o.in(1).shape;
  expect(weight.rank == 3 && weight.dims[2] == channels, "weight is not [kh, kw, c]");
  expect(weight.dims[0] >= 1 && weight.dims[0] <= kMaxPatch && weight.dims[1] >= 1 && weight.dims[1] <= kMaxPatch,
         "the kernel's height or width is out of range");
  expect(o.code.padding >= 0 && o.code.padding < kMaxPatch, "padding is out of range");
  if (o.code.in.size() > 2) expect_vector(o.in(2), channels, "bias");
  Shape shape = x;
  for (const int axis : {1, 2}) {
    shape.dims[axis] = result_extent(x.dims[axis], weight.dims[axis - 1], o.code.padding);
    expect(shape.dims[axis] > 0, "the kernel is larger than x and its padding");
  }
  expect_type(o.out(), Type::kF32, "out");
  expect_shape(o.out(), shape, "out");
}

void run_depthwise_conv(const Operands& o, Machine& m) {
  const Shape& x = o.in(0).shape;
  const Shape& weight = o.in(1).shape;
  const int64_t rows = o.out().shape.dims[1], row_size = o.out().shape.dims[2] * x.dims[3];
  const double cost = kConvCost * static_cast<double>(weight.dims[0] * weight.dims[1] * row_size);
  split(*m.pool, x.dims[0] * rows, cost, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      m.ops->convolution.depthwise({
          .height = x.dims[1],
          .width = x.dims[2],
          .channels = x.dims[3],
          .kernel_height = weight.dims[0],
          .kernel_width = weight.dims[1],
          .padding = o.code.padding,
          .row = i % rows,
          .x = o.in(0).f32() + i / rows * x.dims[1] * x.dims[2] * x.dims[3],
          .weight = o.in(1).f32(),
          .bias = o.code.in.size() > 2 ? o.in(2).f32() : nullptr,
          .y = o.out().f32() + i * row_size,
      });
    }
  });
}

}  // namespace aerie
