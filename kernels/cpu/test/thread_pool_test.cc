// Every task of every list runs once, whoever comes late. Worth running under -fsanitize=thread:
//   g++ -std=c++20 -g -O1 -fsanitize=thread -Isrc test/thread_pool_test.cc src/thread_pool.cc
#include "thread_pool.h"

#include <vector>

#include "check.h"

int main() {
  using namespace aerie;
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
