#include <cstring>
#include <optional>

#include "addon/objects.h"
#include "addon/packed_block.h"
#include "addon/spec_reader.h"
#include "memory.h"

namespace aerie::addon {
namespace {

// Tensors up to this size are copied, so that a run need not look whether they are still there.
constexpr size_t kCopied = 64 << 10;
// Of one run.
constexpr size_t kMostAdapters = 1 << 16;

std::string name_of(size_t weight) { return "weights[" + std::to_string(weight) + "]"; }

Type element_type(const Memory& memory, const std::string& what) {
  if (memory.type == napi_float32_array) return Type::kF32;
  if (memory.type == napi_int32_array) return Type::kI32;
  throw TypeError(what + " is neither a Float32Array nor an Int32Array");
}

WeightData lend(ProgramHandle& handle, uint32_t i, const Napi::Value& value, const Memory& memory, Type type) {
  prefer_large_pages(memory.data, memory.bytes);
  handle.lent.push_back({i, memory.data, memory.bytes, Napi::Persistent(value.As<Napi::Object>())});
  return {memory.data, memory.bytes, type};
}

WeightData take_linear(ProgramHandle& handle, uint32_t i, const Napi::Value& value, const PackedBlock& block) {
  const Memory memory = block.memory();
  if (!block.file()) return lend(handle, i, value, memory, Type::kF32);
  block.fetch();
  if (!block.file()->is_read_in_place()) {
    const Pages& copy = handle.blocks.emplace_back(memory.bytes, "a weight", false);
    std::memcpy(copy.data(), memory.data, memory.bytes);
    return {copy.data(), memory.bytes, Type::kF32};
  }
  handle.files.push_back(block.file());
  return {memory.data, memory.bytes, Type::kF32};
}

WeightData take_tensor(ProgramHandle& handle, uint32_t i, const Napi::Value& value) {
  const std::string what = name_of(i);
  const Memory memory = read_memory(value, what);
  const Type type = element_type(memory, what);
  if (memory.bytes > kCopied) return lend(handle, i, value, memory, type);
  std::vector<std::byte>& copy = handle.copies.emplace_back(memory.bytes);
  if (memory.bytes > 0) std::memcpy(copy.data(), memory.data, memory.bytes);
  return {copy.data(), memory.bytes, type};
}

// Weights that are read in place must lie where they did: their buffers may have been transferred or resized.
void check_lent(const ProgramHandle& handle) {
  for (const ProgramHandle::Lent& lent : handle.lent) {
    const Memory memory = read_memory(lent.array.Value(), "weight");
    if (memory.data != lent.data || memory.bytes != lent.bytes) {
      throw TypeError(name_of(lent.index) + " has been detached or resized");
    }
  }
}

struct RunValues {
  std::vector<int64_t> dims;
  std::vector<Napi::Value> inputs;
  std::vector<Napi::Value> outputs;
  Napi::Value kv;
  Napi::Value rows;
  Napi::Value tables;
  Napi::Value states;
  Napi::Value state_slots;
  std::vector<Napi::Value> adapters;
  // In the order of Spec::dims; absent of those that adapters are not told by.
  std::vector<Napi::Value> adapter_rows;
  bool is_profiled = false;
};

RunValues read_run(const Napi::Value& value, const Program& program) {
  const Spec& spec = program.spec();
  RunValues run;
  const Napi::Object options = read_object(value, "run");
  const Napi::Object dims = read_object(options.Get("dims"), "dims");
  for (const std::string& name : spec.dims) {
    run.dims.push_back(read_integer(dims.Get(name), "dims." + name, 0, kMaxElements));
  }
  const auto list = [&](const char* name, size_t count) {
    std::vector<Napi::Value> values = read_list(options.Get(name), name, count);
    if (values.size() == count) return values;
    throw TypeError(std::string(name) + " has " + std::to_string(values.size()) + " elements, expected " +
                    std::to_string(count));
  };
  run.inputs = list("inputs", spec.inputs.size());
  run.outputs = list("outputs", spec.outputs.size());
  run.kv = options.Get("kv");
  run.rows = options.Get("rows");
  run.tables = options.Get("tables");
  run.states = options.Get("states");
  run.state_slots = options.Get("stateSlots");
  run.adapter_rows.resize(spec.dims.size());
  const Napi::Value adapters = options.Get("adapters");
  if (!is_absent(adapters)) {
    run.adapters = read_list(adapters, "adapters", kMostAdapters);
    const Napi::Object rows = read_object(options.Get("adapterRows"), "adapterRows");
    for (size_t i = 0; i < spec.dims.size(); ++i) {
      if (program.adapter_dims()[i]) run.adapter_rows[i] = rows.Get(spec.dims[i]);
    }
  }
  run.is_profiled = options.Get("profile").ToBoolean().Value();
  return run;
}

std::span<const int32_t> read_numbers(const Napi::Value& value, const char* what) {
  if (is_absent(value)) return {};
  return read_memory(value, what, napi_int32_array).as<const int32_t>();
}

Napi::Value run_program(const Napi::CallbackInfo& info) {
  ProgramHandle& handle = unwrap<ProgramHandle>(info.This(), "this");
  if (!handle.program) throw TypeError("the program is closed");
  // A getter may close it on the way.
  const std::shared_ptr<Program> program = handle.program;
  const Spec& spec = program->spec();
  const RunValues values = read_run(info[0], *program);
  std::shared_ptr<KvStore> kv;
  if (!is_absent(values.kv)) kv = open_kv(values.kv, "kv");
  std::shared_ptr<StateStore> states;
  if (!is_absent(values.states)) states = open_states(values.states, "states");
  if (!handle.program) throw TypeError("the program is closed");

  // From here on no JavaScript runs: memory stays where it is.
  check_lent(handle);
  RunArguments run;
  run.dims = values.dims;
  for (size_t i = 0; i < values.inputs.size(); ++i) {
    const std::string what = "input " + spec.input_names[i];
    const Memory memory = read_memory(values.inputs[i], what);
    run.inputs.push_back({memory.data, memory.count, element_type(memory, what)});
  }
  for (size_t i = 0; i < values.outputs.size(); ++i) {
    if (is_absent(values.outputs[i])) {
      run.outputs.push_back({});
      continue;
    }
    const Memory memory = read_memory(values.outputs[i], "output " + spec.output_names[i], napi_float32_array);
    run.outputs.push_back({memory.data, memory.count, Type::kF32});
  }
  run.kv = kv.get();
  run.rows = read_numbers(values.rows, "rows");
  run.tables = read_numbers(values.tables, "tables");
  run.states = states.get();
  run.state_slots = read_numbers(values.state_slots, "stateSlots");
  run.is_profiled = values.is_profiled;
  std::vector<std::shared_ptr<const Adapter>> adapters;
  for (size_t i = 0; i < values.adapters.size(); ++i) {
    adapters.push_back(open_adapter(values.adapters[i], "adapters[" + std::to_string(i) + "]"));
    run.adapters.push_back(adapters.back().get());
  }
  for (size_t i = 0; i < spec.dims.size(); ++i) {
    run.adapter_rows.push_back(read_numbers(values.adapter_rows[i], "adapterRows"));
  }
  program->run(run);
  return info.Env().Undefined();
}

Napi::Value profile_of(const Napi::CallbackInfo& info) {
  const ProgramHandle& handle = unwrap<ProgramHandle>(info.This(), "this");
  if (!handle.program) throw TypeError("the program is closed");
  Napi::Array entries = Napi::Array::New(info.Env());
  for (const ProfileEntry& entry : handle.program->profile()) {
    Napi::Object object = Napi::Object::New(info.Env());
    object.Set("op", op_name(entry.op));
    object.Set("runs", static_cast<double>(entry.runs));
    object.Set("milliseconds", static_cast<double>(entry.nanoseconds) / 1e6);
    entries.Set(entries.Length(), object);
  }
  return entries;
}

}  // namespace

Napi::Value create_program(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::shared_ptr<ThreadPool> pool = unwrap<PoolHandle>(info[0], "pool").pool;
  Spec spec = read_spec(info[1]);
  const std::vector<Napi::Value> values = read_list(info[2], "weights", spec.weights.size());
  const Isa isa = read_isa(info[3], "isa");
  if (values.size() != spec.weights.size()) {
    throw TypeError("weights has " + std::to_string(values.size()) + " elements, expected " +
                    std::to_string(spec.weights.size()));
  }
  auto handle = std::make_unique<ProgramHandle>();
  std::vector<WeightData> weights;
  handle->copies.reserve(values.size());
  // All of JavaScript first: a getter may move the memory of what was read before it.
  std::vector<std::optional<PackedBlock>> blocks(values.size());
  for (uint32_t i = 0; i < values.size(); ++i) {
    if (spec.weights[i].is_linear) blocks[i].emplace(values[i], name_of(i));
  }
  for (uint32_t i = 0; i < values.size(); ++i) {
    weights.push_back(blocks[i] ? take_linear(*handle, i, values[i], *blocks[i]) : take_tensor(*handle, i, values[i]));
  }
  const std::string name = spec.name;
  try {
    handle->program = std::make_shared<Program>(pool, std::move(spec), std::move(weights), isa);
  } catch (const TypeError& error) {
    throw TypeError("program " + name + ": " + error.what());
  } catch (const RangeError& error) {
    throw RangeError("program " + name + ": " + error.what());
  }
  Napi::Object object = wrap(env, std::move(handle));
  object.DefineProperty(Napi::PropertyDescriptor::Value("isa", Napi::String::New(env, isa_name(isa)), napi_enumerable));
  define(object, "run", run_program);
  define(object, "profile", profile_of);
  define(object, "arenaBytes", [](const Napi::CallbackInfo& call) -> Napi::Value {
    const ProgramHandle& program = unwrap<ProgramHandle>(call.This(), "this");
    return Napi::Number::New(call.Env(), program.program ? static_cast<double>(program.program->arena_bytes()) : 0);
  });
  define(object, "close", [](const Napi::CallbackInfo& call) -> Napi::Value {
    ProgramHandle& program = unwrap<ProgramHandle>(call.This(), "this");
    program.program.reset();
    program.lent.clear();
    program.copies.clear();
    program.files.clear();
    program.blocks.clear();
    return call.Env().Undefined();
  });
  return object;
}

}  // namespace aerie::addon
