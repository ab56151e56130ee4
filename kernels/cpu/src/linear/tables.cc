#include "linear/tasks.h"

namespace aerie {

namespace portable {
extern const LinearKernels kLinearKernels;
}
namespace avx2 {
extern const LinearKernels kLinearKernels;
}
namespace avx512 {
extern const LinearKernels kLinearKernels;
}
namespace neon {
extern const LinearKernels kLinearKernels;
}

const LinearKernels& linear_kernels(Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::kAvx512Vnni) return avx512::kLinearKernels;
  if (isa == Isa::kAvx2) return avx2::kLinearKernels;
#elif defined(__aarch64__)
  if (isa == Isa::kNeon) return neon::kLinearKernels;
#endif
  return portable::kLinearKernels;
}

}  // namespace aerie
