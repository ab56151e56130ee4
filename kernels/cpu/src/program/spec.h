// A program as its author wrote it: numbered values and a straight line of instructions. The words are those of
// models/graph/native/program.ts.
#pragma once

#include <string>
#include <vector>

#include "ops/op_kernels.h"
#include "program/shape.h"

namespace aerie {

enum class Type { kF32, kI32, kQ8 };

enum class Op {
  kQuantise,
  kLinear,
  kLayerNorm,
  kRmsNorm,
  kRope,
  kRopeTable,
  kAttention,
  kKvAttention,
  kUnary,
  kBinary,
  kSoftmax,
  kGatherRows,
  kConcat,
  kSlice,
  kPadEnd,
  kTranspose,
  kExpand,
  kCopy,
  kUnfold,
  kDepthwiseConv2d,
  kCausalConv1d,
  kSelectiveScan,
};
constexpr int kOps = static_cast<int>(Op::kSelectiveScan) + 1;

struct Value {
  std::vector<Dim> shape;
  Type type = Type::kF32;
  int64_t group = 0;
  int slot = -1;
  // Another value whose memory this is; −1: none.
  int same_as = -1;
};

// Attributes of all operations; each reads its own. −1 stands for an operand that is absent.
struct Instruction {
  Op op = Op::kCopy;
  std::vector<int> in;
  int out = -1;

  int linear = -1;
  int bias = -1;
  int multiply = -1;
  int residual = -1;
  int sinks = -1;
  // Of a linear that adapters may add to: its number among them, x as f32 where `in` has it quantised, and the named
  // dimension that its rows are (`Program` looks it up).
  int adapter = -1;
  int floats = -1;
  int adapter_dim = -1;
  Activation activation = Activation::kNone;
  BinaryKind binary = BinaryKind::kAdd;
  float epsilon = 0;
  float weight_offset = 0;
  float scale = 1;
  float soft_cap = 0;
  double magnitude = 1;
  int64_t heads = 0;
  int64_t kv_heads = 0;
  int64_t head_dim = 0;
  int64_t layer = 0;
  int64_t recurrence = 0;
  // 0: none.
  int64_t window = 0;
  int64_t axis = 0;
  int64_t start = 0;
  int64_t end = 0;
  int64_t count = 0;
  int64_t height = 0;
  int64_t width = 0;
  int64_t padding = 0;
  bool interleaved = false;
  std::vector<int> permutation;
  std::vector<double> inverse_frequencies;
};

struct WeightSlot {
  std::string name;
  bool is_linear = false;
  // Of a tensor.
  int value = -1;
};

struct Spec {
  std::string name;
  std::vector<Value> values;
  std::vector<int> inputs;
  std::vector<std::string> input_names;
  std::vector<int> outputs;
  std::vector<std::string> output_names;
  std::vector<WeightSlot> weights;
  int slots = 0;
  std::vector<Instruction> code;
  // Named dimensions in the order of their first use.
  std::vector<std::string> dims;
};

const char* op_name(Op op);

// Whether an operation is done for what it leaves to later runs, also when nothing reads its result.
constexpr bool leaves_something(Op op) {
  return op == Op::kKvAttention || op == Op::kCausalConv1d || op == Op::kSelectiveScan;
}

// Follows `same_as`.
int root_of(const Spec& spec, int value);

// Everything that can be told without a run: numbers in range, every value with exactly one maker, nothing read before
// it is made. Throws TypeError or RangeError that name the instruction.
void check_spec(const Spec& spec);

}  // namespace aerie
