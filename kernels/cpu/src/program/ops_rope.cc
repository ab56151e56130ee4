// Rotary embedding. Angles are 64-bit: at position 100 000 a float would be off by a hundredth of a turn.
#include <cmath>

#include "error.h"
#include "program/operation.h"

namespace aerie {
namespace {

constexpr double kCost = 0.5;
constexpr double kAngleCost = 40;

void check_heads(const Operands& o) {
  expect_type(o.in(0), Type::kF32, "x");
  expect_type(o.out(), Type::kF32, "out");
  expect_shape(o.out(), o.in(0).shape, "out");
  expect(o.code.heads > 0 && o.in(0).shape.rank > 0 && o.in(0).shape.last() % o.code.heads == 0,
         "heads does not divide the last axis of x");
}

// Positions are an input or made anew in each run; either way one value's do not change within a run once it is made,
// unless its slot is given to another, and only the instruction's own value number can name it.
RopeAngles& angles_of(const Operands& o, Machine& m) {
  for (RopeAngles& angles : m.angles) {
    if (angles.positions == o.code.in[1] && angles.magnitude == o.code.magnitude &&
        angles.inverse_frequencies == o.code.inverse_frequencies) {
      return angles;
    }
  }
  m.angles.push_back(RopeAngles{o.code.in[1], o.code.inverse_frequencies, o.code.magnitude, false, {}});
  return m.angles.back();
}

void make_angles(RopeAngles& angles, const Tensor& positions, ThreadPool& pool) {
  const int64_t rows = positions.shape.size;
  const int64_t pairs = static_cast<int64_t>(angles.inverse_frequencies.size());
  const size_t bytes = static_cast<size_t>(rows * pairs) * 2 * sizeof(float);
  float* const cos = reinterpret_cast<float*>(angles.memory.require(bytes, "rotary angles"));
  float* const sin = cos + rows * pairs;
  split(pool, rows, kAngleCost * static_cast<double>(pairs), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      for (int64_t i = 0; i < pairs; ++i) {
        const double angle = positions.i32()[row] * angles.inverse_frequencies[static_cast<size_t>(i)];
        cos[row * pairs + i] = static_cast<float>(angles.magnitude * std::cos(angle));
        sin[row * pairs + i] = static_cast<float>(angles.magnitude * std::sin(angle));
      }
    }
  });
  angles.is_ready = true;
}

}  // namespace

void check_rope(const Operands& o, const Machine&) {
  check_heads(o);
  const int64_t head_dim = o.in(0).shape.last() / o.code.heads;
  expect(o.code.head_dim == head_dim, "headDim is not the last axis of x over heads");
  expect(2 * static_cast<int64_t>(o.code.inverse_frequencies.size()) <= head_dim,
         "inverseFrequencies rotate more channels than a head has");
  expect_type(o.in(1), Type::kI32, "positions");
  expect(o.in(1).shape.size == o.in(0).shape.rows(), "positions are not one for each row of x");
}

void run_rope(const Operands& o, Machine& m) {
  RopeAngles& angles = angles_of(o, m);
  if (!angles.is_ready) make_angles(angles, o.in(1), *m.pool);
  const int64_t rows = o.in(1).shape.size;
  const int64_t pairs = static_cast<int64_t>(angles.inverse_frequencies.size());
  const int64_t width = o.in(0).shape.last();
  const float* const cos = reinterpret_cast<const float*>(angles.memory.require(0, "rotary angles"));
  split(*m.pool, rows, kCost * static_cast<double>(width), [&](int64_t begin, int64_t end) {
    m.ops->rope({
        .rows = end - begin,
        .heads = o.code.heads,
        .head_dim = o.code.head_dim,
        .pairs = pairs,
        .interleaved = o.code.interleaved,
        .x = o.in(0).f32() + begin * width,
        .cos = cos + begin * pairs,
        .sin = cos + (rows + begin) * pairs,
        .y = o.out().f32() + begin * width,
    });
  });
}

void check_rope_table(const Operands& o, const Machine&) {
  check_heads(o);
  const Shape& shape = o.in(0).shape;
  const int64_t head_dim = shape.last() / o.code.heads;
  expect(shape.rank >= 2 && head_dim % 2 == 0, "x is not [batch, tokens, heads · an even headDim]");
  Shape table;
  table.rank = 2;
  table.dims[0] = shape.dims[shape.rank - 2];
  table.dims[1] = head_dim;
  for (size_t i = 1; i <= 2; ++i) {
    expect_type(o.in(i), Type::kF32, i == 1 ? "cos" : "sin");
    expect_shape(o.in(i), table, i == 1 ? "cos" : "sin");
  }
}

void run_rope_table(const Operands& o, Machine& m) {
  const int64_t width = o.in(0).shape.last();
  split(*m.pool, o.in(0).shape.rows(), kCost * static_cast<double>(width), [&](int64_t begin, int64_t end) {
    m.ops->rope_table({
        .rows = end - begin,
        .first_row = begin,
        .tokens = o.in(1).shape.dims[0],
        .heads = o.code.heads,
        .head_dim = o.in(1).shape.dims[1],
        .x = o.in(0).f32() + begin * width,
        .cos = o.in(1).f32(),
        .sin = o.in(2).f32(),
        .y = o.out().f32() + begin * width,
    });
  });
}

}  // namespace aerie
