// Which instruction sets this machine has; kernels are compiled once for each.
#pragma once

#include <vector>

namespace aerie {

enum class Isa { kPortable, kAvx2, kAvx512Vnni, kNeon };

const char* isa_name(Isa isa);

// Best first; kPortable is always the last.
std::vector<Isa> usable_isas();

}  // namespace aerie
