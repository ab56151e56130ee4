#include "program/operation.h"

#include "error.h"

namespace aerie {
namespace {

constexpr size_t kMany = 4096;

// In the order of `Op`.
constexpr Operation kOperations[kOps] = {
    {"quantise", 1, 1, check_quantise, run_quantise},
    {"linear", 1, 1, check_linear, run_linear},
    {"layerNorm", 3, 3, check_layer_norm, run_layer_norm},
    {"rmsNorm", 2, 2, check_rms_norm, run_rms_norm},
    {"rope", 2, 2, check_rope, run_rope},
    {"ropeTable", 3, 3, check_rope_table, run_rope_table},
    {"attention", 3, 3, check_attention, run_attention},
    {"kvAttention", 3, 4, check_kv_attention, run_kv_attention},
    {"unary", 1, 1, check_unary, run_unary},
    {"binary", 2, 2, check_binary, run_binary},
    {"softmax", 1, 1, check_softmax, run_softmax},
    {"gatherRows", 2, 2, check_gather_rows, run_gather_rows},
    {"concat", 1, kMany, check_concat, run_concat},
    {"slice", 1, 1, check_slice, run_slice},
    {"padEnd", 1, 1, check_pad_end, run_pad_end},
    {"transpose", 1, 1, check_transpose, run_transpose},
    {"expand", 1, 2, check_expand, run_expand},
    {"copy", 1, 1, check_copy, run_copy},
    {"unfold", 1, 1, check_unfold, run_unfold},
    {"depthwiseConv2d", 2, 3, check_depthwise_conv, run_depthwise_conv},
    {"causalConv1d", 2, 3, check_causal_conv, run_causal_conv},
    {"selectiveScan", 6, 7, check_selective_scan, run_selective_scan},
};

const char* type_name(Type type) {
  switch (type) {
    case Type::kF32:
      return "f32";
    case Type::kI32:
      return "i32";
    case Type::kQ8:
      return "q8";
  }
  return "f32";
}

}  // namespace

const Operation& operation_of(Op op) { return kOperations[static_cast<int>(op)]; }

const char* op_name(Op op) { return operation_of(op).name; }

void expect(bool holds, const char* message) {
  if (!holds) throw TypeError(message);
}

void expect_type(const Tensor& tensor, Type type, const char* name) {
  if (tensor.type == type) return;
  throw TypeError(std::string(name) + " is " + type_name(tensor.type) + ", expected " + type_name(type));
}

void expect_shape(const Tensor& tensor, const Shape& shape, const char* name) {
  if (tensor.shape == shape) return;
  throw TypeError(std::string(name) + " is " + tensor.shape.to_string() + ", expected " + shape.to_string());
}

void expect_vector(const Tensor& tensor, int64_t width, const char* name) {
  expect_type(tensor, Type::kF32, name);
  if (tensor.shape.rank == 1 && tensor.shape.size == width) return;
  throw TypeError(std::string(name) + " is " + tensor.shape.to_string() + ", expected [" + std::to_string(width) + "]");
}

}  // namespace aerie
