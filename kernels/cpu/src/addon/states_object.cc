#include "addon/objects.h"

namespace aerie::addon {

std::shared_ptr<StateStore> open_states(const Napi::Value& value, const std::string& what) {
  const StatesHandle& handle = unwrap<StatesHandle>(value, what);
  if (!handle.store) throw TypeError(what + " is closed");
  return handle.store;
}

Napi::Value create_states(const Napi::CallbackInfo& info) {
  constexpr size_t kMostSizes = 4096;
  constexpr int64_t kMost = int64_t{1} << 40;
  const Napi::Env env = info.Env();
  const Napi::Object options = read_object(info[0], "options");
  StateStore::Options sizes;
  for (const Napi::Value& size : read_list(options.Get("sizes"), "sizes", kMostSizes)) {
    sizes.sizes.push_back(read_integer(size, "sizes", 1, kMost));
  }
  sizes.slots = read_integer(options.Get("slots"), "slots", 1, kMost);
  auto handle = std::make_unique<StatesHandle>();
  handle->store = std::make_shared<StateStore>(std::move(sizes));
  const double bytes = static_cast<double>(handle->store->bytes());
  const double slot_bytes = static_cast<double>(handle->store->slot_bytes());
  Napi::Object object = wrap(env, std::move(handle));
  object.DefineProperty(Napi::PropertyDescriptor::Value("bytes", Napi::Number::New(env, bytes), napi_enumerable));
  object.DefineProperty(
      Napi::PropertyDescriptor::Value("slotBytes", Napi::Number::New(env, slot_bytes), napi_enumerable));
  define(object, "clear", [](const Napi::CallbackInfo& call) -> Napi::Value {
    open_states(call.This(), "this")->clear();
    return call.Env().Undefined();
  });
  define(object, "close", [](const Napi::CallbackInfo& call) -> Napi::Value {
    unwrap<StatesHandle>(call.This(), "this").store.reset();
    return call.Env().Undefined();
  });
  return object;
}

}  // namespace aerie::addon
