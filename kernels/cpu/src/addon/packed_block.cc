#include "addon/packed_block.h"

#include "addon/objects.h"
#include "linear/packed_linear.h"

namespace aerie::addon {
namespace {

constexpr int64_t kMostBytes = int64_t{1} << 46;

std::shared_ptr<MappedFile> open_file(const Napi::Value& value, const std::string& what) {
  const FileHandle& handle = unwrap<FileHandle>(value, what);
  if (!handle.file) throw TypeError(what + " is closed");
  return handle.file;
}

}  // namespace

PackedBlock::PackedBlock(const Napi::Value& value, const std::string& what) : what_(what) {
  if (value.IsTypedArray()) {
    array_ = value;
    return;
  }
  if (!value.IsObject()) throw TypeError(what + " is " + describe(value) + ", expected a Uint8Array or a mapped block");
  const Napi::Object part = read_object(value, what);
  const Napi::Value file = part.Get("file");
  const int64_t offset = read_integer(part.Get("offset"), what + ".offset", 0, kMostBytes);
  const int64_t bytes = read_integer(part.Get("bytes"), what + ".bytes", 1, kMostBytes);
  file_ = open_file(file, what + ".file");
  offset_ = static_cast<size_t>(offset);
  bytes_ = static_cast<size_t>(bytes);
  if (offset_ % kAlignment != 0) {
    throw RangeError(what + ".offset is " + std::to_string(offset) + ", no multiple of 64");
  }
  if (offset_ + bytes_ > file_->bytes()) {
    throw RangeError(what + " ends at byte " + std::to_string(offset + bytes) + " of a file of " +
                     std::to_string(file_->bytes()) + " bytes");
  }
}

Memory PackedBlock::memory() const {
  if (!file_) return read_memory(array_, what_, napi_uint8_array);
  // Memory is what may be written to elsewhere; a packed block never is.
  return {const_cast<std::byte*>(file_->data() + offset_), bytes_, bytes_, napi_uint8_array};
}

void PackedBlock::fetch() const { file_->fetch(offset_, bytes_); }

Napi::Value map_file(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string path = read_string(info[0], "path");
  if (path.find('\0') != std::string::npos) throw TypeError("path has a NUL character");
  auto handle = std::make_unique<FileHandle>();
  handle->file = std::make_shared<MappedFile>(path);
  const double bytes = static_cast<double>(handle->file->bytes());
  const bool is_read_in_place = handle->file->is_read_in_place();
  Napi::Object object = wrap(env, std::move(handle));
  object.DefineProperty(Napi::PropertyDescriptor::Value("bytes", Napi::Number::New(env, bytes), napi_enumerable));
  object.DefineProperty(Napi::PropertyDescriptor::Value(
      "isReadInPlace", Napi::Boolean::New(env, is_read_in_place), napi_enumerable));
  define(object, "close", [](const Napi::CallbackInfo& call) -> Napi::Value {
    unwrap<FileHandle>(call.This(), "this").file.reset();
    return call.Env().Undefined();
  });
  return object;
}

}  // namespace aerie::addon
