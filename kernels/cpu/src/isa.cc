#include "isa.h"

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace aerie {
namespace {

#if defined(__x86_64__)
bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
}

bool has_avx512_vnni() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512vnni");
}
#elif defined(__aarch64__)
bool has_dot_product() {
#if defined(__linux__)
  // HWCAP_ASIMDDP of the kernel's interface.
  return (getauxval(AT_HWCAP) & (1ul << 20)) != 0;
#else
  return true;
#endif
}
#endif

}  // namespace

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::kPortable:
      return "portable";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kAvx512Vnni:
      return "avx512-vnni";
    case Isa::kNeon:
      return "neon";
  }
  return "portable";
}

std::vector<Isa> usable_isas() {
  std::vector<Isa> isas;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (has_avx512_vnni()) isas.push_back(Isa::kAvx512Vnni);
  if (has_avx2()) isas.push_back(Isa::kAvx2);
#elif defined(__aarch64__)
  if (has_dot_product()) isas.push_back(Isa::kNeon);
#endif
  isas.push_back(Isa::kPortable);
  return isas;
}

}  // namespace aerie
