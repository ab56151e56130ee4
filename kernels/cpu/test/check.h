// Checks of the C++ tests: a failed one is printed with its place and case, and the program's result is then 1.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

namespace aerie::test {

inline int failures = 0;
inline int checks = 0;

inline void check(bool fine, const std::string& what) {
  ++checks;
  if (fine) return;
  ++failures;
  std::fprintf(stderr, "FAILED %s\n", what.c_str());
  if (failures >= 20) {
    std::fprintf(stderr, "too many failures\n");
    std::exit(1);
  }
}

template <typename Error, typename F>
void check_throws(const std::string& what, F&& f) {
  try {
    f();
  } catch (const Error&) {
    check(true, what);
    return;
  }
  check(false, what + ": expected an error");
}

}  // namespace aerie::test
