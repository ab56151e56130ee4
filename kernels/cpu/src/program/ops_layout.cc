// Operations that move elements and compute nothing. Elements are four bytes, f32 or i32.
#include <cstring>

#include "error.h"
#include "program/operation.h"

namespace aerie {
namespace {

constexpr double kCost = 0.3;
constexpr size_t kElement = 4;

const uint32_t* read(const Tensor& tensor) { return static_cast<const uint32_t*>(tensor.data); }
uint32_t* write(const Tensor& tensor) { return static_cast<uint32_t*>(tensor.data); }

void copy(uint32_t* to, const uint32_t* from, int64_t count) {
  // Rows of patches are this short, and there are many: a call for each takes longer than the elements.
  constexpr int64_t kShort = 8;
  if (count > kShort) {
    std::memcpy(to, from, static_cast<size_t>(count) * kElement);
    return;
  }
  // An empty tensor may have no memory.
  for (int64_t i = 0; i < count; ++i) to[i] = from[i];
}

void check_types(const Operands& o) {
  for (size_t i = 0; i < o.code.in.size(); ++i) {
    expect(o.in(i).type != Type::kQ8, "moves no values of 8 bits");
    expect_type(o.in(i), o.out().type, "in");
  }
  expect(o.out().type != Type::kQ8, "moves no values of 8 bits");
}

int axis_of(const Operands& o) {
  expect(o.code.axis >= 0 && o.code.axis < o.in(0).shape.rank, "axis is not one of x");
  return static_cast<int>(o.code.axis);
}

// `shape` with another extent of one axis, to compare with: its size is not counted, and may be too large to be.
Shape with(Shape shape, int axis, int64_t extent) {
  shape.dims[axis] = extent;
  return shape;
}

}  // namespace

void check_gather_rows(const Operands& o, const Machine&) {
  const Tensor& table = o.in(0);
  expect(table.type != Type::kQ8, "table is of 8 bits");
  expect_type(o.out(), table.type, "out");
  expect_type(o.in(1), Type::kI32, "indices");
  expect(table.shape.rank > 0, "table is a scalar");
  const Shape& indices = o.in(1).shape;
  Shape shape;
  shape.rank = indices.rank + table.shape.rank - 1;
  expect(shape.rank <= kMaxAxes, "out has too many axes");
  for (int axis = 0; axis < indices.rank; ++axis) shape.dims[axis] = indices.dims[axis];
  for (int axis = 1; axis < table.shape.rank; ++axis) shape.dims[indices.rank + axis - 1] = table.shape.dims[axis];
  expect_shape(o.out(), shape, "out");
}

void run_gather_rows(const Operands& o, Machine& m) {
  const int64_t rows = o.in(0).shape.dims[0];
  const int64_t width = o.in(0).shape.product(1, o.in(0).shape.rank);
  const int32_t* indices = o.in(1).i32();
  const int64_t count = o.in(1).shape.size;
  for (int64_t i = 0; i < count; ++i) {
    if (indices[i] >= 0 && indices[i] < rows) continue;
    throw RangeError("index " + std::to_string(indices[i]) + " is outside the " + std::to_string(rows) +
                     " rows of the table");
  }
  split(*m.pool, count, kCost * static_cast<double>(width), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) copy(write(o.out()) + i * width, read(o.in(0)) + indices[i] * width, width);
  });
}

void check_concat(const Operands& o, const Machine&) {
  check_types(o);
  const int axis = axis_of(o);
  int64_t extent = 0;
  for (size_t i = 0; i < o.code.in.size(); ++i) {
    expect(o.in(i).shape.rank == o.in(0).shape.rank, "inputs have different numbers of axes");
    extent += o.in(i).shape.dims[axis];
  }
  expect(extent <= kMaxElements, "out is too large");
  for (size_t i = 0; i < o.code.in.size(); ++i) {
    expect_shape(o.out(), with(o.in(i).shape, axis, extent), "out");
  }
}

void run_concat(const Operands& o, Machine& m) {
  const int axis = static_cast<int>(o.code.axis);
  const Shape& shape = o.out().shape;
  const int64_t inner = shape.product(axis + 1, shape.rank);
  const int64_t stride = shape.dims[axis] * inner;
  split(*m.pool, shape.product(0, axis), kCost * static_cast<double>(stride), [&](int64_t begin, int64_t end) {
    int64_t offset = 0;
    for (size_t i = 0; i < o.code.in.size(); ++i) {
      const int64_t run = o.in(i).shape.dims[axis] * inner;
      for (int64_t outer = begin; outer < end; ++outer) {
        copy(write(o.out()) + outer * stride + offset, read(o.in(i)) + outer * run, run);
      }
      offset += run;
    }
  });
}

void check_slice(const Operands& o, const Machine&) {
  check_types(o);
  const int axis = axis_of(o);
  expect(o.code.start >= 0 && o.code.start <= o.code.end && o.code.end <= o.in(0).shape.dims[axis],
         "start … end is not within the axis");
  expect_shape(o.out(), with(o.in(0).shape, axis, o.code.end - o.code.start), "out");
}

void run_slice(const Operands& o, Machine& m) {
  const int axis = static_cast<int>(o.code.axis);
  const Shape& shape = o.in(0).shape;
  const int64_t inner = shape.product(axis + 1, shape.rank);
  const int64_t stride = shape.dims[axis] * inner;
  const int64_t run = (o.code.end - o.code.start) * inner;
  split(*m.pool, shape.product(0, axis), kCost * static_cast<double>(run), [&](int64_t begin, int64_t end) {
    for (int64_t outer = begin; outer < end; ++outer) {
      copy(write(o.out()) + outer * run, read(o.in(0)) + outer * stride + o.code.start * inner, run);
    }
  });
}

void check_pad_end(const Operands& o, const Machine&) {
  check_types(o);
  const int axis = axis_of(o);
  expect(o.code.count >= 0 && o.code.count <= kMaxElements, "count is out of range");
  expect_shape(o.out(), with(o.in(0).shape, axis, o.in(0).shape.dims[axis] + o.code.count), "out");
}

void run_pad_end(const Operands& o, Machine& m) {
  const int axis = static_cast<int>(o.code.axis);
  const Shape& shape = o.in(0).shape;
  const int64_t inner = shape.product(axis + 1, shape.rank);
  const int64_t run = shape.dims[axis] * inner, zeros = o.code.count * inner;
  split(*m.pool, shape.product(0, axis), kCost * static_cast<double>(run + zeros), [&](int64_t begin, int64_t end) {
    for (int64_t outer = begin; outer < end; ++outer) {
      uint32_t* to = write(o.out()) + outer * (run + zeros);
      copy(to, read(o.in(0)) + outer * run, run);
      if (zeros > 0) std::memset(to + run, 0, static_cast<size_t>(zeros) * kElement);
    }
  });
}

void check_transpose(const Operands& o, const Machine&) {
  check_types(o);
  const Shape& shape = o.in(0).shape;
  expect(static_cast<int>(o.code.permutation.size()) == shape.rank, "permutation is not as long as x has axes");
  Shape permuted = shape;
  bool is_taken[kMaxAxes] = {};
  for (int axis = 0; axis < shape.rank; ++axis) {
    const int from = o.code.permutation[static_cast<size_t>(axis)];
    expect(from >= 0 && from < shape.rank && !is_taken[from], "permutation does not name every axis once");
    is_taken[from] = true;
    permuted.dims[axis] = shape.dims[from];
  }
  expect_shape(o.out(), permuted, "out");
}

void run_transpose(const Operands& o, Machine& m) {
  const Shape& from = o.in(0).shape;
  const Shape& to = o.out().shape;
  if (to.size == 0) return;
  int64_t strides[kMaxAxes] = {};
  for (int axis = 0; axis < to.rank; ++axis) {
    strides[axis] = from.product(o.code.permutation[static_cast<size_t>(axis)] + 1, from.rank);
  }
  // The axes at the end that stay where they are move in one piece.
  int outer_axes = to.rank;
  int64_t run = 1;
  while (outer_axes > 0 && o.code.permutation[static_cast<size_t>(outer_axes) - 1] == outer_axes - 1) {
    run *= to.dims[--outer_axes];
  }
  split(*m.pool, to.size / run, kCost * static_cast<double>(run) + 3, [&](int64_t begin, int64_t end) {
    int64_t place[kMaxAxes] = {};
    int64_t source = 0;
    for (int64_t rest = begin, axis = outer_axes - 1; axis >= 0; --axis) {
      place[axis] = rest % to.dims[axis];
      rest /= to.dims[axis];
      source += place[axis] * strides[axis];
    }
    for (int64_t i = begin; i < end; ++i) {
      copy(write(o.out()) + i * run, read(o.in(0)) + source, run);
      for (int axis = outer_axes - 1; axis >= 0; --axis) {
        source += strides[axis];
        if (++place[axis] < to.dims[axis]) break;
        source -= place[axis] * strides[axis];
        place[axis] = 0;
      }
    }
  });
}

void check_expand(const Operands& o, const Machine&) {
  expect(o.in(0).type != Type::kQ8, "moves no values of 8 bits");
  expect_type(o.in(0), o.out().type, "x");
  expect(o.in(0).shape.rank > 0 && o.in(0).shape.dims[0] == 1, "the first axis of x is not 1");
  expect(o.out().shape.rank > 0, "out is a scalar");
  expect_shape(o.out(), with(o.in(0).shape, 0, o.out().shape.dims[0]), "out");
}

void run_expand(const Operands& o, Machine& m) {
  const int64_t size = o.in(0).shape.size;
  split(*m.pool, o.out().shape.dims[0], kCost * static_cast<double>(size), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) copy(write(o.out()) + i * size, read(o.in(0)), size);
  });
}

void check_copy(const Operands& o, const Machine&) {
  check_types(o);
  expect(o.in(0).shape.size == o.out().shape.size, "x and out have different numbers of elements");
}

void run_copy(const Operands& o, Machine& m) {
  split(*m.pool, o.out().shape.size, kCost,
        [&](int64_t begin, int64_t end) { copy(write(o.out()) + begin, read(o.in(0)) + begin, end - begin); });
}

void check_unfold(const Operands& o, const Machine&) {
  check_types(o);
  const Shape& x = o.in(0).shape;
  expect(x.rank == 4, "x is not [n, c, h, w]");
  expect(o.code.height > 0 && o.code.width > 0 && o.code.height <= kMaxPatch && o.code.width <= kMaxPatch,
         "height or width is out of range");
  Shape shape;
  shape.rank = 4;
  shape.dims[0] = x.dims[0];
  shape.dims[1] = x.dims[2] / o.code.height;
  shape.dims[2] = x.dims[3] / o.code.width;
  // A patch no larger than the picture; more would make an empty result of an overflowing product.
  expect(shape.dims[1] > 0 && shape.dims[2] > 0, "the patch is larger than x");
  shape.dims[3] = x.dims[1] * o.code.height * o.code.width;
  // Patches in one axis are the same memory.
  Shape flat = shape;
  flat.rank = 3;
  flat.dims[1] = shape.dims[1] * shape.dims[2];
  flat.dims[2] = shape.dims[3];
  if (!(o.out().shape == flat)) expect_shape(o.out(), shape, "out");
}

void run_unfold(const Operands& o, Machine& m) {
  const Shape& x = o.in(0).shape;
  const int64_t channels = x.dims[1], height = x.dims[2], width = x.dims[3];
  const int64_t down = height / o.code.height, across = width / o.code.width;
  const int64_t patch = channels * o.code.height * o.code.width;
  split(*m.pool, x.dims[0] * down, kCost * static_cast<double>(across * patch), [&](int64_t begin, int64_t end) {
    for (int64_t strip = begin; strip < end; ++strip) {
      const int64_t n = strip / down, top = strip % down * o.code.height;
      uint32_t* to = write(o.out()) + strip * across * patch;
      for (int64_t column = 0; column < across; ++column) {
        for (int64_t c = 0; c < channels; ++c) {
          for (int64_t y = 0; y < o.code.height; ++y, to += o.code.width) {
            copy(to, read(o.in(0)) + ((n * channels + c) * height + top + y) * width + column * o.code.width,
                 o.code.width);
          }
        }
      }
    }
  });
}

}  // namespace aerie
