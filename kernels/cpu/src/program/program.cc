#include "program/program.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "error.h"

namespace aerie {
namespace {

constexpr size_t kLine = 64;
// Names stand for different numbers while a program is checked, so that shapes that do not fit differ.
constexpr int64_t kTrial[] = {37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83};
constexpr int64_t kMaxDims = 12;

size_t bytes_of(const Tensor& tensor) {
  if (tensor.type != Type::kQ8) return static_cast<size_t>(tensor.shape.size) * 4;
  if (tensor.shape.size == 0) return 0;
  return quantised_bytes(tensor.shape.rows(), tensor.shape.last(), tensor.group);
}

// Calls `action`; an error says `where()`, which is only called then: a run does this for every instruction.
template <typename Where, typename Action>
void located(Where where, Action action) {
  try {
    action();
  } catch (const TypeError& error) {
    throw TypeError(where() + error.what());
  } catch (const RangeError& error) {
    throw RangeError(where() + error.what());
  }
}

void expect_elements(const std::string& what, const Array& array, const Tensor& tensor) {
  if (array.type != tensor.type) throw TypeError(what + " is not " + (tensor.type == Type::kF32 ? "f32" : "i32"));
  if (array.count == static_cast<size_t>(tensor.shape.size)) return;
  throw TypeError(what + " has " + std::to_string(array.count) + " elements, expected " +
                  std::to_string(tensor.shape.size) + ": " + tensor.shape.to_string());
}

}  // namespace

Program::Program(std::shared_ptr<ThreadPool> pool, Spec spec, std::vector<WeightData> weights, Isa isa)
    : pool_(std::move(pool)), spec_(std::move(spec)), isa_(isa) {
  check_spec(spec_);
  if (spec_.dims.size() > static_cast<size_t>(kMaxDims)) {
    throw TypeError("has " + std::to_string(spec_.dims.size()) + " named dimensions, expected at most " +
                    std::to_string(kMaxDims));
  }
  if (weights.size() != spec_.weights.size()) {
    throw TypeError("has " + std::to_string(spec_.weights.size()) + " weights, " + std::to_string(weights.size()) +
                    " came");
  }
  machine_.pool = pool_.get();
  machine_.ops = &op_kernels(isa);
  machine_.linear = &linear_kernels(isa);
  machine_.linears.resize(weights.size());
  for (const Value& value : spec_.values) {
    Tensor tensor;
    tensor.type = value.type;
    tensor.group = value.group;
    tensors_.push_back(tensor);
  }
  for (const Instruction& code : spec_.code) {
    profile_.push_back({code.op});
    needs_kv_ = needs_kv_ || code.op == Op::kKvAttention;
    needs_states_ = needs_states_ || (leaves_something(code.op) && code.op != Op::kKvAttention);
  }
  for (size_t i = 0; i < weights.size(); ++i) {
    located([&] { return "weight " + spec_.weights[i].name + ": "; }, [&] { bind_weight(i, weights[i]); });
  }
  find_adapter_dims();
  std::vector<int64_t> trial;
  for (size_t i = 0; i < spec_.dims.size(); ++i) trial.push_back(kTrial[i]);
  set_dims(trial);
  check_instructions();
}

void Program::bind_weight(size_t number, const WeightData& weight) {
  if (spec_.weights[number].is_linear) {
    machine_.linears[number] = parse_packed(weight.data, weight.bytes);
    return;
  }
  Tensor& tensor = tensors_[static_cast<size_t>(spec_.weights[number].value)];
  for (const Dim& dim : spec_.values[static_cast<size_t>(spec_.weights[number].value)].shape) {
    expect(dim.names.empty(), "its shape depends on a run");
  }
  tensor.shape = resolve(spec_.values[static_cast<size_t>(spec_.weights[number].value)].shape, {});
  expect_elements("it", {weight.data, weight.bytes / 4, weight.type}, tensor);
  tensor.data = weight.data;
}

// Rows of an adapted linear are one named dimension, so that a run can say which of them have which adapter.
void Program::find_adapter_dims() {
  adapter_dims_.assign(spec_.dims.size(), false);
  for (size_t i = 0; i < spec_.code.size(); ++i) {
    Instruction& code = spec_.code[i];
    if (code.adapter < 0) continue;
    const std::vector<Dim>& shape = spec_.values[static_cast<size_t>(code.in[0])].shape;
    if (shape.size() != 2 || shape[0].factor != 1 || shape[0].names.size() != 1) {
      throw TypeError(where(i) + "x is not [rows, in] with rows of one name, which adapters need");
    }
    code.adapter_dim = shape[0].names[0];
    adapter_dims_[static_cast<size_t>(code.adapter_dim)] = true;
  }
}

std::string Program::where(size_t instruction) const {
  return "instruction " + std::to_string(instruction) + " (" + op_name(spec_.code[instruction].op) + "): ";
}

void Program::set_dims(const std::vector<int64_t>& dims) {
  for (size_t i = 0; i < tensors_.size(); ++i) {
    located([&] { return "value " + std::to_string(i) + ": "; },
            [&] { tensors_[i].shape = resolve(spec_.values[i].shape, dims); });
  }
  for (size_t i = 0; i < tensors_.size(); ++i) {
    const int other = spec_.values[i].same_as;
    if (other < 0 || tensors_[static_cast<size_t>(other)].shape.size == tensors_[i].shape.size) continue;
    throw TypeError("value " + std::to_string(i) + " " + tensors_[i].shape.to_string() + " is the same as value " +
                    std::to_string(other) + " " + tensors_[static_cast<size_t>(other)].shape.to_string() +
                    ", which has another number of elements");
  }
}

void Program::check_instructions() const {
  for (size_t i = 0; i < spec_.code.size(); ++i) {
    const Instruction& code = spec_.code[i];
    located([&] { return where(i); }, [&] { operation_of(code.op).check({code, tensors_}, machine_); });
  }
}

void Program::check_stores() const {
  for (size_t i = 0; i < spec_.code.size(); ++i) {
    const Instruction& code = spec_.code[i];
    if (!leaves_something(code.op)) continue;
    located([&] { return where(i); }, [&] { operation_of(code.op).check({code, tensors_}, machine_); });
  }
}

void Program::lay_out() {
  std::vector<size_t> sizes(static_cast<size_t>(spec_.slots), 0);
  for (size_t i = 0; i < tensors_.size(); ++i) {
    const Value& value = spec_.values[i];
    if (value.slot < 0 || value.same_as >= 0) continue;
    size_t& size = sizes[static_cast<size_t>(value.slot)];
    size = std::max(size, bytes_of(tensors_[i]));
  }
  offsets_.assign(sizes.size(), 0);
  size_t total = 0;
  for (size_t slot = 0; slot < sizes.size(); ++slot) {
    offsets_[slot] = total;
    total += (sizes[slot] + kLine - 1) / kLine * kLine;
  }
  arena_.require(total, "the values of a run");
}

size_t Program::arena_bytes() const {
  size_t bytes = arena_.bytes() + machine_.scratch.bytes();
  for (const RopeAngles& angles : machine_.angles) bytes += angles.memory.bytes();
  return bytes;
}

void Program::set_rows(const RunArguments& arguments) {
  machine_.kv = arguments.kv;
  machine_.states = arguments.states;
  machine_.rows.clear();
  machine_.tokens = 0;
  if (!needs_kv_ && !needs_states_) return;
  if (needs_kv_ && !arguments.kv) throw TypeError("kv is missing");
  if (needs_states_ && !arguments.states) throw TypeError("states is missing");
  if (arguments.rows.size() % 4 != 0) throw TypeError("rows are not four numbers each");
  for (size_t i = 0; i < arguments.rows.size(); i += 4) {
    const std::string what = "row " + std::to_string(i / 4);
    const int64_t first = arguments.rows[i], count = arguments.rows[i + 1], past = arguments.rows[i + 2];
    const int64_t offset = arguments.rows[i + 3];
    if (first != machine_.tokens) {
      throw RangeError(what + " starts at token " + std::to_string(first) + ", expected " +
                       std::to_string(machine_.tokens));
    }
    if (count < 0 || past < 0 || offset < 0) throw RangeError(what + " has a negative number");
    machine_.rows.push_back({first, count, past, nullptr});
    machine_.tokens += count;
    if (!needs_kv_) continue;
    const KvStore::Options& store = arguments.kv->options();
    const int64_t blocks = (past + count + store.block_size - 1) / store.block_size;
    if (offset + blocks > static_cast<int64_t>(arguments.tables.size())) {
      throw RangeError(what + " needs " + std::to_string(blocks) + " blocks from place " + std::to_string(offset) +
                       " on; tables has " + std::to_string(arguments.tables.size()));
    }
    const int32_t* table = arguments.tables.data() + offset;
    for (int64_t block = 0; block < blocks; ++block) {
      if (table[block] >= 0 && table[block] < store.blocks) continue;
      throw RangeError(what + " has block " + std::to_string(table[block]) + ", of which there are " +
                       std::to_string(store.blocks));
    }
    machine_.rows.back().table = table;
  }
  if (needs_states_) set_states(arguments);
}

// No state may change that another row reads or changes as well.
void Program::set_states(const RunArguments& arguments) {
  const int64_t slots = arguments.states->slots();
  if (arguments.state_slots.size() != 2 * machine_.rows.size()) {
    throw TypeError("stateSlots has " + std::to_string(arguments.state_slots.size()) +
                    " numbers, expected two for each of " + std::to_string(machine_.rows.size()) + " rows");
  }
  std::unordered_map<int64_t, size_t> writers;
  for (size_t i = 0; i < machine_.rows.size(); ++i) {
    SequenceRow& row = machine_.rows[i];
    row.state_from = arguments.state_slots[2 * i];
    row.state_to = arguments.state_slots[2 * i + 1];
    if (row.state_from < -1 || row.state_from >= slots || row.state_to < 0 || row.state_to >= slots) {
      throw RangeError("row " + std::to_string(i) + " has state slots " + std::to_string(row.state_from) + " and " +
                       std::to_string(row.state_to) + ", of which there are " + std::to_string(slots));
    }
    if ((row.state_from < 0) != (row.past == 0)) {
      throw RangeError("row " + std::to_string(i) + " has " + std::to_string(row.past) + " positions and " +
                       (row.state_from < 0 ? "no state" : "a state") + " before them");
    }
    if (!writers.emplace(row.state_to, i).second) {
      throw RangeError("row " + std::to_string(i) + " writes state slot " + std::to_string(row.state_to) +
                       " as another one does");
    }
  }
  for (size_t i = 0; i < machine_.rows.size(); ++i) {
    const auto writer = writers.find(machine_.rows[i].state_from);
    if (writer == writers.end() || writer->second == i) continue;
    throw RangeError("row " + std::to_string(i) + " reads state slot " + std::to_string(machine_.rows[i].state_from) +
                     ", which another one writes");
  }
}

void Program::set_adapters(const RunArguments& arguments) {
  machine_.adapters.clear();
  for (const Adapter* adapter : arguments.adapters) {
    machine_.adapters.push_back({adapter, std::vector<RowRange>(spec_.dims.size())});
  }
  if (arguments.adapters.empty()) return;
  for (size_t dim = 0; dim < spec_.dims.size(); ++dim) {
    if (!adapter_dims_[dim]) continue;
    const std::span<const int32_t> rows = arguments.adapter_rows[dim];
    const std::string what = "adapterRows." + spec_.dims[dim];
    if (rows.size() != 2 * arguments.adapters.size()) {
      throw TypeError(what + " has " + std::to_string(rows.size()) + " numbers, expected two for each of " +
                      std::to_string(arguments.adapters.size()) + " adapters");
    }
    int64_t end = 0;
    for (size_t i = 0; i < arguments.adapters.size(); ++i) {
      const int64_t first = rows[2 * i], count = rows[2 * i + 1];
      if (first < end || count < 0 || first + count > arguments.dims[dim]) {
        throw RangeError(what + "[" + std::to_string(i) + "] has " + std::to_string(count) + " rows from " +
                         std::to_string(first) + " on, expected rows from " + std::to_string(end) + " to " +
                         std::to_string(arguments.dims[dim]));
      }
      end = first + count;
      machine_.adapters[i].ranges[dim] = {first, count};
    }
  }
}

void Program::check_adapters() const {
  if (machine_.adapters.empty()) return;
  for (size_t i = 0; i < spec_.code.size(); ++i) {
    const Instruction& code = spec_.code[i];
    if (code.adapter < 0) continue;
    located([&] { return where(i); }, [&] { operation_of(code.op).check({code, tensors_}, machine_); });
  }
}

void Program::set_data(const RunArguments& arguments) {
  const std::byte* const arena = arena_.require(0, "");
  for (size_t i = 0; i < tensors_.size(); ++i) {
    const int slot = spec_.values[i].slot;
    if (slot >= 0) tensors_[i].data = const_cast<std::byte*>(arena) + offsets_[static_cast<size_t>(slot)];
  }
  for (size_t i = 0; i < spec_.inputs.size(); ++i) {
    Tensor& tensor = tensors_[static_cast<size_t>(spec_.inputs[i])];
    expect_elements("input " + spec_.input_names[i], arguments.inputs[i], tensor);
    tensor.data = arguments.inputs[i].data;
  }
  for (size_t i = 0; i < spec_.outputs.size(); ++i) {
    Tensor& tensor = tensors_[static_cast<size_t>(spec_.outputs[i])];
    const Array& output = arguments.outputs[i];
    const bool is_asked = output.data || output.count > 0;
    if (is_asked) expect_elements("output " + spec_.output_names[i], output, tensor);
    if (spec_.values[static_cast<size_t>(spec_.outputs[i])].slot < 0) tensor.data = output.data;
  }
  // Roots come before what is the same as them.
  for (size_t i = 0; i < tensors_.size(); ++i) {
    const int other = spec_.values[i].same_as;
    if (other >= 0) tensors_[i].data = tensors_[static_cast<size_t>(other)].data;
  }
}

std::vector<bool> Program::needed_for(const RunArguments& arguments) const {
  std::vector<bool> is_needed(spec_.code.size(), false);
  std::vector<bool> is_read(tensors_.size(), false);
  for (size_t i = 0; i < spec_.outputs.size(); ++i) {
    if (arguments.outputs[i].data) is_read[static_cast<size_t>(spec_.outputs[i])] = true;
  }
  for (size_t i = spec_.code.size(); i-- > 0;) {
    const Instruction& code = spec_.code[i];
    if (!is_read[static_cast<size_t>(code.out)] && !leaves_something(code.op)) continue;
    is_needed[i] = true;
    const auto read = [&](int value) {
      if (value >= 0) is_read[static_cast<size_t>(root_of(spec_, value))] = true;
    };
    for (const int value : code.in) read(value);
    for (const int value : {code.bias, code.multiply, code.residual, code.sinks, code.floats}) read(value);
  }
  return is_needed;
}

void Program::run(const RunArguments& arguments) {
  set_rows(arguments);
  set_adapters(arguments);
  if (!is_laid_out_ || arguments.dims != dims_) {
    // Until everything has been checked: a run that fails on the way must not leave half of it behind.
    is_laid_out_ = false;
    set_dims(arguments.dims);
    check_instructions();
    lay_out();
    dims_ = arguments.dims;
    is_laid_out_ = true;
  } else {
    if (needs_kv_ || needs_states_) check_stores();
    check_adapters();
  }
  set_data(arguments);
  for (RopeAngles& angles : machine_.angles) angles.is_ready = false;

  const ThreadPool::Session session(*pool_);
  const std::vector<bool> is_needed = needed_for(arguments);
  for (size_t i = 0; i < spec_.code.size(); ++i) {
    if (!is_needed[i]) continue;
    const Instruction& code = spec_.code[i];
    const auto start =
        arguments.is_profiled ? std::chrono::steady_clock::now() : std::chrono::steady_clock::time_point();
    located([&] { return where(i); }, [&] { operation_of(code.op).run({code, tensors_}, machine_); });
    for (size_t output = 0; output < spec_.outputs.size(); ++output) {
      if (spec_.outputs[output] != code.out || !arguments.outputs[output].data) continue;
      const Tensor& made = tensors_[static_cast<size_t>(code.out)];
      if (made.data != arguments.outputs[output].data && made.shape.size > 0) {
        std::memcpy(arguments.outputs[output].data, made.data, bytes_of(made));
      }
    }
    if (arguments.is_profiled) {
      profile_[i].runs += 1;
      profile_[i].nanoseconds +=
          std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - start).count();
    }
  }
}

}  // namespace aerie
