#include "addon/values.h"

#include <cmath>
#include <cstdio>

#include "error.h"

namespace aerie::addon {
namespace {

constexpr size_t kLongestString = 4096;
// Whole numbers up to here are exact.
constexpr double kMaxSafeInteger = 9007199254740991.0;

const char* type_name(napi_typedarray_type type) {
  switch (type) {
    case napi_int8_array:
      return "Int8Array";
    case napi_uint8_array:
      return "Uint8Array";
    case napi_uint8_clamped_array:
      return "Uint8ClampedArray";
    case napi_int16_array:
      return "Int16Array";
    case napi_uint16_array:
      return "Uint16Array";
    case napi_int32_array:
      return "Int32Array";
    case napi_uint32_array:
      return "Uint32Array";
    case napi_float32_array:
      return "Float32Array";
    case napi_float64_array:
      return "Float64Array";
    case napi_bigint64_array:
      return "BigInt64Array";
    case napi_biguint64_array:
      return "BigUint64Array";
    default:
      return "another typed array";
  }
}

size_t element_bytes(napi_typedarray_type type) {
  switch (type) {
    case napi_int16_array:
    case napi_uint16_array:
      return 2;
    case napi_int32_array:
    case napi_uint32_array:
    case napi_float32_array:
      return 4;
    case napi_float64_array:
    case napi_bigint64_array:
    case napi_biguint64_array:
      return 8;
    default:
      return 1;
  }
}

std::string number_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.17g", value);
  return text;
}

}  // namespace

std::string describe(const Napi::Value& value) {
  if (value.IsEmpty()) return "nothing";
  switch (value.Type()) {
    case napi_undefined:
      return "undefined";
    case napi_null:
      return "null";
    case napi_boolean:
      return value.As<Napi::Boolean>().Value() ? "true" : "false";
    case napi_number:
      return number_text(value.As<Napi::Number>().DoubleValue());
    case napi_string:
      return "a string";
    case napi_symbol:
      return "a symbol";
    case napi_function:
      return "a function";
    case napi_bigint:
      return "a bigint";
    default:
      if (value.IsTypedArray()) return type_name(read_memory(value, "").type);
      return value.IsArray() ? "an array" : "an object";
  }
}

bool is_absent(const Napi::Value& value) { return value.IsEmpty() || value.IsUndefined() || value.IsNull(); }

int64_t read_integer(const Napi::Value& value, const std::string& what, int64_t least, int64_t most) {
  if (!value.IsNumber()) throw TypeError(what + " is " + describe(value) + ", expected a whole number");
  const double number = value.As<Napi::Number>().DoubleValue();
  if (!(std::abs(number) <= kMaxSafeInteger) || number != std::trunc(number) || number < static_cast<double>(least) ||
      number > static_cast<double>(most)) {
    throw RangeError(what + " is " + number_text(number) + ", expected a whole number from " + std::to_string(least) +
                     " to " + std::to_string(most));
  }
  return static_cast<int64_t>(number);
}

double read_number(const Napi::Value& value, const std::string& what) {
  if (!value.IsNumber()) throw TypeError(what + " is " + describe(value) + ", expected a number");
  const double number = value.As<Napi::Number>().DoubleValue();
  if (!std::isfinite(number)) throw RangeError(what + " is " + number_text(number) + ", expected a finite number");
  return number;
}

std::string read_string(const Napi::Value& value, const std::string& what) {
  if (!value.IsString()) throw TypeError(what + " is " + describe(value) + ", expected a string");
  size_t length = 0;
  if (napi_get_value_string_utf8(value.Env(), value, nullptr, 0, &length) != napi_ok || length > kLongestString) {
    throw RangeError(what + " is a string of " + std::to_string(length) + " bytes, expected at most " +
                     std::to_string(kLongestString));
  }
  return value.As<Napi::String>().Utf8Value();
}

Napi::Object read_object(const Napi::Value& value, const std::string& what) {
  if (!value.IsObject() || value.IsFunction())
    throw TypeError(what + " is " + describe(value) + ", expected an object");
  return value.As<Napi::Object>();
}

std::vector<Napi::Value> read_list(const Napi::Value& value, const std::string& what, size_t most) {
  if (!value.IsArray()) throw TypeError(what + " is " + describe(value) + ", expected an array");
  const Napi::Array array = value.As<Napi::Array>();
  const uint32_t length = array.Length();
  if (length > most) {
    throw RangeError(what + " has " + std::to_string(length) + " elements, expected at most " + std::to_string(most));
  }
  std::vector<Napi::Value> elements;
  elements.reserve(length);
  for (uint32_t i = 0; i < length; ++i) elements.push_back(array.Get(i));
  return elements;
}

Isa read_isa(const Napi::Value& value, const std::string& what) {
  const std::vector<Isa> usable = usable_isas();
  if (is_absent(value)) return usable.front();
  const std::string name = read_string(value, what);
  std::string names;
  for (const Isa isa : usable) {
    if (name == isa_name(isa)) return isa;
    names += (names.empty() ? "" : ", ") + std::string(isa_name(isa));
  }
  throw RangeError(what + " is \"" + name.substr(0, 40) + "\", expected one of " + names);
}

Memory read_memory(const Napi::Value& value, const std::string& what) {
  if (!value.IsTypedArray()) throw TypeError(what + " is " + describe(value) + ", expected a typed array");
  Memory memory;
  napi_value buffer;
  size_t offset;
  const napi_status status =
      napi_get_typedarray_info(value.Env(), value, &memory.type, &memory.count, &memory.data, &buffer, &offset);
  if (status != napi_ok) throw TypeError(what + " is a typed array of an unknown kind");
  memory.bytes = memory.count * element_bytes(memory.type);
  // A detached buffer leaves a length of 0 and an address that means nothing.
  if (memory.count == 0) memory.data = nullptr;
  return memory;
}

Memory read_memory(const Napi::Value& value, const std::string& what, napi_typedarray_type type) {
  const Memory memory = read_memory(value, what);
  if (memory.type != type) {
    throw TypeError(what + " is a " + type_name(memory.type) + ", expected a " + type_name(type));
  }
  return memory;
}

}  // namespace aerie::addon
