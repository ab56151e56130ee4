#include "thread_pool.h"

#include <chrono>

namespace aerie {
namespace {

constexpr int kTaskBits = 24;
constexpr uint64_t kTaskMask = (uint64_t{1} << kTaskBits) - 1;
constexpr auto kSpin = std::chrono::microseconds(50);
// Between two looks at the clock.
constexpr int kSpinSteps = 64;

void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Until `ready` or for kSpin; whether it is ready.
template <typename Ready>
bool spin(Ready ready) {
  const auto end = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < kSpinSteps; ++i) {
      if (ready()) return true;
      relax();
    }
  } while (std::chrono::steady_clock::now() < end);
  return ready();
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
  workers_.reserve(static_cast<size_t>(threads) - 1);
  try {
    for (int i = 1; i < threads; ++i) workers_.emplace_back([this] { work(); });
  } catch (...) {
    join();
    throw;
  }
}

ThreadPool::~ThreadPool() { join(); }

void ThreadPool::join() {
  {
    std::lock_guard lock(mutex_);
    stopping_.store(true);
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
}

bool ThreadPool::has_tasks() const { return static_cast<int64_t>(ticket_.load() & kTaskMask) < count_.load(); }

void ThreadPool::run_tasks(int64_t count, Call call, void* context) {
  while (count > kMaxTasks - kMaxThreads) {
    // No list of ours is that long; a caller's mistake must still compute.
    call(context, --count);
  }
  if (count <= 0) return;
  // Closed before its fields change: a late helper that holds the ticket of the last list and reads the new count must
  // fail to claim, which it does because whoever sees a new field sees the closed ticket too.
  const uint64_t list = (ticket_.load(std::memory_order_relaxed) >> kTaskBits) + 1;
  ticket_.store((list << kTaskBits) | kTaskMask);
  done_.store(0, std::memory_order_relaxed);
  call_.store(call, std::memory_order_release);
  context_.store(context, std::memory_order_release);
  count_.store(count, std::memory_order_release);
  ticket_.store(list << kTaskBits);
  if (sleepers_.load() > 0) {
    std::lock_guard lock(mutex_);
    wake_.notify_all();
  }
  while (claim_and_run()) {
  }
  const auto all_done = [this, count] { return done_.load(std::memory_order_acquire) == count; };
  // A helper is in the middle of its last task: it takes about as long as one of ours, or its core was taken away.
  while (!spin(all_done)) std::this_thread::yield();
}

bool ThreadPool::claim_and_run() {
  uint64_t ticket = ticket_.load(std::memory_order_acquire);
  for (;;) {
    const int64_t task = static_cast<int64_t>(ticket & kTaskMask);
    const int64_t count = count_.load(std::memory_order_acquire);
    if (task >= count) return false;
    const Call call = call_.load(std::memory_order_acquire);
    void* const context = context_.load(std::memory_order_acquire);
    // If this succeeds the list is still the one whose fields were read: it cannot end before this task has run.
    if (ticket_.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acq_rel, std::memory_order_acquire)) {
      call(context, task);
      done_.fetch_add(1, std::memory_order_release);
      return true;
    }
  }
}

void ThreadPool::work() {
  for (;;) {
    while (claim_and_run()) {
    }
    if (in_session_.load(std::memory_order_relaxed) && spin([this] { return has_tasks() || stopping_.load(); })) {
      if (stopping_.load()) return;
      continue;
    }
    std::unique_lock lock(mutex_);
    sleepers_.fetch_add(1);
    wake_.wait(lock, [this] { return has_tasks() || stopping_.load(); });
    sleepers_.fetch_sub(1);
    if (stopping_.load()) return;
  }
}

}  // namespace aerie
