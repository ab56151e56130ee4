// Products with packed weights, and the quantisation of what they multiply.
#include "error.h"
#include "program/operation.h"

namespace aerie {
namespace {

constexpr size_t kLine = 64;

size_t aligned(size_t bytes) { return (bytes + kLine - 1) / kLine * kLine; }

// f32 [rows, width] as `out` is.
void check_addend(const Operands& o, int place, const char* name) {
  const Tensor* tensor = o.optional(place);
  if (!tensor) return;
  expect_type(*tensor, Type::kF32, name);
  expect_shape(*tensor, o.out().shape, name);
}

int64_t weight_group(const PackedLinear& weight) {
  return weight.by_row || weight.group == weight.in ? 0 : weight.group;
}

// Those rows of x that have an adapter for this linear.
std::vector<AdaptedRows> adapted_rows(const Instruction& code, const Machine& m) {
  std::vector<AdaptedRows> groups;
  if (code.adapter < 0) return groups;
  for (const AdapterInRun& run : m.adapters) {
    const RowRange& range = run.ranges[static_cast<size_t>(code.adapter_dim)];
    const AdapterPair* const pair = run.adapter->find(code.adapter);
    if (pair != nullptr && range.count > 0) groups.push_back({pair, range.first, range.count});
  }
  return groups;
}

int64_t group_of(const Tensor& x) { return x.group == x.shape.last() ? 0 : x.group; }

void check_adapter(const Operands& o, const Machine& m, const PackedLinear& weight) {
  if (o.code.adapter < 0) return;
  const Tensor& x = o.in(0);
  const Tensor* const floats = o.optional(o.code.floats);
  expect(floats != nullptr || x.type == Type::kF32, "floats is missing: adapters take x as it was before it was q8");
  if (floats != nullptr) {
    expect_type(*floats, Type::kF32, "floats");
    expect_shape(*floats, x.shape, "floats");
  }
  for (const AdapterInRun& run : m.adapters) {
    const AdapterPair* const pair = run.adapter->find(o.code.adapter);
    if (pair == nullptr || (pair->down.in == weight.in && pair->up.out == weight.out)) continue;
    throw TypeError("the adapter's matrices are [" + std::to_string(pair->down.out) + ", " +
                    std::to_string(pair->down.in) + "] and [" + std::to_string(pair->up.out) + ", " +
                    std::to_string(pair->up.in) + "] for a weight [" + std::to_string(weight.out) + ", " +
                    std::to_string(weight.in) + "]");
  }
}

}  // namespace

void check_quantise(const Operands& o, const Machine&) {
  expect_type(o.in(0), Type::kF32, "x");
  expect_type(o.out(), Type::kQ8, "out");
  expect_shape(o.out(), o.in(0).shape, "out");
  const int64_t width = o.out().shape.last();
  expect(width > 0 && width <= kMaxIn, "the last axis of out is empty or too wide");
  expect(o.out().group == 0 || width % o.out().group == 0, "the group of out does not divide its last axis");
}

void run_quantise(const Operands& o, Machine& m) {
  const Tensor& x = o.in(0);
  const QuantisedView view = quantised_view(o.out().data, x.shape.rows(), x.shape.last(), o.out().group);
  quantise_rows(*m.linear, *m.pool, x.f32(), x.shape.last(), view);
}

void check_linear(const Operands& o, const Machine& m) {
  const PackedLinear& weight = m.linears[static_cast<size_t>(o.code.linear)];
  const Tensor& x = o.in(0);
  expect(x.type != Type::kI32, "x is i32, expected f32 or q8");
  expect_type(o.out(), Type::kF32, "out");
  if (x.shape.rank == 0 || x.shape.last() != weight.in) {
    throw TypeError("x is " + x.shape.to_string() + " for a weight [" + std::to_string(weight.out) + ", " +
                    std::to_string(weight.in) + "]");
  }
  if (x.type == Type::kQ8) {
    expect(weight.takes_quantised(), "x is q8 for a weight of floats");
    expect(group_of(x) == weight_group(weight), "x has another group than the weight");
  }
  Shape shape = x.shape;
  shape.dims[shape.rank - 1] = weight.out;
  expect_shape(o.out(), shape, "out");
  if (const Tensor* bias = o.optional(o.code.bias)) expect_vector(*bias, weight.out, "bias");
  check_addend(o, o.code.multiply, "multiply");
  check_addend(o, o.code.residual, "residual");
  check_adapter(o, m, weight);
}

void run_linear(const Operands& o, Machine& m) {
  const PackedLinear& weight = m.linears[static_cast<size_t>(o.code.linear)];
  const Tensor& x = o.in(0);
  const int64_t rows = x.shape.rows();
  if (rows == 0) return;
  const size_t own = linear_workspace(weight, rows);
  const bool must_quantise = x.type == Type::kF32 && weight.takes_quantised();
  const int64_t group = weight_group(weight);
  const size_t quantised = must_quantise ? quantised_bytes(rows, weight.in, group) : 0;
  const std::vector<AdaptedRows> adapted = adapted_rows(o.code, m);
  const size_t adapters = adapters_workspace(adapted, rows, weight.out);
  std::byte* const scratch =
      m.scratch.require(aligned(own) + aligned(quantised) + adapters, "the workspace of a linear");
  const LinearKernels& kernels = *m.linear;

  QuantisedView view;
  LinearInput input;
  if (weight.takes_quantised()) {
    view = quantised_view(must_quantise ? scratch + aligned(own) : x.data, rows, weight.in, group);
    if (must_quantise) quantise_rows(kernels, *m.pool, x.f32(), weight.in, view);
    input.quantised = &view;
  } else {
    input.x = x.f32();
    input.stride = weight.in;
  }
  const auto floats = [&](int place) {
    const Tensor* tensor = o.optional(place);
    return tensor ? tensor->f32() : nullptr;
  };
  const Tensor* const before = o.optional(o.code.floats);
  const float* const* const addends =
      adapt_rows(kernels, *m.pool, adapted, before ? before->f32() : x.f32(), weight.in, rows, weight.out,
                 scratch + aligned(own) + aligned(quantised));
  const Epilogue epilogue = {
      .bias = floats(o.code.bias),
      .activation = o.code.activation,
      .multiply = floats(o.code.multiply),
      .multiply_stride = weight.out,
      .residual = floats(o.code.residual),
      .residual_stride = weight.out,
      .addends = addends,
  };
  linear(kernels, *m.pool, weight, input, rows, o.out().f32(), weight.out, epilogue, scratch);
}

}  // namespace aerie
