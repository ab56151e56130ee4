// Norms, softmax and element-wise functions.
#include "error.h"
#include "program/operation.h"

namespace aerie {
namespace {

// Nanoseconds an element, about, on one core.
constexpr double kNormCost = 0.3;
constexpr double kFunctionCost = 1;
constexpr double kArithmeticCost = 0.2;
// Elements that one task of an element-wise operation takes at least.
constexpr int64_t kChunk = 4096;

void check_same(const Operands& o) {
  expect_type(o.in(0), Type::kF32, "x");
  expect_type(o.out(), Type::kF32, "out");
  expect_shape(o.out(), o.in(0).shape, "out");
}

void check_norm(const Operands& o) {
  check_same(o);
  const int64_t width = o.in(0).shape.last();
  expect(o.in(0).shape.rank > 0, "x is a scalar");
  expect_vector(o.in(1), width, "weight");
  if (o.code.in.size() > 2) expect_vector(o.in(2), width, "bias");
}

void run_norm(const Operands& o, Machine& m, void (*kernel)(const NormArguments&)) {
  const int64_t width = o.in(0).shape.last();
  split(*m.pool, o.in(0).shape.rows(), kNormCost * static_cast<double>(width), [&](int64_t begin, int64_t end) {
    kernel({
        .rows = end - begin,
        .width = width,
        .x = o.in(0).f32() + begin * width,
        .weight = o.in(1).f32(),
        .bias = o.code.in.size() > 2 ? o.in(2).f32() : nullptr,
        .epsilon = o.code.epsilon,
        .weight_offset = o.code.weight_offset,
        .y = o.out().f32() + begin * width,
    });
  });
}

// Elements that lie between neighbours of an operand along each axis of the result; 0 where it repeats.
void steps_of(const Shape& operand, const Shape& result, int64_t* steps) {
  int64_t stride = 1;
  for (int axis = 1; axis <= result.rank; ++axis) {
    const int64_t extent = axis <= operand.rank ? operand.dims[operand.rank - axis] : 1;
    steps[result.rank - axis] = extent == 1 ? 0 : stride;
    stride *= extent;
  }
}

bool broadcasts_to(const Shape& operand, const Shape& result) {
  if (operand.rank > result.rank) return false;
  for (int axis = 1; axis <= operand.rank; ++axis) {
    const int64_t extent = operand.dims[operand.rank - axis];
    if (extent != 1 && extent != result.dims[result.rank - axis]) return false;
  }
  return true;
}

// How many elements at the end of the result both operands go through as it does, or stay where they are.
struct Run {
  int64_t length = 1;
  int outer_axes = 0;
  int a_step = 0;
  int b_step = 0;
};

Run longest_run(const Shape& result, const int64_t* a_steps, const int64_t* b_steps) {
  Run run;
  run.outer_axes = result.rank;
  bool has_a = false, has_b = false;
  while (run.outer_axes > 0) {
    const int axis = run.outer_axes - 1;
    if (result.dims[axis] > 1) {
      // An operand's step must be what it has gone through so far, or 0 from the first axis on.
      const bool a_moves = a_steps[axis] != 0, b_moves = b_steps[axis] != 0;
      if (run.length > 1 && (a_moves != has_a || b_moves != has_b)) break;
      has_a = a_moves;
      has_b = b_moves;
      run.length *= result.dims[axis];
    }
    --run.outer_axes;
  }
  run.a_step = has_a;
  run.b_step = has_b;
  return run;
}

}  // namespace

void check_layer_norm(const Operands& o, const Machine&) { check_norm(o); }
void run_layer_norm(const Operands& o, Machine& m) { run_norm(o, m, m.ops->layer_norm); }
void check_rms_norm(const Operands& o, const Machine&) { check_norm(o); }
void run_rms_norm(const Operands& o, Machine& m) { run_norm(o, m, m.ops->rms_norm); }

void check_softmax(const Operands& o, const Machine&) {
  check_same(o);
  expect(o.in(0).shape.rank > 0, "x is a scalar");
}

void run_softmax(const Operands& o, Machine& m) {
  const int64_t width = o.in(0).shape.last();
  split(*m.pool, o.in(0).shape.rows(), kFunctionCost * static_cast<double>(width), [&](int64_t begin, int64_t end) {
    m.ops->softmax(end - begin, width, o.in(0).f32() + begin * width, o.out().f32() + begin * width);
  });
}

void check_unary(const Operands& o, const Machine&) {
  check_same(o);
  expect(o.code.activation != Activation::kNone, "kind is missing");
}

void run_unary(const Operands& o, Machine& m) {
  const int64_t count = o.out().shape.size;
  const int64_t chunks = (count + kChunk - 1) / kChunk;
  split(*m.pool, chunks, kFunctionCost * kChunk, [&](int64_t begin, int64_t end) {
    const int64_t from = begin * kChunk, to = end * kChunk < count ? end * kChunk : count;
    m.ops->unary(o.code.activation, to - from, o.in(0).f32() + from, o.out().f32() + from);
  });
}

void check_binary(const Operands& o, const Machine&) {
  expect_type(o.in(0), Type::kF32, "a");
  expect_type(o.in(1), Type::kF32, "b");
  expect_type(o.out(), Type::kF32, "out");
  for (size_t i = 0; i < 2; ++i) {
    if (broadcasts_to(o.in(i).shape, o.out().shape)) continue;
    throw TypeError(std::string(i ? "b" : "a") + " is " + o.in(i).shape.to_string() +
                    ", which does not broadcast to out " + o.out().shape.to_string());
  }
}

void run_binary(const Operands& o, Machine& m) {
  const Shape& shape = o.out().shape;
  if (shape.size == 0) return;
  int64_t a_steps[kMaxAxes], b_steps[kMaxAxes];
  steps_of(o.in(0).shape, shape, a_steps);
  steps_of(o.in(1).shape, shape, b_steps);
  const Run run = longest_run(shape, a_steps, b_steps);
  const float* a = o.in(0).f32();
  const float* b = o.in(1).f32();
  float* y = o.out().f32();
  if (run.length == shape.size) {
    const int64_t chunks = (shape.size + kChunk - 1) / kChunk;
    return split(*m.pool, chunks, kArithmeticCost * kChunk, [&](int64_t begin, int64_t end) {
      const int64_t from = begin * kChunk, to = end * kChunk < shape.size ? end * kChunk : shape.size;
      m.ops->binary(o.code.binary, to - from, a + from * run.a_step, run.a_step, b + from * run.b_step, run.b_step,
                    y + from);
    });
  }
  const double cost = kArithmeticCost * static_cast<double>(run.length) + 5;
  split(*m.pool, shape.size / run.length, cost, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      int64_t at_a = 0, at_b = 0, rest = i;
      for (int axis = run.outer_axes - 1; axis >= 0; --axis) {
        const int64_t place = rest % shape.dims[axis];
        rest /= shape.dims[axis];
        at_a += place * a_steps[axis];
        at_b += place * b_steps[axis];
      }
      m.ops->binary(o.code.binary, run.length, a + at_a, run.a_step, b + at_b, run.b_step, y + i * run.length);
    }
  });
}

}  // namespace aerie
