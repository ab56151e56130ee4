// Adapters: pairs of packed matrices in one piece of memory, which programs read where it lies.
#include "addon/objects.h"
#include "linear/packed_linear.h"

namespace aerie::addon {
namespace {

constexpr size_t kMostPairs = 1 << 16;
constexpr int64_t kMostBytes = int64_t{1} << 46;

// Where a packed block lies in the adapter's memory.
struct Place {
  size_t offset = 0;
  size_t bytes = 0;
};

struct PairValues {
  std::string what;
  size_t linear = 0;
  float scale = 1;
  Place down;
  Place up;
};

Place read_place(const Napi::Value& value, const std::string& what) {
  const Napi::Object object = read_object(value, what);
  Place place;
  place.offset = static_cast<size_t>(read_integer(object.Get("offset"), what + ".offset", 0, kMostBytes));
  place.bytes = static_cast<size_t>(read_integer(object.Get("bytes"), what + ".bytes", 1, kMostBytes));
  if (place.offset % kAlignment != 0) {
    throw RangeError(what + ".offset is " + std::to_string(place.offset) + ", no multiple of 64");
  }
  return place;
}

DensePanels panels_at(const Memory& memory, const Place& place, const std::string& what) {
  if (place.offset + place.bytes > memory.bytes) {
    throw RangeError(what + " ends at byte " + std::to_string(place.offset + place.bytes) + " of " +
                     std::to_string(memory.bytes));
  }
  const PackedLinear packed = parse_packed(static_cast<const std::byte*>(memory.data) + place.offset, place.bytes);
  if (packed.takes_quantised()) throw TypeError(what + " is quantised, expected floats");
  return packed.dense();
}

}  // namespace

Napi::Value create_adapter(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  std::vector<PairValues> values;
  const std::vector<Napi::Value> list = read_list(info[1], "pairs", kMostPairs);
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string what = "pairs[" + std::to_string(i) + "]";
    const Napi::Object pair = read_object(list[i], what);
    PairValues read;
    read.what = what;
    read.linear = static_cast<size_t>(read_integer(pair.Get("linear"), what + ".linear", 0, kMostPairs - 1));
    read.scale = static_cast<float>(read_number(pair.Get("scale"), what + ".scale"));
    read.down = read_place(pair.Get("down"), what + ".down");
    read.up = read_place(pair.Get("up"), what + ".up");
    values.push_back(std::move(read));
  }
  // From here on no JavaScript runs.
  const Memory memory = read_memory(info[0], "memory", napi_uint8_array);
  auto handle = std::make_unique<AdapterHandle>();
  auto adapter = std::make_shared<Adapter>();
  for (const PairValues& read : values) {
    if (read.linear >= adapter->pairs.size()) adapter->pairs.resize(read.linear + 1);
    AdapterPair& pair = adapter->pairs[read.linear];
    if (pair.down.values != nullptr) {
      throw TypeError(read.what + ".linear is " + std::to_string(read.linear) + ", as of another pair");
    }
    pair.down = panels_at(memory, read.down, read.what + ".down");
    pair.up = panels_at(memory, read.up, read.what + ".up");
    pair.scale = read.scale;
    if (pair.down.out != pair.up.in) {
      throw TypeError(read.what + " has " + std::to_string(pair.down.out) + " rows down and " +
                      std::to_string(pair.up.in) + " columns up, expected as many");
    }
  }
  handle->adapter = std::move(adapter);
  handle->data = memory.data;
  handle->bytes = memory.bytes;
  handle->memory = Napi::Persistent(info[0].As<Napi::Object>());
  Napi::Object object = wrap(env, std::move(handle));
  object.DefineProperty(Napi::PropertyDescriptor::Value(
      "bytes", Napi::Number::New(env, static_cast<double>(memory.bytes)), napi_enumerable));
  define(object, "close", [](const Napi::CallbackInfo& call) -> Napi::Value {
    AdapterHandle& adapter = unwrap<AdapterHandle>(call.This(), "this");
    adapter.adapter.reset();
    adapter.memory.Reset();
    return call.Env().Undefined();
  });
  return object;
}

std::shared_ptr<const Adapter> open_adapter(const Napi::Value& value, const std::string& what) {
  const AdapterHandle& handle = unwrap<AdapterHandle>(value, what);
  if (!handle.adapter) throw TypeError(what + " is closed");
  const Memory memory = read_memory(handle.memory.Value(), what, napi_uint8_array);
  if (memory.data != handle.data || memory.bytes != handle.bytes) {
    throw TypeError(what + " has memory that has been detached or resized");
  }
  return handle.adapter;
}

}  // namespace aerie::addon
