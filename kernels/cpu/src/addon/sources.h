#pragma once

namespace aerie::addon {

// SHA-256 of the sources that this is built from, hexadecimal (kernels/sources.ts); "unknown" for a build by hand.
const char* sources();

}  // namespace aerie::addon
