// A checked program with its weights, and the memory that its runs need.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "isa.h"
#include "program/operation.h"
#include "program/spec.h"

namespace aerie {

// Memory of somebody else: `count` elements.
struct Array {
  void* data = nullptr;
  size_t count = 0;
  Type type = Type::kF32;
};

// A weight at the time of a run: f32 or i32 elements, or the bytes of a packed block.
struct WeightData {
  void* data = nullptr;
  size_t bytes = 0;
  Type type = Type::kF32;
};

struct RunArguments {
  // In the order of Spec::dims.
  std::vector<int64_t> dims;
  std::vector<Array> inputs;
  // Null data: not asked for.
  std::vector<Array> outputs;
  KvStore* kv = nullptr;
  // [n, 4]: first token, tokens, length of the past, place in `tables` of the number of the first block.
  std::span<const int32_t> rows;
  std::span<const int32_t> tables;
  StateStore* states = nullptr;
  // [n, 2]: slot of the row's recurrent states before, −1 for none, and behind the run.
  std::span<const int32_t> state_slots;
  std::vector<const Adapter*> adapters;
  // In the order of Spec::dims, of those that rows of adapted linears are: [n, 2], the first row of each adapter and how
  // many it has, in their order and without overlaps.
  std::vector<std::span<const int32_t>> adapter_rows;
  bool is_profiled = false;
};

struct ProfileEntry {
  Op op;
  int64_t runs = 0;
  int64_t nanoseconds = 0;
};

class Program {
 public:
  // Throws TypeError or RangeError for a program or weights that do not fit together. Weights must stay where they are:
  // see `set_weight`.
  Program(std::shared_ptr<ThreadPool> pool, Spec spec, std::vector<WeightData> weights, Isa isa);

  const Spec& spec() const { return spec_; }
  Isa isa() const { return isa_; }
  const std::vector<ProfileEntry>& profile() const { return profile_; }
  // Of values, scratch and tables that runs have needed so far.
  size_t arena_bytes() const;
  // Whether it has instructions that read and write a KV store.
  bool needs_kv() const { return needs_kv_; }
  // By number in Spec::dims: whether rows of linears that adapters may add to are counted by it.
  const std::vector<bool>& adapter_dims() const { return adapter_dims_; }

  // Throws TypeError or RangeError naming what does not fit, OutOfMemory; outputs are then undefined. What a failed run
  // wrote to the KV store lies behind the past of its rows.
  void run(const RunArguments& arguments);

 private:
  void bind_weight(size_t number, const WeightData& weight);
  void set_dims(const std::vector<int64_t>& dims);
  void lay_out();
  void set_rows(const RunArguments& arguments);
  void set_states(const RunArguments& arguments);
  void set_adapters(const RunArguments& arguments);
  void find_adapter_dims();
  void set_data(const RunArguments& arguments);
  void check_instructions() const;
  // What depends on the run's rows and stores as well.
  void check_stores() const;
  void check_adapters() const;
  std::vector<bool> needed_for(const RunArguments& arguments) const;
  std::string where(size_t instruction) const;

  std::shared_ptr<ThreadPool> pool_;
  Spec spec_;
  Isa isa_;
  Machine machine_;
  bool needs_kv_ = false;
  bool needs_states_ = false;
  std::vector<bool> adapter_dims_;
  // Of the last run, for which tensors and arena are laid out.
  std::vector<int64_t> dims_;
  bool is_laid_out_ = false;
  std::vector<Tensor> tensors_;
  Buffer arena_;
  // Of slots, in the arena.
  std::vector<size_t> offsets_;
  std::vector<ProfileEntry> profile_;
};

}  // namespace aerie
