#include "addon/sources.h"

#include <cstring>

#ifndef AERIE_SOURCES
#define AERIE_SOURCES "unknown"
#endif

namespace aerie::addon {
namespace {

// With the mark in front, so that it is found in the file without loading it.
constexpr char kMarked[] = "aerie-sources:" AERIE_SOURCES;

}  // namespace

const char* sources() { return kMarked + std::strlen("aerie-sources:"); }

}  // namespace aerie::addon
