// Packing weights, and single products for tests.
#include <array>

#include "addon/objects.h"
#include "addon/packed_block.h"
#include "linear/linear.h"
#include "linear/pack.h"
#include "linear/sparse24.h"

namespace aerie::addon {
namespace {

constexpr int64_t kLine = 64;
constexpr int64_t kMostBytes = int64_t{1} << 40;
constexpr int64_t kMostRows = int64_t{1} << 24;

Napi::Value get(const Napi::Object& object, const char* name) { return object.Get(name); }

// A new typed array of `name`'s kind. By JavaScript's constructor, which throws where Node-API would end the process.
Napi::Object new_array(Napi::Env env, const char* name, int64_t count) {
  const Napi::Value constructor = env.Global().Get(name);
  if (!constructor.IsFunction()) throw TypeError(std::string(name) + " is not the one of the language");
  return constructor.As<Napi::Function>().New({Napi::Number::New(env, static_cast<double>(count))});
}

Memory memory_of(const Napi::Value& value, const char* what, napi_typedarray_type type, int64_t count) {
  const Memory memory = read_memory(value, what, type);
  if (memory.count == static_cast<size_t>(count)) return memory;
  throw TypeError(std::string(what) + " has " + std::to_string(memory.count) + " elements, expected " +
                  std::to_string(count));
}

// The JavaScript values of a weight, read before any memory is looked at.
struct SourceValues {
  LinearSource source;
  Napi::Value values;
  Napi::Value scales;
  Napi::Value zero_points;
  Napi::Value down;
  Napi::Value up;
};

SourceValues read_source(const Napi::Value& value) {
  const Napi::Object weight = read_object(value, "weight");
  SourceValues read;
  const std::vector<Napi::Value> shape = read_list(get(weight, "shape"), "weight.shape", 2);
  if (shape.size() != 2) throw TypeError("weight.shape is not [out, in]");
  read.source.out = read_integer(shape[0], "weight.shape[0]", 1, kMaxOut);
  read.source.in = read_integer(shape[1], "weight.shape[1]", 1, kMaxIn);
  read.values = get(weight, "values");
  const Napi::Value type = get(weight, "type");
  if (!is_absent(type)) {
    constexpr std::array<std::pair<const char*, LinearKind>, 3> kTypes = {
        {{"f32", LinearKind::kF32}, {"f16", LinearKind::kF16}, {"bf16", LinearKind::kBf16}}};
    const std::string name = read_string(type, "weight.type");
    for (const auto& [word, kind] : kTypes) {
      if (name != word) continue;
      read.source.kind = kind;
      return read;
    }
    read.source.blocks = find_block_type(name);
    if (read.source.blocks != nullptr) return read;
    throw TypeError("weight.type is \"" + name.substr(0, 40) + "\", expected f32, f16, bf16 or a type of GGUF blocks");
  }
  const int64_t bits = read_integer(get(weight, "bits"), "weight.bits", 4, 8);
  if (bits != 4 && bits != 8) throw RangeError("weight.bits is " + std::to_string(bits) + ", expected 4 or 8");
  read.source.kind = bits == 4 ? LinearKind::kInt4 : LinearKind::kInt8;
  read.source.group = read_integer(get(weight, "group"), "weight.group", 1, kMaxIn);
  const Napi::Value is_signed = get(weight, "isSigned");
  if (!is_signed.IsBoolean()) throw TypeError("weight.isSigned is " + describe(is_signed) + ", expected a boolean");
  read.source.is_signed = is_signed.As<Napi::Boolean>().Value();
  read.scales = get(weight, "scales");
  read.zero_points = get(weight, "zeroPoints");
  const Napi::Value low_rank = get(weight, "lowRank");
  if (is_absent(low_rank)) return read;
  const Napi::Object parts = read_object(low_rank, "weight.lowRank");
  read.source.rank = read_integer(get(parts, "rank"), "weight.lowRank.rank", 1, kMaxRank);
  read.down = get(parts, "down");
  read.up = get(parts, "up");
  return read;
}

LinearSource source_of(const SourceValues& read) {
  LinearSource source = read.source;
  const auto floats = [](const Napi::Value& value, const char* what) {
    return read_memory(value, what, napi_float32_array).as<const float>();
  };
  source.values = read_memory(read.values, "weight.values", napi_uint8_array).as<const uint8_t>();
  if (is_dense(source.kind)) return source;
  source.scales = floats(read.scales, "weight.scales");
  if (!is_absent(read.zero_points)) {
    source.zero_points = read_memory(read.zero_points, "weight.zeroPoints", napi_uint8_array).as<const uint8_t>();
    if (source.zero_points.empty()) throw TypeError("weight.zeroPoints is empty");
  }
  if (source.rank > 0) {
    source.down = floats(read.down, "weight.lowRank.down");
    source.up = floats(read.up, "weight.lowRank.up");
  }
  return source;
}

// `bytes` of a new ArrayBuffer, from an address that is a multiple of 64 on.
Napi::Value aligned_bytes(Napi::Env env, int64_t bytes) {
  const Napi::Object whole = new_array(env, "Uint8Array", bytes + kLine - 1);
  const Memory memory = memory_of(whole, "Uint8Array", napi_uint8_array, bytes + kLine - 1);
  const int64_t skip = (kLine - static_cast<int64_t>(reinterpret_cast<uintptr_t>(memory.data) % kLine)) % kLine;
  napi_value view;
  const Napi::Value buffer = whole.As<Napi::Uint8Array>().ArrayBuffer();
  if (napi_create_typedarray(env, napi_uint8_array, static_cast<size_t>(bytes), buffer, static_cast<size_t>(skip),
                             &view) != napi_ok) {
    throw Napi::Error::New(env);
  }
  return Napi::Value(env, view);
}

bool read_sparse24(const Napi::Value& value) {
  if (is_absent(value)) return false;
  const Napi::Value sparse24 = get(read_object(value, "options"), "sparse24");
  if (is_absent(sparse24)) return false;
  if (!sparse24.IsBoolean()) throw TypeError("options.sparse24 is " + describe(sparse24) + ", expected a boolean");
  return sparse24.As<Napi::Boolean>().Value();
}

void require_sparse24(ThreadPool& pool, const LinearSource& source) {
  const std::optional<QuadPlace> place = first_dense_quad(pool, source);
  if (!place) return;
  const int64_t start = place->quad * 4;
  throw RangeError("options.sparse24: row " + std::to_string(place->row) +
                   " has more than two values that are not zero in inputs " + std::to_string(start) + " … " +
                   std::to_string(start + 3));
}

}  // namespace

Napi::Value is_sparse24(const Napi::CallbackInfo& info) {
  const std::shared_ptr<ThreadPool> pool = unwrap<PoolHandle>(info[0], "pool").pool;
  const LinearSource source = source_of(read_source(info[1]));
  check_source(source);
  const bool found = source.blocks == nullptr && !first_dense_quad(*pool, source);
  return Napi::Boolean::New(info.Env(), found);
}

Napi::Value pack_weight(const Napi::CallbackInfo& info) {
  const std::shared_ptr<ThreadPool> pool = unwrap<PoolHandle>(info[0], "pool").pool;
  SourceValues values = read_source(info[1]);
  values.source.sparse24 = read_sparse24(info[2]);
  const PackedHeader header = plan_packed(source_of(values));
  const Napi::Value block = aligned_bytes(info.Env(), static_cast<int64_t>(header.bytes));
  // Once more: making the block may have run JavaScript.
  const LinearSource source = source_of(values);
  const PackedHeader again = plan_packed(source);
  if (source.sparse24) require_sparse24(*pool, source);
  const Memory memory = read_memory(block, "the block", napi_uint8_array);
  if (again.bytes != header.bytes || memory.bytes != header.bytes)
    throw TypeError("weight changed while it was packed");
  // The language's own Uint8Array makes none, another one may.
  if (reinterpret_cast<uintptr_t>(memory.data) % kLine != 0) {
    throw TypeError("the block is at no multiple of 64 bytes");
  }
  pack_linear(*pool, source, again, memory.data);
  return block;
}

Napi::Value allocate(const Napi::CallbackInfo& info) {
  return aligned_bytes(info.Env(), read_integer(info[0], "bytes", 0, kMostBytes));
}

Napi::Value quantise(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::shared_ptr<ThreadPool> pool = unwrap<PoolHandle>(info[0], "pool").pool;
  const int64_t rows = read_integer(info[2], "rows", 0, kMostRows);
  const int64_t in = read_integer(info[3], "in", 1, kMaxIn);
  const int64_t group = read_integer(info[4], "group", 0, in);
  if (group > 0 && in % group != 0) throw RangeError("group does not divide in");
  const Isa isa = read_isa(info[5], "isa");
  const Napi::Object values = new_array(env, "Int8Array", rows * in);
  const int64_t groups = group > 0 ? in / group : 1;
  const Napi::Object scales = new_array(env, "Float32Array", rows * groups);
  const Napi::Object sums = new_array(env, "Int32Array", rows * groups);
  Napi::Object result = Napi::Object::New(env);
  result.Set("values", values);
  result.Set("scales", scales);
  result.Set("sums", sums);

  const Memory x = memory_of(info[1], "x", napi_float32_array, rows * in);
  const Memory v = memory_of(values, "values", napi_int8_array, rows * in);
  const Memory s = memory_of(scales, "scales", napi_float32_array, rows * groups);
  const Memory t = memory_of(sums, "sums", napi_int32_array, rows * groups);
  if (rows == 0) return result;
  Buffer buffer;
  const QuantisedView view = quantised_view(buffer.require(quantised_bytes(rows, in, group), "rows"), rows, in, group);
  quantise_rows(linear_kernels(isa), *pool, static_cast<const float*>(x.data), in, view);
  for (int64_t row = 0; row < rows; ++row) {
    std::copy_n(view.values + row * view.stride, in, static_cast<int8_t*>(v.data) + row * in);
  }
  std::copy_n(view.scales, rows * groups, static_cast<float*>(s.data));
  std::copy_n(view.sums, rows * groups, static_cast<int32_t*>(t.data));
  return result;
}

Napi::Value multiply(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::shared_ptr<ThreadPool> pool = unwrap<PoolHandle>(info[0], "pool").pool;
  const int64_t rows = read_integer(info[3], "rows", 0, kMostRows);
  const Isa isa = read_isa(info[4], "isa");
  const PackedBlock packed(info[1], "block");
  const Memory shape_of = packed.memory();
  const int64_t out = parse_packed(shape_of.data, shape_of.bytes).out;
  const Napi::Object result = new_array(env, "Float32Array", rows * out);

  const Memory block = packed.memory();
  const PackedLinear weight = parse_packed(block.data, block.bytes);
  const Memory y = memory_of(result, "the result", napi_float32_array, rows * weight.out);
  const Memory x = memory_of(info[2], "x", napi_float32_array, rows * weight.in);
  if (rows == 0) return result;
  Buffer quantised, workspace;
  QuantisedView view;
  LinearInput input = {.x = static_cast<const float*>(x.data), .stride = weight.in};
  if (weight.takes_quantised()) {
    const size_t bytes = quantised_bytes(rows, weight.in, weight.group);
    view = quantised_view(quantised.require(bytes, "rows"), rows, weight.in, weight.group);
    quantise_rows(linear_kernels(isa), *pool, input.x, weight.in, view);
    input = {.quantised = &view};
  }
  linear(linear_kernels(isa), *pool, weight, input, rows, static_cast<float*>(y.data), weight.out, {},
         workspace.require(linear_workspace(weight, rows), "a workspace"));
  return result;
}

}  // namespace aerie::addon
