// From JavaScript values to plain ones. Every function throws TypeError or RangeError naming `what` and what came.
#pragma once

#include <napi.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "isa.h"
#include "program/program.h"

namespace aerie::addon {

std::string describe(const Napi::Value& value);
bool is_absent(const Napi::Value& value);

int64_t read_integer(const Napi::Value& value, const std::string& what, int64_t least, int64_t most);
// Finite.
double read_number(const Napi::Value& value, const std::string& what);
std::string read_string(const Napi::Value& value, const std::string& what);
Napi::Object read_object(const Napi::Value& value, const std::string& what);
// The elements of an array of at most `most`.
std::vector<Napi::Value> read_list(const Napi::Value& value, const std::string& what, size_t most);
// An instruction set that this machine has; absent: the best.
Isa read_isa(const Napi::Value& value, const std::string& what);

// Memory of a typed array. It stays valid while the array does and no JavaScript runs: take it last.
struct Memory {
  void* data = nullptr;
  size_t count = 0;
  size_t bytes = 0;
  napi_typedarray_type type = napi_uint8_array;

  template <typename T>
  std::span<T> as() const {
    return {static_cast<T*>(data), count};
  }
};

Memory read_memory(const Napi::Value& value, const std::string& what);
Memory read_memory(const Napi::Value& value, const std::string& what, napi_typedarray_type type);

}  // namespace aerie::addon
