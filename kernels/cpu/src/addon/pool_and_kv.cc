#include <array>

#include "addon/objects.h"

namespace aerie::addon {
namespace {

KvType read_type(const Napi::Value& value) {
  constexpr std::array<std::pair<const char*, KvType>, 3> kTypes = {
      {{"f32", KvType::kF32}, {"f16", KvType::kF16}, {"int8", KvType::kInt8}}};
  const std::string name = read_string(value, "type");
  for (const auto& [word, type] : kTypes) {
    if (name == word) return type;
  }
  throw TypeError("type is \"" + name.substr(0, 40) + "\", expected f32, f16 or int8");
}

}  // namespace

Napi::Value create_pool(const Napi::CallbackInfo& info) {
  const int threads = static_cast<int>(read_integer(info[0], "threads", 1, ThreadPool::kMaxThreads));
  auto handle = std::make_unique<PoolHandle>();
  handle->pool = std::make_shared<ThreadPool>(threads);
  Napi::Object object = wrap(info.Env(), std::move(handle));
  object.DefineProperty(
      Napi::PropertyDescriptor::Value("threads", Napi::Number::New(info.Env(), threads), napi_enumerable));
  return object;
}

std::shared_ptr<KvStore> open_kv(const Napi::Value& value, const std::string& what) {
  const KvHandle& handle = unwrap<KvHandle>(value, what);
  if (!handle.store) throw TypeError(what + " is closed");
  return handle.store;
}

Napi::Value create_kv(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object options = read_object(info[0], "options");
  constexpr int64_t kMost = int64_t{1} << 40;
  const auto integer = [&](const char* name) { return read_integer(options.Get(name), name, 1, kMost); };
  const KvStore::Options sizes = {
      .layers = integer("layers"),
      .kv_heads = integer("kvHeads"),
      .head_dim = integer("headDim"),
      .block_size = integer("blockSize"),
      .blocks = integer("blocks"),
      .type = read_type(options.Get("type")),
  };
  auto handle = std::make_unique<KvHandle>();
  handle->store = std::make_shared<KvStore>(sizes);
  const double bytes = static_cast<double>(handle->store->bytes());
  const double block_bytes = static_cast<double>(handle->store->block_bytes());
  Napi::Object object = wrap(env, std::move(handle));
  object.DefineProperty(Napi::PropertyDescriptor::Value("bytes", Napi::Number::New(env, bytes), napi_enumerable));
  object.DefineProperty(
      Napi::PropertyDescriptor::Value("blockBytes", Napi::Number::New(env, block_bytes), napi_enumerable));
  define(object, "copyBlock", [](const Napi::CallbackInfo& call) -> Napi::Value {
    const int64_t from = read_integer(call[0], "from", 0, kMost), to = read_integer(call[1], "to", 0, kMost);
    open_kv(call.This(), "this")->copy_block(from, to);
    return call.Env().Undefined();
  });
  define(object, "clear", [](const Napi::CallbackInfo& call) -> Napi::Value {
    open_kv(call.This(), "this")->clear();
    return call.Env().Undefined();
  });
  define(object, "close", [](const Napi::CallbackInfo& call) -> Napi::Value {
    unwrap<KvHandle>(call.This(), "this").store.reset();
    return call.Env().Undefined();
  });
  return object;
}

}  // namespace aerie::addon
