// Operations that carry a state from token to token of a sequence.
#include "error.h"
#include "program/operation.h"

namespace aerie {
namespace {

// Nanoseconds, about: of a channel and kernel place, and of a channel and number of the state.
constexpr double kConvCost = 0.2;
constexpr double kScanCost = 1;
// Channels of one task: some vectors of every instruction set.
constexpr int64_t kChannels = 64;

void check_state(const Operands& o, const Machine& m, int64_t floats) {
  const int64_t recurrence = o.code.recurrence;
  if (!m.states) return;
  if (recurrence >= m.states->recurrences() || m.states->size(recurrence) != floats) {
    throw TypeError("recurrence " + std::to_string(recurrence) + " of " + std::to_string(floats) +
                    " floats is not in the state store of " + std::to_string(m.states->recurrences()) +
                    (recurrence < m.states->recurrences()
                         ? ", which has " + std::to_string(m.states->size(recurrence)) + " floats for it"
                         : ""));
  }
  if (o.in(0).shape.dims[0] != m.tokens) {
    throw TypeError("x has " + std::to_string(o.in(0).shape.dims[0]) + " tokens, the run's rows have " +
                    std::to_string(m.tokens));
  }
}

// Calls work(row, first, last) for channels of each row of the run, on the pool if it is worth while.
template <typename Work>
void for_channels(const Machine& m, int64_t channels, double cost, Work work) {
  const int64_t pieces = (channels + kChannels - 1) / kChannels;
  const int64_t rows = static_cast<int64_t>(m.rows.size());
  const double tokens = static_cast<double>(m.tokens) / static_cast<double>(rows > 0 ? rows : 1);
  split(*m.pool, rows * pieces, cost * (tokens + 1) * kChannels, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i % pieces * kChannels;
      const int64_t last = first + kChannels < channels ? first + kChannels : channels;
      work(m.rows[static_cast<size_t>(i / pieces)], first, last);
    }
  });
}

const float* state_before(const Machine& m, const SequenceRow& row, int64_t recurrence) {
  return row.state_from < 0 ? nullptr : m.states->state(row.state_from, recurrence);
}

}  // namespace

void check_causal_conv(const Operands& o, const Machine& m) {
  const Tensor& x = o.in(0);
  expect_type(x, Type::kF32, "x");
  expect(x.shape.rank == 2, "x is not [tokens, channels]");
  const int64_t channels = x.shape.dims[1];
  expect_type(o.in(1), Type::kF32, "weight");
  const Shape& weight = o.in(1).shape;
  expect(weight.rank == 2 && weight.dims[1] == channels, "weight is not [kernel, channels]");
  expect(weight.dims[0] >= 2 && weight.dims[0] <= kMaxConvKernel, "kernel is not 2 to 64");
  if (o.code.in.size() > 2) expect_vector(o.in(2), channels, "bias");
  expect_type(o.out(), Type::kF32, "out");
  expect_shape(o.out(), x.shape, "out");
  expect(o.code.activation == Activation::kNone || o.code.activation == Activation::kSilu,
         "activation is neither absent nor silu");
  check_state(o, m, (weight.dims[0] - 1) * channels);
}

void run_causal_conv(const Operands& o, Machine& m) {
  const int64_t channels = o.in(0).shape.dims[1], kernel = o.in(1).shape.dims[0];
  for_channels(m, channels, kConvCost * static_cast<double>(kernel),
               [&](const SequenceRow& row, int64_t first, int64_t last) {
                 const int64_t at = row.first_token * channels;
                 m.ops->recurrent.causal_conv({
                     .tokens = row.count,
                     .channels = channels,
                     .first = first,
                     .last = last,
                     .kernel = kernel,
                     .x = o.in(0).f32() + at,
                     .weight = o.in(1).f32(),
                     .bias = o.code.in.size() > 2 ? o.in(2).f32() : nullptr,
                     .activation = o.code.activation,
                     .from = state_before(m, row, o.code.recurrence),
                     .to = m.states->state(row.state_to, o.code.recurrence),
                     .y = o.out().f32() + at,
                 });
               });
}

void check_selective_scan(const Operands& o, const Machine& m) {
  const Tensor& x = o.in(0);
  expect_type(x, Type::kF32, "x");
  expect(x.shape.rank == 2, "x is not [tokens, channels]");
  const int64_t tokens = x.shape.dims[0], channels = x.shape.dims[1];
  expect_type(o.in(1), Type::kF32, "dt");
  expect_shape(o.in(1), x.shape, "dt");
  expect_type(o.in(2), Type::kF32, "a");
  const Shape& a = o.in(2).shape;
  expect(a.rank == 2 && a.dims[1] == channels, "a is not [state, channels]");
  expect(a.dims[0] >= 1 && a.dims[0] <= kMaxScanState, "the state of a channel is not 1 to 256 numbers");
  for (const auto& [place, name] : {std::pair{size_t{3}, "b"}, std::pair{size_t{4}, "c"}}) {
    expect_type(o.in(place), Type::kF32, name);
    const Shape& shape = o.in(place).shape;
    if (shape.rank == 2 && shape.dims[0] == tokens && shape.dims[1] == a.dims[0]) continue;
    throw TypeError(std::string(name) + " is " + shape.to_string() + ", expected [" + std::to_string(tokens) + ", " +
                    std::to_string(a.dims[0]) + "]");
  }
  expect_vector(o.in(5), channels, "d");
  if (o.code.in.size() > 6) {
    expect_type(o.in(6), Type::kF32, "z");
    expect_shape(o.in(6), x.shape, "z");
  }
  expect_type(o.out(), Type::kF32, "out");
  expect_shape(o.out(), x.shape, "out");
  check_state(o, m, a.dims[0] * channels);
}

void run_selective_scan(const Operands& o, Machine& m) {
  const int64_t channels = o.in(0).shape.dims[1], state = o.in(2).shape.dims[0];
  for_channels(m, channels, kScanCost * static_cast<double>(state),
               [&](const SequenceRow& row, int64_t first, int64_t last) {
                 const int64_t at = row.first_token * channels;
                 m.ops->recurrent.selective_scan({
                     .tokens = row.count,
                     .channels = channels,
                     .first = first,
                     .last = last,
                     .state = state,
                     .x = o.in(0).f32() + at,
                     .dt = o.in(1).f32() + at,
                     .a = o.in(2).f32(),
                     .b = o.in(3).f32() + row.first_token * state,
                     .c = o.in(4).f32() + row.first_token * state,
                     .d = o.in(5).f32(),
                     .z = o.code.in.size() > 6 ? o.in(6).f32() + at : nullptr,
                     .from = state_before(m, row, o.code.recurrence),
                     .to = m.states->state(row.state_to, o.code.recurrence),
                     .y = o.out().f32() + at,
                 });
               });
}

}  // namespace aerie
