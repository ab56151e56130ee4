// What adapters add to products, of every instruction set of this machine: against arithmetic in double precision, and the
// same bits however many rows, groups and threads there are.
#include <cmath>
#include <cstring>
#include <vector>

#include "check.h"
#include "linear/adapters.h"
#include "sample.h"

namespace aerie::test {
namespace {

using Floats = std::vector<float>;

constexpr int64_t kRows = 131;

// Two matrices of an adapter and what they are packed as.
struct Pair {
  Sample down;
  Sample up;
  AdapterPair pair;

  Pair(ThreadPool& pool, LinearKind kind, int64_t in, int64_t rank, int64_t out, uint32_t seed)
      : down(pool, {.kind = kind, .out = rank, .in = in}, seed), up(pool, {.kind = kind, .out = out, .in = rank}, seed + 1) {
    pair = {down.packed().dense(), up.packed().dense(), 0.75f};
  }

  // [out], of one row.
  std::vector<double> exact(const float* x) const {
    const int64_t in = down.shape().in, rank = down.shape().out, out = up.shape().out;
    std::vector<double> low(static_cast<size_t>(rank)), sum(static_cast<size_t>(out));
    for (int64_t r = 0; r < rank; ++r) {
      for (int64_t i = 0; i < in; ++i) low[static_cast<size_t>(r)] += x[i] * down.weight(r, i) * 0.75;
    }
    for (int64_t o = 0; o < out; ++o) {
      for (int64_t r = 0; r < rank; ++r) sum[static_cast<size_t>(o)] += low[static_cast<size_t>(r)] * up.weight(o, r);
    }
    return sum;
  }
};

Floats numbers(int64_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Floats values(static_cast<size_t>(count));
  for (float& value : values) value = normal(random);
  return values;
}

// What is added to each row: [rows, out], and whether anything is.
struct Added {
  Floats values;
  std::vector<bool> is_there;
};

Added add(Isa isa, ThreadPool& pool, const std::vector<AdaptedRows>& groups, const Floats& x, int64_t in, int64_t rows,
          int64_t out) {
  Block workspace = aligned_block(adapters_workspace(groups, rows, out));
  const float* const* const addends =
      adapt_rows(linear_kernels(isa), pool, groups, x.data(), in, rows, out, workspace.get());
  Added added = {Floats(static_cast<size_t>(rows * out)), std::vector<bool>(static_cast<size_t>(rows))};
  for (int64_t row = 0; row < rows; ++row) {
    if (addends == nullptr || addends[row] == nullptr) continue;
    added.is_there[static_cast<size_t>(row)] = true;
    std::memcpy(added.values.data() + row * out, addends[row], static_cast<size_t>(out) * 4);
  }
  return added;
}

void groups(Isa isa, ThreadPool& one, ThreadPool& many, LinearKind kind, int64_t in, int64_t rank, int64_t out) {
  const Pair a(one, kind, in, rank, out, 1), b(one, kind, in, rank + 3, out, 5);
  const Floats x = numbers(kRows * in, 9);
  const std::vector<AdaptedRows> both = {{&a.pair, 2, 100}, {&b.pair, 103, 1}, {&a.pair, 110, 20}};
  const std::string name = std::string(isa_name(isa)) + " rank " + std::to_string(rank) + " of [" +
                           std::to_string(out) + ", " + std::to_string(in) + "] kind " +
                           std::to_string(static_cast<int>(kind));
  const Added added = add(isa, one, both, x, in, kRows, out);
  for (int64_t row = 0; row < kRows; ++row) {
    const Pair* pair = row == 103 ? &b : (row >= 2 && row < 102) || (row >= 110 && row < 130) ? &a : nullptr;
    const std::string what = name + " row " + std::to_string(row);
    check(added.is_there[static_cast<size_t>(row)] == (pair != nullptr), what + " has an adapter");
    if (pair == nullptr) continue;
    const Floats own(x.begin() + row * in, x.begin() + (row + 1) * in);
    const std::vector<double> exact = pair->exact(own.data());
    // Of a small rank a whole row may come out near zero.
    double apart = 0, largest = 1;
    for (int64_t o = 0; o < out; ++o) {
      apart = std::max(apart, std::abs(added.values[static_cast<size_t>(row * out + o)] - exact[static_cast<size_t>(o)]));
      largest = std::max(largest, std::abs(exact[static_cast<size_t>(o)]));
    }
    check(apart <= 1e-5 * largest, what + " is " + std::to_string(apart / largest) + " off");
    const Added alone = add(isa, one, {{&pair->pair, 0, 1}}, own, in, 1, out);
    check(std::memcmp(alone.values.data(), added.values.data() + row * out, static_cast<size_t>(out) * 4) == 0,
          what + " has the bits that it has alone");
  }
  const Added shared = add(isa, many, both, x, in, kRows, out);
  check(std::memcmp(shared.values.data(), added.values.data(), added.values.size() * 4) == 0,
        name + " has the same bits on three threads");
}

// A product with addends is the product and the addends, and rows without one are what they were.
void products(Isa isa, ThreadPool& pool) {
  constexpr int64_t kOut = 70, kIn = 40;
  const Sample weight(pool, {.kind = LinearKind::kF32, .out = kOut, .in = kIn}, 3);
  const Floats x = numbers(5 * kIn, 4), added = numbers(kOut, 5);
  const float* addends[5] = {nullptr, added.data(), nullptr, nullptr, added.data()};
  Floats plain(5 * kOut), with(5 * kOut);
  LinearInput input;
  input.x = x.data();
  input.stride = kIn;
  linear(linear_kernels(isa), pool, weight.packed(), input, 5, plain.data(), kOut, {}, nullptr);
  Epilogue epilogue;
  epilogue.addends = addends;
  epilogue.activation = Activation::kRelu;
  linear(linear_kernels(isa), pool, weight.packed(), input, 5, with.data(), kOut, epilogue, nullptr);
  for (int64_t i = 0; i < 5 * kOut; ++i) {
    const size_t at = static_cast<size_t>(i);
    const float sum = addends[i / kOut] == nullptr ? plain[at] : plain[at] + added[static_cast<size_t>(i % kOut)];
    check(with[at] == (sum > 0 ? sum : 0), std::string(isa_name(isa)) + " addend of element " + std::to_string(i));
  }
}

}  // namespace
}  // namespace aerie::test

int main() {
  using namespace aerie;
  using namespace aerie::test;
  ThreadPool one(1), many(3);
  for (const Isa isa : usable_isas()) {
    for (const LinearKind kind : {LinearKind::kF32, LinearKind::kF16, LinearKind::kBf16}) {
      groups(isa, one, many, kind, 40, 4, 72);
      groups(isa, one, many, kind, 67, 1, 33);
      groups(isa, one, many, kind, 416, 64, 40);
    }
    products(isa, one);
    const Added none = add(isa, one, {}, Floats(40), 40, 1, 16);
    check(!none.is_there[0], "no groups, nothing to add");
  }
  std::printf("%d checks, %d failed\n", checks, failures);
  return failures > 0;
}
