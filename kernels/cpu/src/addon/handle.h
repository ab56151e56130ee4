// Native objects behind JavaScript ones, and the border where errors become JavaScript's.
#pragma once

#include <napi.h>

#include <memory>
#include <new>
#include <string>
#include <utility>

#include "addon/values.h"
#include "error.h"

namespace aerie::addon {

// What tells a JavaScript object that has a T behind it from every other; one specialisation a class.
template <typename T>
struct HandleTag;

// The object that `holder` becomes part of; it dies with the JavaScript one. Methods are added by the caller.
template <typename T>
Napi::Object wrap(Napi::Env env, std::unique_ptr<T> holder) {
  Napi::Object object = Napi::Object::New(env);
  const auto finalize = [](napi_env, void* data, void*) { delete static_cast<T*>(data); };
  napi_status status = napi_type_tag_object(env, object, &HandleTag<T>::kTag);
  if (status == napi_ok) status = napi_wrap(env, object, holder.get(), finalize, nullptr, nullptr);
  if (status != napi_ok) throw Napi::Error::New(env);
  holder.release();
  return object;
}

template <typename T>
T& unwrap(const Napi::Value& value, const std::string& what) {
  bool is_ours = false;
  void* data = nullptr;
  if (value.IsObject() && napi_check_object_type_tag(value.Env(), value, &HandleTag<T>::kTag, &is_ours) == napi_ok &&
      is_ours && napi_unwrap(value.Env(), value, &data) == napi_ok && data) {
    return *static_cast<T*>(data);
  }
  throw TypeError(what + " is " + describe(value) + ", expected a " + HandleTag<T>::kName);
}

inline Napi::Error with_code(Napi::Error error, const char* code) {
  error.Set("code", Napi::String::New(error.Env(), code));
  return error;
}

// Calls `body`; what it throws leaves as a JavaScript error. Allocation failures have the code ERR_OUT_OF_MEMORY.
template <typename Body>
Napi::Value guarded(const Napi::CallbackInfo& info, Body body) {
  const Napi::Env env = info.Env();
  try {
    return body();
  } catch (const Napi::Error&) {
    throw;
  } catch (const TypeError& error) {
    throw Napi::TypeError::New(env, error.what());
  } catch (const RangeError& error) {
    throw Napi::RangeError::New(env, error.what());
  } catch (const OutOfMemory& error) {
    throw with_code(Napi::RangeError::New(env, error.what()), "ERR_OUT_OF_MEMORY");
  } catch (const SystemError& error) {
    throw with_code(Napi::Error::New(env, error.what()), "ERR_SYSTEM");
  } catch (const std::bad_alloc&) {
    throw with_code(Napi::RangeError::New(env, "the system has no memory left"), "ERR_OUT_OF_MEMORY");
  } catch (const std::exception& error) {
    throw Napi::Error::New(env, error.what());
  }
}

// A function of a module or an object.
template <typename Body>
void define(Napi::Object object, const char* name, Body body) {
  object.DefineProperty(Napi::PropertyDescriptor::Value(
      name,
      Napi::Function::New(
          object.Env(),
          [body](const Napi::CallbackInfo& info) -> Napi::Value { return guarded(info, [&] { return body(info); }); },
          name),
      napi_enumerable));
}

}  // namespace aerie::addon
