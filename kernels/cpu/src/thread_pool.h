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
class ThreadPool {
 public:
  static constexpr int kMaxThreads = 256;
  static constexpr int64_t kMaxTasks = int64_t{1} << 24;

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

  void run_tasks(int64_t count, Call call, void* context);
  void work();
  bool claim_and_run();
  bool has_tasks() const;
  void join();

  // Which list (40 bits) and its next task (24 bits). A claim is a compare-and-swap on both, so a helper that comes
  // late cannot take a task of a list that it has not read.
  std::atomic<uint64_t> ticket_{0};
  std::atomic<int64_t> count_{0};
  std::atomic<Call> call_{nullptr};
  std::atomic<void*> context_{nullptr};
  std::atomic<int64_t> done_{0};

  std::atomic<bool> in_session_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<int> sleepers_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::thread> workers_;
};

}  // namespace aerie
