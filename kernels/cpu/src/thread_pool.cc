#include "thread_pool.h"

#include <chrono>

namespace aerie {
namespace {

constexpr int kTaskBits = 20;
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

ThreadPool::ThreadPool(int threads) : ranges_(static_cast<size_t>(threads)) {
  workers_.reserve(static_cast<size_t>(threads) - 1);
  try {
    for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { work(i); });
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

void ThreadPool::run_tasks(int64_t count, Call call, void* context) {
  while (count > kMaxTasks) {
    // No list of ours is that long; a caller's mistake must still compute.
    call(context, --count);
  }
  // All tasks of the last list have run, so no claim on its ranges can succeed any more, whatever it has read of these.
  done_.store(0, std::memory_order_relaxed);
  call_.store(call, std::memory_order_relaxed);
  context_.store(context, std::memory_order_relaxed);
  const uint64_t list = list_.load(std::memory_order_relaxed) + 1;
  const uint64_t threads = ranges_.size();
  for (uint64_t i = 0; i < threads; ++i) {
    const uint64_t next = static_cast<uint64_t>(count) * i / threads;
    const uint64_t end = static_cast<uint64_t>(count) * (i + 1) / threads;
    ranges_[i].ticket.store(((list << kTaskBits | end) << kTaskBits) | next, std::memory_order_release);
  }
  list_.store(list);
  if (sleepers_.load() > 0) {
    std::lock_guard lock(mutex_);
    wake_.notify_all();
  }
  take_part(0);
  const auto all_done = [this, count] { return done_.load(std::memory_order_acquire) == count; };
  // A helper is in the middle of its last task: it takes about as long as one of ours, or its core was taken away.
  while (!spin(all_done)) std::this_thread::yield();
}

// Until nobody has a task left that is not begun.
void ThreadPool::take_part(int thread) {
  const size_t threads = ranges_.size();
  int64_t ran = 0;
  for (size_t i = 0; i < threads; ++i) ran += run_range(ranges_[(static_cast<size_t>(thread) + i) % threads]);
  // Told at once: the list cannot end before, so all of them were of the same one.
  if (ran > 0) done_.fetch_add(ran, std::memory_order_release);
}

// How many of its tasks this thread has run.
int64_t ThreadPool::run_range(Range& range) {
  int64_t ran = 0;
  uint64_t ticket = range.ticket.load(std::memory_order_acquire);
  while ((ticket & kTaskMask) < (ticket >> kTaskBits & kTaskMask)) {
    const Call call = call_.load(std::memory_order_relaxed);
    void* const context = context_.load(std::memory_order_relaxed);
    // If this succeeds the list is still the one whose fields were read: it cannot end before this task has run.
    if (!range.ticket.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acq_rel, std::memory_order_acquire)) {
      continue;
    }
    call(context, static_cast<int64_t>(ticket & kTaskMask));
    ++ran;
    ticket = range.ticket.load(std::memory_order_acquire);
  }
  return ran;
}

void ThreadPool::work(int thread) {
  uint64_t seen = 0;
  const auto is_called = [&] { return list_.load() != seen || stopping_.load(); };
  for (;;) {
    const bool is_awake = in_session_.load(std::memory_order_relaxed) && spin(is_called);
    if (!is_awake) {
      std::unique_lock lock(mutex_);
      sleepers_.fetch_add(1);
      wake_.wait(lock, is_called);
      sleepers_.fetch_sub(1);
    }
    if (stopping_.load()) return;
    // Before its tickets: should the next list come meanwhile, this one is looked at again, not that one missed.
    seen = list_.load();
    take_part(thread);
  }
}

}  // namespace aerie
