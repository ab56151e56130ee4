#pragma once

#include <algorithm>
#include <chrono>
#include <ctime>
#include <limits>

#include "thread_pool.h"

namespace aerie {

namespace clocks {

inline double wall() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Of this thread alone, which does not count the time that others have its core.
inline double processor() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace clocks

// Seconds of the fastest of at least three calls, in about `seconds` and after one that does not count: of a pool of one
// thread its processor time, of several what the clock says.
template <typename F>
double fastest(const ThreadPool& pool, double seconds, F&& f) {
  constexpr int kLeastRuns = 3;
  const auto clock = pool.threads() == 1 ? clocks::processor : clocks::wall;
  f();
  double best = std::numeric_limits<double>::infinity();
  const double end = clocks::wall() + seconds;
  for (int i = 0; i < kLeastRuns || clocks::wall() < end; ++i) {
    const double start = clock();
    f();
    best = std::min(best, clock() - start);
  }
  return best;
}

}  // namespace aerie
