#include "ops/element_wise.h"

#include "ops/vector_math.h"

namespace aerie::AERIE_ISA_NS {
namespace {

template <typename Function>
void map(int64_t count, const float* x, float* y, Function function) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(y + i, function(load(x + i)));
  if (i < count) store_first(y + i, function(load_first(x + i, count - i)), count - i);
}

template <typename Function>
void zip(int64_t count, const float* a, int a_step, const float* b, int b_step, float* y, Function function) {
  const F first_a = splat(count > 0 ? *a : 0), first_b = splat(count > 0 ? *b : 0);
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    store(y + i, function(a_step ? load(a + i) : first_a, b_step ? load(b + i) : first_b));
  }
  if (i < count) {
    const int64_t rest = count - i;
    store_first(y + i, function(a_step ? load_first(a + i, rest) : first_a, b_step ? load_first(b + i, rest) : first_b),
                rest);
  }
}

}  // namespace

void unary(Activation kind, int64_t count, const float* x, float* y) {
  switch (kind) {
    case Activation::kNone:
      return map(count, x, y, [](F v) { return v; });
    case Activation::kSilu:
      return map(count, x, y, [](F v) { return silu(v); });
    case Activation::kRelu:
      return map(count, x, y, [](F v) { return relu(v); });
    case Activation::kRelu2:
      return map(count, x, y, [](F v) { return relu2(v); });
    case Activation::kGeluErf:
      return map(count, x, y, [](F v) { return gelu_erf(v); });
    case Activation::kGeluTanh:
      return map(count, x, y, [](F v) { return gelu_tanh(v); });
    case Activation::kGeluQuick:
      return map(count, x, y, [](F v) { return gelu_quick(v); });
  }
}

void binary(BinaryKind kind, int64_t count, const float* a, int a_step, const float* b, int b_step, float* y) {
  switch (kind) {
    case BinaryKind::kAdd:
      return zip(count, a, a_step, b, b_step, y, [](F u, F v) { return u + v; });
    case BinaryKind::kSub:
      return zip(count, a, a_step, b, b_step, y, [](F u, F v) { return u - v; });
    case BinaryKind::kMul:
      return zip(count, a, a_step, b, b_step, y, [](F u, F v) { return u * v; });
    case BinaryKind::kDiv:
      return zip(count, a, a_step, b, b_step, y, [](F u, F v) { return u / v; });
  }
}

}  // namespace aerie::AERIE_ISA_NS
