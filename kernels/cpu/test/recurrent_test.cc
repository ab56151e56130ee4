// Recurrences and what sampling weighs with, of every instruction set of this machine, against arithmetic in double
// precision. The TypeScript tests (test/kernels, test/engine/backends) say the same in more cases; this one runs where
// there is no Node.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "check.h"
#include "isa.h"
#include "ops/op_kernels.h"

namespace aerie::test {
namespace {

using Floats = std::vector<float>;
using Doubles = std::vector<double>;

constexpr int64_t kTokens = 19;

Floats numbers(int64_t count, uint32_t seed, float scale = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Floats values(static_cast<size_t>(count));
  for (float& value : values) value = scale * normal(random);
  return values;
}

// Largest difference over the largest magnitude.
double distance(const Floats& got, const Doubles& expected) {
  double apart = 0, largest = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    if (!(std::abs(got[i] - expected[i]) <= 1e30)) return INFINITY;
    apart = std::max(apart, std::abs(got[i] - expected[i]));
    largest = std::max(largest, std::abs(expected[i]));
  }
  return apart / largest;
}

double silu(double v) { return v / (1 + std::exp(-v)); }

// Calls run(from token, tokens, state before or null, state behind) for pieces of kTokens tokens.
template <typename Run>
void in_pieces(int64_t piece, int64_t state_size, Run run) {
  Floats before(static_cast<size_t>(state_size)), behind(before.size());
  for (int64_t at = 0; at < kTokens; at += piece) {
    run(at, std::min(piece, kTokens - at), at == 0 ? nullptr : before.data(), behind.data());
    std::swap(before, behind);
  }
}

void convolutions(Isa isa) {
  for (const auto& [channels, kernel] : {std::pair<int64_t, int64_t>{70, 4}, {3, 2}, {16, 7}}) {
    const Floats x = numbers(kTokens * channels, 1), weight = numbers(kernel * channels, 2),
                 bias = numbers(channels, 3);
    Doubles expected(x.size());
    for (int64_t i = 0; i < kTokens * channels; ++i) {
      double sum = bias[static_cast<size_t>(i % channels)];
      for (int64_t j = 0; j < kernel; ++j) {
        const int64_t from = i - (kernel - 1 - j) * channels;
        if (from >= 0)
          sum += double{x[static_cast<size_t>(from)]} * weight[static_cast<size_t>(j * channels + i % channels)];
      }
      expected[static_cast<size_t>(i)] = silu(sum);
    }
    const auto read = [&](int64_t piece) {
      Floats y(x.size());
      in_pieces(piece, (kernel - 1) * channels, [&](int64_t at, int64_t count, const float* from, float* to) {
        op_kernels(isa).recurrent.causal_conv({count, channels, 0, channels, kernel, x.data() + at * channels,
                                               weight.data(), bias.data(), Activation::kSilu, from, to,
                                               y.data() + at * channels});
      });
      return y;
    };
    const std::string name = std::string(isa_name(isa)) + " convolution of " + std::to_string(channels) + " channels";
    const Floats whole = read(kTokens);
    check(distance(whole, expected) < 1e-6, name + " is " + std::to_string(distance(whole, expected)) + " off");
    for (const int64_t piece : {1, 2, 7}) check(read(piece) == whole, name + " in pieces of " + std::to_string(piece));
  }
}

void scans(Isa isa) {
  for (const auto& [channels, size] : {std::pair<int64_t, int64_t>{70, 16}, {3, 1}, {16, 33}}) {
    const Floats x = numbers(kTokens * channels, 4), dt = numbers(kTokens * channels, 5, 6);
    const Floats b = numbers(kTokens * size, 6), c = numbers(kTokens * size, 7), d = numbers(channels, 8);
    const Floats z = numbers(kTokens * channels, 9);
    Floats a = numbers(size * channels, 10);
    for (float& value : a) value = -std::exp(value);
    Doubles expected(x.size()), state(a.size());
    for (size_t i = 0; i < x.size(); ++i) {
      const size_t token = i / static_cast<size_t>(channels), channel = i % static_cast<size_t>(channels);
      const double delta = std::max(0.0, double{dt[i]}) + std::log1p(std::exp(-std::abs(double{dt[i]})));
      double sum = double{d[channel]} * x[i];
      for (size_t n = 0; n < static_cast<size_t>(size); ++n) {
        double& s = state[n * static_cast<size_t>(channels) + channel];
        const size_t at = token * static_cast<size_t>(size) + n;
        s = std::exp(delta * a[n * static_cast<size_t>(channels) + channel]) * s + delta * x[i] * b[at];
        sum += s * c[at];
      }
      expected[i] = sum * silu(z[i]);
    }
    const auto read = [&](int64_t piece) {
      Floats y(x.size());
      in_pieces(piece, size * channels, [&](int64_t at, int64_t count, const float* from, float* to) {
        const int64_t first = at * channels;
        op_kernels(isa).recurrent.selective_scan(
            {count, channels, 0, channels, size, x.data() + first, dt.data() + first, a.data(), b.data() + at * size,
             c.data() + at * size, d.data(), z.data() + first, from, to, y.data() + first});
      });
      return y;
    };
    const std::string name = std::string(isa_name(isa)) + " scan of " + std::to_string(size) + " numbers a channel";
    const Floats whole = read(kTokens);
    check(distance(whole, expected) < 2e-6, name + " is " + std::to_string(distance(whole, expected)) + " off");
    for (const int64_t piece : {1, 2, 7}) check(read(piece) == whole, name + " in pieces of " + std::to_string(piece));
  }
}

void weights(Isa isa) {
  const SamplingKernels& kernels = op_kernels(isa).sampling;
  // From where e^x is subnormal to where it is 1, an odd number of them.
  Doubles values;
  for (double x = -760; x < -1e-12; x *= 0.9993) values.push_back(x);
  values.insert(values.end(),
                {0, -0x1p-28, -0x1.62e43p-2, -0x1.0a2b2p0, -std::numeric_limits<double>::infinity(), -1e9});
  const int64_t count = static_cast<int64_t>(values.size());
  Doubles got(values.size()), portable(values.size());
  const double sum = kernels.weigh(count, values.data(), 0, 1, got.data());
  const double same = op_kernels(Isa::kPortable).sampling.weigh(count, values.data(), 0, 1, portable.data());
  const std::string name = std::string(isa_name(isa)) + " weights";
  check(std::memcmp(got.data(), portable.data(), got.size() * sizeof(double)) == 0 && sum == same,
        name + " are not those of portable code");
  double total = 0;
  bool is_close = true;
  for (size_t i = 0; i < got.size(); ++i) {
    total += got[i];
    const double exact = std::exp(values[i]);
    is_close = is_close && std::abs(got[i] - exact) <= 3e-16 * exact + 5e-324;
  }
  check(is_close, name + " are not e^x");
  check(sum == total, name + " are not added up in order");

  Floats logits = numbers(1003, 11);
  logits[1001] = 9;
  check(kernels.largest(1003, logits.data()) == 9, name + ": largest at the end");
  logits[500] = std::numeric_limits<float>::quiet_NaN();
  check(std::isnan(kernels.largest(1003, logits.data())), name + ": NaN among vectors");
  check(std::isnan(kernels.largest(3, logits.data() + 499)), name + ": NaN behind vectors");
}

}  // namespace
}  // namespace aerie::test

int main() {
  using namespace aerie;
  for (const Isa isa : usable_isas()) {
    test::convolutions(isa);
    test::scans(isa);
    test::weights(isa);
    std::printf("%s: %d checks\n", isa_name(isa), test::checks);
  }
  std::printf("%d checks, %d failures\n", test::checks, test::failures);
  return test::failures == 0 ? 0 : 1;
}
