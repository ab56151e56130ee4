// Linears of every instruction set of this machine: against arithmetic in double precision, against portable, against
// themselves with other numbers of rows and threads, and on damaged blocks.
#include "linear/linear.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "check.h"
#include "error.h"
#include "exact_products.h"
#include "isa.h"
#include "sample.h"

namespace aerie::test {
namespace {

std::vector<Shape> shapes() {
  std::vector<Shape> all;
  // Widths that fill no panel, no quad, no vector and no block.
  for (const auto& [out, in] : {std::pair{1, 1}, {16, 64}, {17, 67}, {40, 300}, {130, 1027}}) {
    for (const LinearKind kind : {LinearKind::kF32, LinearKind::kF16, LinearKind::kBf16}) {
      all.push_back({.kind = kind, .out = out, .in = in});
    }
    all.push_back({.kind = LinearKind::kInt8, .out = out, .in = in, .is_signed = true});
    all.push_back({.kind = LinearKind::kInt8, .out = out, .in = in, .is_signed = true, .wide = true});
  }
  for (const int64_t group : {16, 32, 64, 128}) {
    for (const auto& [out, in] : {std::pair{16, 128}, {33, 320}, {20, 1200}}) {
      for (const LinearKind kind : {LinearKind::kInt4, LinearKind::kInt8}) {
        all.push_back({.kind = kind, .out = out, .in = in, .group = group, .scales_f16 = true});
        all.push_back({.kind = kind, .out = out, .in = in, .group = group, .asymmetric = true});
      }
    }
  }
  for (const char* const name : {"Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K"}) {
    const BlockType* const type = find_block_type(name);
    for (const auto& [out, in] : {std::pair{16, 256}, {33, 1280}}) {
      all.push_back({.kind = type->kind, .out = out, .in = in, .group = type->group, .blocks = type});
    }
  }
  all.push_back({.kind = LinearKind::kInt4, .out = 48, .in = 5000, .group = 32, .asymmetric = true});
  all.push_back({.kind = LinearKind::kInt8, .out = 48, .in = 5000, .is_signed = true});
  all.push_back({.kind = LinearKind::kF32, .out = 20, .in = 64, .rank = 5});
  all.push_back({.kind = LinearKind::kInt4, .out = 37, .in = 160, .group = 32, .rank = 7, .low_rank_f16 = true});
  all.push_back({.kind = LinearKind::kInt4, .out = 300, .in = 128, .group = 64, .rank = 300});
  all.push_back({.kind = LinearKind::kInt8, .out = 37, .in = 161, .is_signed = true, .rank = 16, .low_rank_f16 = true});
  return all;
}

double activation(Activation kind, double v) {
  switch (kind) {
    case Activation::kNone:
      return v;
    case Activation::kSilu:
      return v / (1 + std::exp(-v));
    case Activation::kRelu:
      return std::max(v, 0.0);
    case Activation::kRelu2:
      return v > 0 ? v * v : 0;
    case Activation::kGeluErf:
      return 0.5 * v * (1 + std::erf(v / std::sqrt(2.0)));
    case Activation::kGeluTanh:
      return 0.5 * v * (1 + std::tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v)));
    case Activation::kGeluQuick:
      return v / (1 + std::exp(-1.702 * v));
  }
  return v;
}

bool same_bits(const float* a, const float* b, int64_t count) {
  return std::memcmp(a, b, static_cast<size_t>(count) * sizeof(float)) == 0;
}

// Every row of a tall product is compared with the same row multiplied alone or with few others, by one thread or
// three.
void rows_do_not_depend_on_each_other(const LinearKernels& kernels, ThreadPool& one, ThreadPool& three, Sample& sample,
                                      const std::string& name) {
  const int64_t rows = 211;
  const int64_t in = sample.shape().in;
  const int64_t out = sample.shape().out;
  const std::vector<float> x = sample.floats(rows * in);
  const std::vector<float> bias = sample.floats(out);
  const Epilogue epilogue{.bias = bias.data(), .activation = Activation::kSilu};
  const Activations all(kernels, three, sample.packed(), x);
  const std::vector<float> tall = multiply(kernels, three, sample, all, epilogue);
  for (int64_t row = 0, step = 1; row < rows; row += step, step = step % 13 + 1) {
    const int64_t count = std::min(step, rows - row);
    const auto begin = x.begin() + row * in;
    const Activations part(kernels, one, sample.packed(), std::vector<float>(begin, begin + count * in));
    const std::vector<float> y = multiply(kernels, one, sample, part, epilogue);
    check(same_bits(y.data(), tall.data() + row * out, count * out),
          name + ": rows " + std::to_string(row) + " + " + std::to_string(count) + " as among 211");
  }
}

void agrees_with_doubles(const LinearKernels& kernels, const LinearKernels& portable, ThreadPool& pool, Sample& sample,
                         int64_t rows, const std::string& name) {
  const int64_t in = sample.shape().in;
  const int64_t out = sample.shape().out;
  const std::vector<float> x = sample.floats(rows * in);
  const Activations activations(kernels, pool, sample.packed(), x);
  const Activations by_portable(portable, pool, sample.packed(), x);
  const std::vector<float> y = multiply(kernels, pool, sample, activations, {});
  const std::vector<float> expected = multiply(portable, pool, sample, by_portable, {});
  double worst = 0;
  double apart = 0;
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t o = 0; o < out; ++o) {
      double sum = 0;
      double magnitude = 1e-30;
      for (int64_t i = 0; i < in; ++i) {
        const double product = activations.at(row, i) * (sample.weight(o, i) + sample.low_rank(o, i));
        sum += product;
        magnitude += std::abs(product);
      }
      const size_t at = static_cast<size_t>(row * out + o);
      worst = std::max(worst, std::abs(y[at] - sum) / magnitude);
      apart = std::max(apart, std::abs(y[at] - double{expected[at]}) / magnitude);
    }
  }
  check(worst < 1e-5, name + ": off by " + std::to_string(worst) + " of the sum of absolute products");
  check(apart < 1e-5, name + ": " + std::to_string(apart) + " from portable");
}

void epilogues(const LinearKernels& kernels, ThreadPool& pool) {
  for (const int64_t out : {16, 21}) {
    Sample sample(pool, {.kind = LinearKind::kF32, .out = out, .in = 8}, 7);
    const int64_t rows = 9;
    const int64_t stride = out + 3;
    const Activations x(kernels, pool, sample.packed(), sample.floats(rows * 8, 3));
    const std::vector<float> plain = multiply(kernels, pool, sample, x, {});
    const std::vector<float> bias = sample.floats(out);
    const std::vector<float> factor = sample.floats(rows * stride);
    for (int kind = 0; kind <= static_cast<int>(Activation::kGeluQuick); ++kind) {
      // The residual is y itself.
      std::vector<float> y = sample.floats(rows * stride);
      const std::vector<float> before = y;
      const Epilogue epilogue{bias.data(), static_cast<Activation>(kind), factor.data(), stride, y.data(), stride};
      linear(kernels, pool, sample.packed(), x.input(), rows, y.data(), stride, epilogue, nullptr);
      double worst = 0;
      bool kept = true;
      for (int64_t row = 0; row < rows; ++row) {
        for (int64_t o = 0; o < stride; ++o) {
          const size_t at = static_cast<size_t>(row * stride + o);
          if (o >= out) {
            kept = kept && y[at] == before[at];
            continue;
          }
          const double v = double{plain[static_cast<size_t>(row * out + o)]} + bias[static_cast<size_t>(o)];
          const double expected = activation(static_cast<Activation>(kind), v) * factor[at] + before[at];
          worst = std::max(worst, std::abs(y[at] - expected) / (1 + std::abs(expected)));
        }
      }
      check(worst < 1e-5, "activation " + std::to_string(kind) + " off by " + std::to_string(worst));
      check(kept, "nothing is written beside a row's outputs");
    }
  }
}

void quantisation(const LinearKernels& kernels, ThreadPool& pool) {
  const int64_t in = 70;
  const int64_t rows = 6;
  std::vector<float> x(rows * in, 0.0f);
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  for (float& value : x) value = normal(random);
  for (int64_t i = 0; i < in; ++i) {
    x[in + i] = 0;
    x[2 * in + i] = std::numeric_limits<float>::denorm_min() * static_cast<float>(i % 5);
    x[3 * in + i] = static_cast<float>(i % 2 ? 0.5 + i : -0.5 - i) * 127 / 69.5f;
  }
  x[4 * in + 3] = std::numeric_limits<float>::infinity();
  x[5 * in + 40] = std::numeric_limits<float>::quiet_NaN();
  for (const int64_t group : {0, 16, 32, 64}) {
    const Block block = aligned_block(quantised_bytes(rows, in, group));
    const QuantisedView view = quantised_view(block.get(), rows, in, group);
    std::memset(block.get(), 77, quantised_bytes(rows, in, group));
    quantise_rows(kernels, pool, x.data(), in, view);
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t g = 0; g < view.groups; ++g) {
        float largest = 0;
        bool finite = true;
        for (int64_t i = g * view.group; i < std::min(in, (g + 1) * view.group); ++i) {
          largest = std::max(largest, std::abs(x[static_cast<size_t>(row * in + i)]));
          finite = finite && std::isfinite(x[static_cast<size_t>(row * in + i)]);
        }
        const float scale = view.scales[row * view.groups + g];
        const std::string name = "quantised row " + std::to_string(row) + " group " + std::to_string(g);
        check(finite ? scale == largest / 127 : std::isnan(scale), name + " scale");
        int32_t sum = 0;
        for (int64_t i = g * view.group; i < std::min(in, (g + 1) * view.group); ++i) {
          const float value = x[static_cast<size_t>(row * in + i)];
          const float whole = finite && scale > 0 ? std::nearbyint(value / scale) : 0;
          check(view.values[row * view.stride + i] == std::clamp(whole, -127.0f, 127.0f), name + " values");
          sum += view.values[row * view.stride + i];
        }
        check(view.sums[row * view.groups + g] == sum, name + " sum");
      }
      for (int64_t i = in; i < view.stride; ++i) check(view.values[row * view.stride + i] == 0, "padding is 0");
    }
  }
}

// Whatever a header says that is accepted, kernels stay inside the block (an address sanitizer looks on).
void multiply_once(ThreadPool& pool, const PackedLinear& weight) {
  const LinearKernels& kernels = linear_kernels(usable_isas().front());
  const Activations x(kernels, pool, weight, std::vector<float>(static_cast<size_t>(2 * weight.in), 0.5f));
  std::vector<float> y(static_cast<size_t>(2 * weight.out));
  const Block workspace = aligned_block(linear_workspace(weight, 2));
  linear(kernels, pool, weight, x.input(), 2, y.data(), weight.out, {}, workspace.get());
}

void damaged_block(ThreadPool& pool, const Shape& shape) {
  Sample sample(pool, shape, 5);
  const size_t size = sample.packed().bytes;
  const auto parse = [&pool](const void* block, size_t bytes) {
    try {
      multiply_once(pool, parse_packed(block, bytes));
      return true;
    } catch (const TypeError&) {
      return false;
    }
  };
  check(parse(sample.block(), size), "a whole block");
  check(!parse(nullptr, size), "no block");
  for (size_t bytes = 0; bytes < size; bytes += bytes < 256 ? 1 : 97) {
    check(!parse(sample.block(), bytes), "a block cut at " + std::to_string(bytes));
  }
  const Block copy = aligned_block(size + 64);
  uint8_t* const bytes = static_cast<uint8_t*>(copy.get());
  std::memcpy(bytes + 1, sample.block(), size);
  check(!parse(bytes + 1, size), "a block that is not aligned");
  std::mt19937 random(11);
  int accepted = 0;
  for (int i = 0; i < 50000; ++i) {
    std::memcpy(bytes, sample.block(), size);
    for (int changes = 1 + static_cast<int>(random() % 3); changes > 0; --changes) {
      const size_t at = random() % sizeof(PackedHeader);
      bytes[at] = static_cast<uint8_t>(random() % 4 == 0 ? random() % 2 * 255 : random());
    }
    accepted += parse(bytes, size);
  }
  // The rest is unchanged (many bytes are 0 or 255), or has other widths with as many panels.
  check(accepted < 5000, "changed headers are refused, accepted " + std::to_string(accepted));
}

void damaged_blocks(ThreadPool& pool) {
  damaged_block(pool, {.kind = LinearKind::kInt4, .out = 40, .in = 96, .group = 32, .asymmetric = true, .rank = 3});
  damaged_block(pool,
                {.kind = LinearKind::kInt4, .out = 40, .in = 96, .group = 32, .asymmetric = true, .sparse24 = true});
  damaged_block(pool, {.kind = LinearKind::kBf16, .out = 40, .in = 70, .sparse24 = true, .rank = 3});
  for (const char* const name : {"Q4_1", "Q5_K", "Q6_K"}) {
    const BlockType* const type = find_block_type(name);
    damaged_block(pool, {.kind = type->kind, .out = 40, .in = 256, .group = type->group, .blocks = type});
  }
}

// Bytes of a file may begin anywhere; the undefined-behaviour sanitizer looks on.
void unaligned_values(ThreadPool& pool) {
  for (const LinearKind kind : {LinearKind::kF32, LinearKind::kF16, LinearKind::kBf16}) {
    Sample sample(pool, {.kind = kind, .out = 17, .in = 67}, 5);
    LinearSource source = sample.source();
    std::vector<uint8_t> moved(source.values.size() + 1);
    std::copy(source.values.begin(), source.values.end(), moved.begin() + 1);
    source.values = std::span<const uint8_t>(moved).subspan(1);
    const PackedHeader header = plan_packed(source);
    const Block block = aligned_block(header.bytes);
    pack_linear(pool, source, header, block.get());
    check(std::memcmp(block.get(), sample.block(), header.bytes) == 0,
          "values at an odd address, kind " + std::to_string(static_cast<int>(kind)));
  }
}

void mistakes(const LinearKernels& kernels, ThreadPool& pool) {
  Sample sample(pool, {.kind = LinearKind::kInt4, .out = 16, .in = 64, .group = 32}, 5);
  LinearSource source = sample.source();
  source.scales = source.scales.subspan(1);
  check_throws<TypeError>("a missing scale", [&] { plan_packed(source); });
  source = sample.source();
  source.group = 24;
  check_throws<RangeError>("a group of 24", [&] { plan_packed(source); });
  source = sample.source();
  source.in = int64_t{1} << 40;
  check_throws<RangeError>("absurd widths", [&] { plan_packed(source); });
  std::vector<float> y(16);
  const std::vector<float> x(64);
  check_throws<TypeError>("floats for int4", [&] {
    linear(kernels, pool, sample.packed(), {x.data(), 64, nullptr}, 1, y.data(), 16, {}, nullptr);
  });
  const Block block = aligned_block(quantised_bytes(1, 64, 64));
  const QuantisedView view = quantised_view(block.get(), 1, 64, 64);
  check_throws<TypeError>("another group", [&] {
    linear(kernels, pool, sample.packed(), {nullptr, 0, &view}, 1, y.data(), 16, {}, nullptr);
  });
  const std::vector<uint8_t> blocks(16 * 144);
  LinearSource cut{.out = 16, .in = 128, .values = blocks, .blocks = find_block_type("Q4_K")};
  check_throws<RangeError>("half a block", [&] { plan_packed(cut); });
  cut.in = 512;
  check_throws<TypeError>("too few blocks", [&] { plan_packed(cut); });
  check(find_block_type("Q3_K") == nullptr, "no blocks of Q3_K");
  const auto layout = [](LinearKind kind, uint32_t flags) { packed_layout(kind, flags, 16, 64, 32, 0); };
  check_throws<RangeError>("minimums and zeros", [&] { layout(LinearKind::kInt4, kMinimums | kAsymmetric); });
  check_throws<RangeError>("super scales of f16", [&] { layout(LinearKind::kInt6, kSuperScales | kScalesF16); });
  check_throws<RangeError>("2:4 with minimums", [&] { layout(LinearKind::kInt4, kSparse24 | kMinimums); });
  check_throws<RangeError>("2:4 with super scales", [&] { layout(LinearKind::kInt4, kSparse24 | kSuperScales); });
  check_throws<RangeError>("2:4 of int6", [&] { layout(LinearKind::kInt6, kSparse24); });
}

void run(Isa isa) {
  ThreadPool one(1);
  ThreadPool three(3);
  const LinearKernels& kernels = linear_kernels(isa);
  const LinearKernels& portable = linear_kernels(Isa::kPortable);
  uint32_t seed = 1;
  for (const Shape& shape : shapes()) {
    Sample sample(three, shape, seed++);
    const std::string name = std::string(isa_name(isa)) + " " + shape.name();
    for (const int64_t rows : {1, 3, 29}) agrees_with_doubles(kernels, portable, three, sample, rows, name);
    rows_do_not_depend_on_each_other(kernels, one, three, sample, name);
  }
  integers_are_exact(kernels, one);
  blocks_are_exact(kernels, one);
  epilogues(kernels, three);
  quantisation(kernels, one);
  mistakes(kernels, one);
}

}  // namespace
}  // namespace aerie::test

int main() {
  using namespace aerie;
  for (const Isa isa : usable_isas()) {
    test::run(isa);
    std::printf("%s: %d checks\n", isa_name(isa), test::checks);
  }
  ThreadPool pool(1);
  test::unaligned_values(pool);
  test::damaged_blocks(pool);
  std::printf("%d checks, %d failures\n", test::checks, test::failures);
  return test::failures == 0 ? 0 : 1;
}
