// What the machine can do at most.
#include "limits/limits.h"

#include "addon/objects.h"

namespace aerie::addon {
namespace {

constexpr int64_t kMostMilliseconds = 60000;

}  // namespace

Napi::Value limits(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::shared_ptr<ThreadPool> pool = unwrap<PoolHandle>(info[0], "pool").pool;
  const int64_t milliseconds = read_integer(info[1], "milliseconds", 1, kMostMilliseconds);
  const Isa isa = read_isa(info[2], "isa");
  const MachineLimits measured = measure_limits(isa, *pool, 1e-3 * static_cast<double>(milliseconds));
  Napi::Object result = Napi::Object::New(env);
  const auto set = [&](const char* name, double value) { result.Set(name, Napi::Number::New(env, value)); };
  result.Set("isa", Napi::String::New(env, isa_name(isa)));
  set("threads", pool->threads());
  set("floatOperationsPerSecond", measured.f32_operations);
  set("int8OperationsPerSecond", measured.int8_operations);
  set("int4OperationsPerSecond", measured.int4_operations);
  set("readBytesPerSecond", measured.read_bytes);
  return result;
}

}  // namespace aerie::addon
