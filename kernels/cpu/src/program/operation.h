// What an operation needs to be checked and run; the table has one entry for each.
#pragma once

#include <span>
#include <vector>

#include "kv_store.h"
#include "linear/adapters.h"
#include "linear/linear.h"
#include "memory.h"
#include "ops/op_kernels.h"
#include "program/spec.h"
#include "state_store.h"
#include "thread_pool.h"

namespace aerie {

struct Tensor {
  Shape shape;
  Type type = Type::kF32;
  int64_t group = 0;
  void* data = nullptr;

  float* f32() const { return static_cast<float*>(data); }
  int32_t* i32() const { return static_cast<int32_t*>(data); }
};

// Some positions of one sequence that a run computes.
struct SequenceRow {
  int64_t first_token;
  int64_t count;
  int64_t past;
  const int32_t* table;
  // Slots of its recurrent states before the run, −1 at its start, and behind it.
  int64_t state_from = -1;
  int64_t state_to = 0;
};

// The matrices of one adapter, by the number of the linear that each pair belongs to.
struct Adapter {
  std::vector<AdapterPair> pairs;

  // Null where it leaves that linear as it is.
  const AdapterPair* find(int linear) const {
    const size_t i = static_cast<size_t>(linear);
    return i < pairs.size() && pairs[i].down.values != nullptr ? &pairs[i] : nullptr;
  }
};

struct RowRange {
  int64_t first = 0;
  int64_t count = 0;
};

// An adapter in a run, and the rows that have it, by named dimension.
struct AdapterInRun {
  const Adapter* adapter = nullptr;
  std::vector<RowRange> ranges;
};

// Cosines and sines of a run's positions, made once for all that rotate alike.
struct RopeAngles {
  int positions;
  std::vector<double> inverse_frequencies;
  double magnitude;
  bool is_ready = false;
  Buffer memory;  // cos [rows, pairs], then sin
};

// What instructions share in a run.
struct Machine {
  ThreadPool* pool = nullptr;
  const OpKernels* ops = nullptr;
  const LinearKernels* linear = nullptr;
  // By number of the weight; only those of linears are set.
  std::vector<PackedLinear> linears;
  Buffer scratch;
  std::vector<RopeAngles> angles;

  KvStore* kv = nullptr;
  StateStore* states = nullptr;
  int64_t tokens = 0;
  std::vector<SequenceRow> rows;
  std::vector<AdapterInRun> adapters;
};

// An instruction with its tensors.
struct Operands {
  const Instruction& code;
  const std::vector<Tensor>& tensors;

  const Tensor& in(size_t i) const { return tensors[static_cast<size_t>(code.in[i])]; }
  const Tensor& out() const { return tensors[static_cast<size_t>(code.out)]; }
  // Null for −1.
  const Tensor* optional(int place) const { return place < 0 ? nullptr : &tensors[static_cast<size_t>(place)]; }
};

struct Operation {
  const char* name;
  size_t least_inputs;
  size_t most_inputs;
  // Throws TypeError unless types, shapes and attributes fit; after that `run` stays within its tensors.
  void (*check)(const Operands&, const Machine&);
  // Throws RangeError for what only values can show.
  void (*run)(const Operands&, Machine&);
};

const Operation& operation_of(Op op);

// Throws TypeError with `message` unless `holds`.
void expect(bool holds, const char* message);
void expect_type(const Tensor& tensor, Type type, const char* name);
void expect_shape(const Tensor& tensor, const Shape& shape, const char* name);
// f32 [width]
void expect_vector(const Tensor& tensor, int64_t width, const char* name);

// Calls fn(begin, end) for ranges that cover 0 … count − 1: on the pool if `cost`, about nanoseconds for each, makes
// that worth while.
template <typename F>
void split(ThreadPool& pool, int64_t count, double cost, F&& fn) {
  constexpr double kWorthATask = 8000;
  const double all = static_cast<double>(count) * cost;
  int64_t tasks = all < 2 * kWorthATask ? 1 : static_cast<int64_t>(all / kWorthATask);
  if (tasks > 4 * pool.threads()) tasks = 4 * pool.threads();
  if (tasks > count) tasks = count;
  if (tasks <= 1 || pool.threads() == 1) {
    if (count > 0) fn(int64_t{0}, count);
    return;
  }
  pool.run(tasks, [&](int64_t task) { fn(count * task / tasks, count * (task + 1) / tasks); });
}

// The operations themselves, by file.
void check_quantise(const Operands&, const Machine&);
void run_quantise(const Operands&, Machine&);
void check_linear(const Operands&, const Machine&);
void run_linear(const Operands&, Machine&);

void check_layer_norm(const Operands&, const Machine&);
void run_layer_norm(const Operands&, Machine&);
void check_rms_norm(const Operands&, const Machine&);
void run_rms_norm(const Operands&, Machine&);
void check_softmax(const Operands&, const Machine&);
void run_softmax(const Operands&, Machine&);

void check_rope(const Operands&, const Machine&);
void run_rope(const Operands&, Machine&);
void check_rope_table(const Operands&, const Machine&);
void run_rope_table(const Operands&, Machine&);

void check_unary(const Operands&, const Machine&);
void run_unary(const Operands&, Machine&);
void check_binary(const Operands&, const Machine&);
void run_binary(const Operands&, Machine&);

void check_attention(const Operands&, const Machine&);
void run_attention(const Operands&, Machine&);
void check_kv_attention(const Operands&, const Machine&);
void run_kv_attention(const Operands&, Machine&);

void check_gather_rows(const Operands&, const Machine&);
void run_gather_rows(const Operands&, Machine&);
void check_concat(const Operands&, const Machine&);
void run_concat(const Operands&, Machine&);
void check_slice(const Operands&, const Machine&);
void run_slice(const Operands&, Machine&);
void check_pad_end(const Operands&, const Machine&);
void run_pad_end(const Operands&, Machine&);
void check_transpose(const Operands&, const Machine&);
void run_transpose(const Operands&, Machine&);
void check_expand(const Operands&, const Machine&);
void run_expand(const Operands&, Machine&);
void check_copy(const Operands&, const Machine&);
void run_copy(const Operands&, Machine&);
void check_unfold(const Operands&, const Machine&);
void run_unfold(const Operands&, Machine&);

void check_depthwise_conv(const Operands&, const Machine&);
void run_depthwise_conv(const Operands&, Machine&);

void check_causal_conv(const Operands&, const Machine&);
void run_causal_conv(const Operands&, Machine&);
void check_selective_scan(const Operands&, const Machine&);
void run_selective_scan(const Operands&, Machine&);

}  // namespace aerie
