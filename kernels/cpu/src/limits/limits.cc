#include "limits/limits.h"

#include <cstring>

#include "limits/fastest.h"
#include "limits/limit_kernels.h"
#include "memory.h"

namespace aerie {

namespace portable {
extern const LimitKernels kLimitKernels;
}
namespace avx2 {
extern const LimitKernels kLimitKernels;
}
namespace avx512 {
extern const LimitKernels kLimitKernels;
}
namespace neon {
extern const LimitKernels kLimitKernels;
}

namespace {

// Some milliseconds of work.
constexpr int64_t kSteps = 500000;
constexpr size_t kReadBytes = size_t{256} << 20;
// Divided among threads as panels are.
constexpr int64_t kPieces = 64;

}  // namespace

const LimitKernels& limit_kernels(Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::kAvx512Vnni) return avx512::kLimitKernels;
  if (isa == Isa::kAvx2) return avx2::kLimitKernels;
#elif defined(__aarch64__)
  if (isa == Isa::kNeon) return neon::kLimitKernels;
#endif
  return portable::kLimitKernels;
}

MachineLimits measure_limits(Isa isa, ThreadPool& pool, double seconds) {
  const LimitKernels& kernels = limit_kernels(isa);
  const Pages pages(kReadBytes, "what is read to measure the memory", false);
  const ThreadPool::Session session(pool);
  const auto operations = [&](int64_t (*loop)(int64_t)) {
    const double multiplications = static_cast<double>(loop(1)) * static_cast<double>(kSteps);
    const double time = fastest(pool, seconds, [&] { pool.run(pool.threads(), [&](int64_t) { loop(kSteps); }); });
    return 2 * multiplications * pool.threads() / time;
  };
  MachineLimits limits;
  limits.f32_operations = operations(kernels.f32);
  limits.int8_operations = operations(kernels.int8);
  limits.int4_operations = operations(kernels.int4);
  // Pages that nobody has written are all the same one.
  constexpr size_t kPiece = kReadBytes / kPieces;
  pool.run(kPieces, [&](int64_t piece) { std::memset(pages.data() + static_cast<size_t>(piece) * kPiece, 1, kPiece); });
  const double time = fastest(pool, seconds, [&] {
    pool.run(kPieces, [&](int64_t piece) { kernels.read(pages.data() + static_cast<size_t>(piece) * kPiece, kPiece); });
  });
  limits.read_bytes = static_cast<double>(kReadBytes) / time;
  return limits;
}

}  // namespace aerie
