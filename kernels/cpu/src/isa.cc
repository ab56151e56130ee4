#include "isa.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

#include <cstdint>

namespace aerie {

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

#if defined(__x86_64__)
namespace {

// A build for tests, whose kernels of that set are compiled for AVX2 (AERIE_EMULATE of CMakeLists.txt).
#if defined(AERIE_EMULATED)
constexpr bool kEmulatesAvx512 = true;
#else
constexpr bool kEmulatesAvx512 = false;
#endif

bool has(uint32_t bits, int bit) { return (bits >> bit & 1) != 0; }

// Which registers the system saves; behind a look whether there is such an instruction.
uint64_t saved_registers() {
  uint32_t low = 0, high = 0;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t{high} << 32 | low;
}

// Intel's manual, volume 2, CPUID. Asked here and not by __builtin_cpu_supports, behind which some compilers have nothing.
void add_x86_isas(std::vector<Isa>& isas) {
  constexpr uint64_t kYmm = 0x06, kZmm = 0xe6;
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0) return;
  const bool has_fma = has(ecx, 12) && has(ecx, 29);
  if (!has(ecx, 27) || !has(ecx, 28) || !has_fma) return;
  const uint64_t saved = saved_registers();
  if ((saved & kYmm) != kYmm || __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0 || !has(ebx, 5)) return;
  const bool has_avx512 = has(ebx, 16) && has(ebx, 17) && has(ebx, 30) && has(ebx, 31) && has(ecx, 11);
  if (kEmulatesAvx512 || (has_avx512 && (saved & kZmm) == kZmm)) isas.push_back(Isa::kAvx512Vnni);
  isas.push_back(Isa::kAvx2);
}

}  // namespace
#elif defined(__aarch64__)
namespace {

bool has_dot_product() {
#if defined(__linux__)
  // HWCAP_ASIMDDP of the kernel's interface.
  return (getauxval(AT_HWCAP) & (1ul << 20)) != 0;
#else
  return true;
#endif
}

}  // namespace
#endif

std::vector<Isa> usable_isas() {
  std::vector<Isa> isas;
#if defined(__x86_64__)
  add_x86_isas(isas);
#elif defined(__aarch64__)
  if (has_dot_product()) isas.push_back(Isa::kNeon);
#endif
  isas.push_back(Isa::kPortable);
  return isas;
}

}  // namespace aerie
