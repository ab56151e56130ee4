// The module's functions. It keeps nothing outside its objects, so any number of threads may load it.
#include <napi.h>

#include "addon/objects.h"
#include "addon/sources.h"
#include "linear/packed_linear.h"

namespace aerie::addon {
namespace {

Napi::Value isas(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Array names = Napi::Array::New(env);
  for (const Isa isa : usable_isas()) names.Set(names.Length(), Napi::String::New(env, isa_name(isa)));
  return names;
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("sources", Napi::String::New(env, sources()));
  exports.Set("packedVersion", Napi::Number::New(env, kPackedVersion));
  define(exports, "isas", isas);
  define(exports, "createPool", create_pool);
  define(exports, "createKv", create_kv);
  define(exports, "mapFile", map_file);
  define(exports, "createStates", create_states);
  define(exports, "createProgram", create_program);
  define(exports, "allocate", allocate);
  define(exports, "createAdapter", create_adapter);
  define(exports, "createSampler", create_sampler);
  define(exports, "packLinear", pack_weight);
  define(exports, "isSparse24", is_sparse24);
  define(exports, "quantiseRows", quantise);
  define(exports, "linear", multiply);
  define(exports, "limits", limits);
  return exports;
}

}  // namespace
}  // namespace aerie::addon

static Napi::Object aerie_init(Napi::Env env, Napi::Object exports) { return aerie::addon::init(env, exports); }

NODE_API_MODULE(aerie_cpu, aerie_init)
