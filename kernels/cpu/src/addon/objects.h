// The native objects that JavaScript holds.
#pragma once

#include <napi.h>

#include <array>
#include <memory>
#include <vector>

#include "addon/handle.h"
#include "kv_store.h"
#include "mapped_file.h"
#include "memory.h"
#include "program/program.h"
#include "sampling/sampler.h"
#include "state_store.h"
#include "thread_pool.h"

namespace aerie::addon {

struct PoolHandle {
  std::shared_ptr<ThreadPool> pool;
};

struct KvHandle {
  // Null once it is closed.
  std::shared_ptr<KvStore> store;
};

struct FileHandle {
  // Null once it is closed.
  std::shared_ptr<MappedFile> file;
};

struct StatesHandle {
  // Null once it is closed.
  std::shared_ptr<StateStore> store;
};

struct ProgramHandle {
  std::shared_ptr<Program> program;
  // What packed blocks are read from in place; closing a file closes it for the next program alone.
  std::vector<std::shared_ptr<MappedFile>> files;
  // Copies of packed blocks.
  std::vector<Pages> blocks;
  // Typed arrays that the program reads in place, and where they were.
  struct Lent {
    uint32_t index;
    const void* data;
    size_t bytes;
    Napi::ObjectReference array;
  };
  std::vector<Lent> lent;
  // Copies of small tensors.
  std::vector<std::vector<std::byte>> copies;
};

struct AdapterHandle {
  // Null once it is closed.
  std::shared_ptr<const Adapter> adapter;
  // What its matrices lie in, and where that was.
  Napi::ObjectReference memory;
  const void* data = nullptr;
  size_t bytes = 0;
};

struct SamplerHandle {
  explicit SamplerHandle(int64_t vocab, const SamplingKernels& kernels) : sampler(vocab, kernels) {}
  Sampler sampler;
};

template <>
struct HandleTag<PoolHandle> {
  static constexpr napi_type_tag kTag = {0x6c0e5a0b8f3d4c11, 0xa3b1d2f45e6c7081};
  static constexpr const char* kName = "Pool";
};
template <>
struct HandleTag<KvHandle> {
  static constexpr napi_type_tag kTag = {0x6c0e5a0b8f3d4c12, 0xa3b1d2f45e6c7082};
  static constexpr const char* kName = "KvStore";
};
template <>
struct HandleTag<FileHandle> {
  static constexpr napi_type_tag kTag = {0x6c0e5a0b8f3d4c14, 0xa3b1d2f45e6c7084};
  static constexpr const char* kName = "MappedFile";
};
template <>
struct HandleTag<ProgramHandle> {
  static constexpr napi_type_tag kTag = {0x6c0e5a0b8f3d4c13, 0xa3b1d2f45e6c7083};
  static constexpr const char* kName = "Program";
};

template <>
struct HandleTag<StatesHandle> {
  static constexpr napi_type_tag kTag = {0x6c0e5a0b8f3d4c15, 0xa3b1d2f45e6c7085};
  static constexpr const char* kName = "StateStore";
};
template <>
struct HandleTag<SamplerHandle> {
  static constexpr napi_type_tag kTag = {0x6c0e5a0b8f3d4c16, 0xa3b1d2f45e6c7086};
  static constexpr const char* kName = "Sampler";
};
template <>
struct HandleTag<AdapterHandle> {
  static constexpr napi_type_tag kTag = {0x6c0e5a0b8f3d4c17, 0xa3b1d2f45e6c7087};
  static constexpr const char* kName = "Adapter";
};

template <typename... Handles>
constexpr bool tags_differ() {
  constexpr std::array<napi_type_tag, sizeof...(Handles)> kTags = {HandleTag<Handles>::kTag...};
  for (size_t i = 0; i < kTags.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (kTags[i].lower == kTags[j].lower && kTags[i].upper == kTags[j].upper) return false;
    }
  }
  return true;
}
// Two classes of one tag would be taken for each other, and their memory too.
static_assert(tags_differ<PoolHandle, KvHandle, FileHandle, ProgramHandle, StatesHandle, SamplerHandle,
                        AdapterHandle>());

// The store behind a handle that is still open.
std::shared_ptr<KvStore> open_kv(const Napi::Value& value, const std::string& what);
std::shared_ptr<StateStore> open_states(const Napi::Value& value, const std::string& what);

// The adapter behind a handle that is still open, whose memory is where it was. Runs no JavaScript.
std::shared_ptr<const Adapter> open_adapter(const Napi::Value& value, const std::string& what);

// Functions of the module, as in native.d.ts.
Napi::Value create_pool(const Napi::CallbackInfo& info);
Napi::Value create_kv(const Napi::CallbackInfo& info);
Napi::Value map_file(const Napi::CallbackInfo& info);
Napi::Value create_states(const Napi::CallbackInfo& info);
Napi::Value create_program(const Napi::CallbackInfo& info);
Napi::Value allocate(const Napi::CallbackInfo& info);
Napi::Value create_adapter(const Napi::CallbackInfo& info);
Napi::Value create_sampler(const Napi::CallbackInfo& info);
Napi::Value is_sparse24(const Napi::CallbackInfo& info);
Napi::Value pack_weight(const Napi::CallbackInfo& info);
Napi::Value quantise(const Napi::CallbackInfo& info);
Napi::Value multiply(const Napi::CallbackInfo& info);
Napi::Value limits(const Napi::CallbackInfo& info);

}  // namespace aerie::addon
