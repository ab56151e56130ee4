#pragma once

#include <napi.h>

#include "program/spec.h"

namespace aerie::addon {

// A program as JavaScript has it (native.d.ts). Reads all of it, so that no getter runs later. Throws TypeError or
// RangeError naming the field.
Spec read_spec(const Napi::Value& value);

}  // namespace aerie::addon
