// A fixed set of threads that help one caller through a list of tasks.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace aerie {

// One thread at a time may call `run`; that thread takes part, so a pool of n has n − 1 of its own. They sleep unless a
// `Session` is alive, in which they spin for up to 50 µs between two lists.
//
// A list is cut into one range of neighbours for each thread, who takes them in order and then helps the others: what
// lies one after the other in memory is read by one thread without a break, and one that is slowed down, or asleep,
// leaves its tasks to the rest.
class ThreadPool {
 public:
  static constexpr int kMaxThreads = 256;
  static constexpr int64_t kMaxTasks = (int64_t{1} << 20) - 1;

  // threads in 1 … kMaxThreads, the caller's counted. Throws std::system_error if the system refuses a thread.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls fn(0) … fn(count − 1), each once, and returns when all have returned. Who runs which is not determined, so a
  // result must not depend on it. `fn` must not throw and must not call `run`.
  template <typename F>
  void run(int64_t count, F&& fn) {
    using Fn = std::remove_reference_t<F>;
    if (count == 1 || workers_.empty()) {
      for (int64_t i = 0; i < count; ++i) fn(i);
      return;
    }
    run_tasks(
        count, [](void* context, int64_t i) { (*static_cast<Fn*>(context))(i); },
        const_cast<void*>(static_cast<const void*>(&fn)));
  }

  // While it lives, helpers wait for the next list awake.
  class Session {
   public:
    explicit Session(ThreadPool& pool) : pool_(pool) { pool_.in_session_.store(true, std::memory_order_relaxed); }
    ~Session() { pool_.in_session_.store(false, std::memory_order_relaxed); }
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

   private:
    ThreadPool& pool_;
  };

 private:
  using Call = void (*)(void* context, int64_t task);

  // Some tasks of a list: its number (24 bits), the end (20) and the next one (20). A claim is a compare-and-swap on
  // all of it, so a helper that comes late cannot take a task of a list that it has not read. (It would have to lie
  // between two instructions for 16 million lists.) Of a cache line of its own: only who helps comes to another's.
  struct alignas(64) Range {
    std::atomic<uint64_t> ticket{0};
  };

  void run_tasks(int64_t count, Call call, void* context);
  void work(int thread);
  void take_part(int thread);
  int64_t run_range(Range& range);
  void join();

  // One a thread; the caller's is the first.
  std::vector<Range> ranges_;
  std::atomic<Call> call_{nullptr};
  std::atomic<void*> context_{nullptr};
  // The newest list.
  alignas(64) std::atomic<uint64_t> list_{0};
  alignas(64) std::atomic<int64_t> done_{0};

  std::atomic<bool> in_session_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<int> sleepers_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::thread> workers_;
};

}  // namespace aerie
