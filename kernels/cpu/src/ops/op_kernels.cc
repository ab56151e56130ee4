#include "ops/op_kernels.h"

namespace aerie {

namespace portable {
extern const OpKernels kOpKernels;
}
#if defined(__x86_64__)
namespace avx2 {
extern const OpKernels kOpKernels;
}
namespace avx512 {
extern const OpKernels kOpKernels;
}
#elif defined(__aarch64__)
namespace neon {
extern const OpKernels kOpKernels;
}
#endif

const OpKernels& op_kernels(Isa isa) {
  switch (isa) {
#if defined(__x86_64__)
    case Isa::kAvx2:
      return avx2::kOpKernels;
    case Isa::kAvx512Vnni:
      return avx512::kOpKernels;
#elif defined(__aarch64__)
    case Isa::kNeon:
      return neon::kOpKernels;
#endif
    default:
      return portable::kOpKernels;
  }
}

}  // namespace aerie
