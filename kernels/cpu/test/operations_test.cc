// Operations other than linears, of every instruction set of this machine, against arithmetic in double precision. The
// TypeScript tests (test/kernels) say the same in more cases; this one runs where there is no Node.
#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <vector>

#include "check.h"
#include "isa.h"
#include "kv_store.h"
#include "ops/op_kernels.h"
#include "program/attend.h"
#include "thread_pool.h"

namespace aerie::test {
namespace {

using Floats = std::vector<float>;

Floats numbers(int64_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Floats values(static_cast<size_t>(count));
  for (float& value : values) value = normal(random);
  return values;
}

// Largest difference over the largest magnitude.
double distance(const Floats& got, const std::vector<double>& expected) {
  double apart = 0, largest = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    if (!(std::abs(got[i] - expected[i]) <= 1e30)) return INFINITY;
    apart = std::max(apart, std::abs(got[i] - expected[i]));
    largest = std::max(largest, std::abs(expected[i]));
  }
  return largest > 0 ? apart / largest : apart;
}

void functions(Isa isa) {
  const std::vector<std::pair<Activation, std::function<double(double)>>> kinds = {
      {Activation::kSilu, [](double v) { return v / (1 + std::exp(-v)); }},
      {Activation::kRelu2, [](double v) { return v > 0 ? v * v : 0; }},
      {Activation::kGeluErf, [](double v) { return 0.5 * v * (1 + std::erf(v / std::sqrt(2.0))); }},
      {Activation::kGeluTanh,
       [](double v) { return 0.5 * v * (1 + std::tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v))); }},
      {Activation::kGeluQuick, [](double v) { return v / (1 + std::exp(-1.702 * v)); }},
  };
  for (const auto& [kind, exact] : kinds) {
    Floats x(40001), y(x.size());
    std::vector<double> expected(x.size());
    for (size_t i = 0; i < x.size(); ++i) {
      x[i] = (static_cast<float>(i) - 20000) / 1000;
      expected[i] = exact(x[i]);
    }
    op_kernels(isa).unary(kind, static_cast<int64_t>(x.size()), x.data(), y.data());
    bool is_close = true;
    for (size_t i = 0; i < x.size(); ++i) {
      is_close = is_close && std::abs(y[i] - expected[i]) <= 1e-6 * std::max(1.0, std::abs(expected[i]));
    }
    check(is_close, std::string(isa_name(isa)) + " activation " + std::to_string(static_cast<int>(kind)));
  }
}

void norms(Isa isa) {
  for (const int64_t width : {1, 7, 16, 67, 896}) {
    const Floats x = numbers(3 * width, 1), w = numbers(width, 2), b = numbers(width, 3);
    Floats rms(x.size()), layer(x.size()), soft(x.size());
    NormArguments arguments = {3, width, x.data(), w.data(), b.data(), 1e-5f, 1, rms.data()};
    op_kernels(isa).rms_norm(arguments);
    arguments.y = layer.data();
    op_kernels(isa).layer_norm(arguments);
    op_kernels(isa).softmax(3, width, x.data(), soft.data());
    std::vector<double> exact_rms, exact_layer, exact_soft;
    for (int64_t row = 0; row < 3; ++row) {
      const float* v = x.data() + row * width;
      double mean = 0, squares = 0, variance = 0, sum = 0;
      for (int64_t i = 0; i < width; ++i) {
        mean += v[i] / static_cast<double>(width);
        squares += double{v[i]} * v[i] / static_cast<double>(width);
        sum += std::exp(v[i]);
      }
      for (int64_t i = 0; i < width; ++i) variance += (v[i] - mean) * (v[i] - mean) / static_cast<double>(width);
      for (int64_t i = 0; i < width; ++i) {
        const size_t at = static_cast<size_t>(i);
        exact_rms.push_back(v[i] / std::sqrt(squares + 1e-5) * (w[at] + 1));
        exact_layer.push_back((v[i] - mean) / std::sqrt(variance + 1e-5) * (w[at] + 1) + b[at]);
        exact_soft.push_back(std::exp(v[i]) / sum);
      }
    }
    const std::string name = std::string(isa_name(isa)) + " of " + std::to_string(width);
    check(distance(rms, exact_rms) < 1e-6, name + " rmsNorm");
    check(distance(layer, exact_layer) < 2e-6, name + " layerNorm");
    check(distance(soft, exact_soft) < 1e-6, name + " softmax");
  }
}

struct Sizes {
  int64_t heads, kv_heads, head_dim, length, window, block_size;
};

// Queries, keys and values of one sequence over a store, read in pieces.
class Sequence {
 public:
  Sequence(Isa isa, const Sizes& sizes, KvType type, int threads)
      : kernels_(op_kernels(isa).attention),
        sizes_(sizes),
        pool_(threads),
        store_({1, sizes.kv_heads, sizes.head_dim, sizes.block_size, sizes.length / sizes.block_size + 1, type}),
        q_(numbers(sizes.length * sizes.heads * sizes.head_dim, 4)),
        k_(numbers(sizes.length * sizes.kv_heads * sizes.head_dim, 5)),
        v_(numbers(sizes.length * sizes.kv_heads * sizes.head_dim, 6)) {
    for (int64_t i = store_.options().blocks; i-- > 0;) table_.push_back(static_cast<int32_t>(i));
  }

  Floats read(int64_t piece) {
    const auto [heads, kv_heads, head_dim, length, window, block_size] = sizes_;
    const int64_t group = heads / kv_heads, width = heads * head_dim;
    Floats y(q_.size());
    for (int64_t past = 0; past < length; past += piece) {
      const int64_t count = std::min(piece, length - past);
      std::vector<AttentionTask> tasks;
      for (int64_t head = 0; head < kv_heads; ++head) {
        const int64_t at = (past * kv_heads + head) * head_dim;
        kernels_.write(store_.view(0, head), table_.data(), past, count, k_.data() + at, v_.data() + at,
                       kv_heads * head_dim);
        const int64_t most = kMaxRows / group;
        for (int64_t query = 0; query < count; query += most) {
          const int64_t place = (past + query) * width + head * group * head_dim;
          tasks.push_back({store_.view(0, head), table_.data(), q_.data() + place, y.data() + place, width,
                           std::min(most, count - query), group, true, past + query, window, 0, nullptr});
        }
      }
      attend(pool_, kernels_, tasks, {kScale, 0}, scratch_);
    }
    return y;
  }

  std::vector<double> exact() const {
    const auto [heads, kv_heads, head_dim, length, window, block_size] = sizes_;
    std::vector<double> y(q_.size());
    for (int64_t query = 0; query < length; ++query) {
      for (int64_t head = 0; head < heads; ++head) {
        const int64_t at = (query * heads + head) * head_dim, kv_head = head / (heads / kv_heads);
        const int64_t first = window > 0 ? std::max<int64_t>(0, query + 1 - window) : 0;
        double sum = 0;
        for (int64_t key = first; key <= query; ++key) {
          const int64_t from = (key * kv_heads + kv_head) * head_dim;
          double score = 0;
          for (int64_t i = 0; i < head_dim; ++i) {
            score += double{q_[static_cast<size_t>(at + i)]} * k_[static_cast<size_t>(from + i)];
          }
          const double weight = std::exp(kScale * score);
          sum += weight;
          for (int64_t i = 0; i < head_dim; ++i) {
            y[static_cast<size_t>(at + i)] += weight * v_[static_cast<size_t>(from + i)];
          }
        }
        for (int64_t i = 0; i < head_dim; ++i) y[static_cast<size_t>(at + i)] /= sum;
      }
    }
    return y;
  }

 private:
  static constexpr float kScale = 0.125f;
  AttentionKernels kernels_;
  Sizes sizes_;
  ThreadPool pool_;
  KvStore store_;
  Floats q_, k_, v_;
  std::vector<int32_t> table_;
  Buffer scratch_;
};

void attention(Isa isa) {
  for (const Sizes& sizes : {Sizes{7, 1, 64, 560, 0, 16}, {4, 2, 40, 530, 100, 5}, {3, 3, 72, 200, 0, 32}}) {
    const std::vector<double> exact = Sequence(isa, sizes, KvType::kF32, 1).exact();
    for (const auto& [type, most] :
         {std::pair{KvType::kF32, 2e-6}, std::pair{KvType::kF16, 2e-3}, std::pair{KvType::kInt8, 3e-2}}) {
      const std::string name = std::string(isa_name(isa)) + " attention, type " +
                               std::to_string(static_cast<int>(type)) + ", heads of " + std::to_string(sizes.head_dim);
      const Floats whole = Sequence(isa, sizes, type, 2).read(sizes.length);
      check(distance(whole, exact) < most, name + " is " + std::to_string(distance(whole, exact)) + " off");
      for (const int64_t piece : {1, 37, 200}) {
        check(Sequence(isa, sizes, type, 3).read(piece) == whole, name + " in pieces of " + std::to_string(piece));
      }
    }
  }
}

}  // namespace
}  // namespace aerie::test

int main() {
  using namespace aerie;
  for (const Isa isa : usable_isas()) {
    test::functions(isa);
    test::norms(isa);
    test::attention(isa);
    std::printf("%s: %d checks\n", isa_name(isa), test::checks);
  }
  std::printf("%d checks, %d failures\n", test::checks, test::failures);
  return test::failures == 0 ? 0 : 1;
}
