// Every task of every list runs once, whoever comes late. Worth running under -fsanitize=thread:
//   g++ -std=c++20 -g -O1 -fsanitize=thread -Isrc test/thread_pool_test.cc src/thread_pool.cc
#include "thread_pool.h"

#include <atomic>
#include <thread>
#include <vector>

#include "check.h"

namespace aerie {
namespace {

// Both hold their first task until the other has one, too: at the beginnings of the two halves.
void test_ranges() {
  ThreadPool pool(2);
  bool is_halved = true;
  for (int round = 0; round < 200; ++round) {
    std::atomic<int> begun{0};
    std::vector<std::thread::id> who(8);
    pool.run(8, [&](int64_t i) {
      who[static_cast<size_t>(i)] = std::this_thread::get_id();
      begun.fetch_add(1);
      while (begun.load() < 2) std::this_thread::yield();
    });
    is_halved = is_halved && who[0] == std::this_thread::get_id() && who[4] != who[0];
  }
  test::check(is_halved, "each thread begins with its own half");
}

// A helper that is held up in its first task leaves all others to the caller.
void test_help() {
  ThreadPool pool(2);
  std::atomic<int> ran{0};
  std::vector<std::thread::id> who(9);
  pool.run(9, [&](int64_t i) {
    who[static_cast<size_t>(i)] = std::this_thread::get_id();
    ran.fetch_add(1);
    // The caller's first task waits for the helper to come, the helper's for all others.
    const int least = i == 0 ? 2 : i == 4 ? 9 : 0;
    while (ran.load() < least) std::this_thread::yield();
  });
  bool is_alone = who[4] != std::this_thread::get_id();
  for (const size_t i : {0, 1, 2, 3, 5, 6, 7, 8}) is_alone = is_alone && who[i] == std::this_thread::get_id();
  test::check(is_alone, "what a slow helper has not begun is the caller's");
}

}  // namespace
}  // namespace aerie

int main() {
  using namespace aerie;
  test_ranges();
  test_help();
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    std::vector<int> runs(300);
    bool is_once = true;
    for (int round = 0; round < 5000; ++round) {
      const int64_t count = 1 + round % 299;
      const auto task = [&](int64_t i) { runs[static_cast<size_t>(i)] += 1; };
      if (round % 3 == 0) {
        // Helpers are awake for the second list.
        const ThreadPool::Session session(pool);
        pool.run(count, task);
        pool.run(count, task);
      } else {
        pool.run(count, task);
      }
      const int expected = round % 3 == 0 ? 2 : 1;
      for (int64_t i = 0; i < count; ++i) {
        is_once = is_once && runs[static_cast<size_t>(i)] == expected;
        runs[static_cast<size_t>(i)] = 0;
      }
    }
    test::check(is_once, std::to_string(threads) + " threads: every task once");
  }
  std::printf("%d checks, %d failures\n", test::checks, test::failures);
  return test::failures == 0 ? 0 : 1;
}
