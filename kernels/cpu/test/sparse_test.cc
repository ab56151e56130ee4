// 2:4 weights: what they are found to be, what they take, and products that have the bits of the dense form.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "check.h"
#include "error.h"
#include "isa.h"
#include "linear/sparse24.h"
#include "sample.h"

namespace aerie::test {
namespace {

std::vector<Shape> shapes() {
  std::vector<Shape> all;
  // Widths that fill no panel, no quad, no unit and no block.
  for (const auto& [out, in] : {std::pair{1, 1}, {16, 64}, {17, 67}, {40, 300}, {35, 1027}}) {
    for (const LinearKind kind : {LinearKind::kF32, LinearKind::kF16, LinearKind::kBf16}) {
      all.push_back({.kind = kind, .out = out, .in = in, .sparse24 = true});
    }
    all.push_back({.kind = LinearKind::kInt8, .out = out, .in = in, .is_signed = true, .sparse24 = true});
    all.push_back({.kind = LinearKind::kInt8, .out = out, .in = in, .is_signed = true, .wide = true, .sparse24 = true});
  }
  for (const int64_t group : {16, 32, 64, 128}) {
    for (const auto& [out, in] : {std::pair{16, 128}, {33, 330}, {20, 1200}}) {
      for (const LinearKind kind : {LinearKind::kInt4, LinearKind::kInt8}) {
        all.push_back({.kind = kind, .out = out, .in = in, .group = group, .scales_f16 = true, .sparse24 = true});
        all.push_back({.kind = kind, .out = out, .in = in, .group = group, .asymmetric = true, .sparse24 = true});
      }
    }
  }
  all.push_back({.kind = LinearKind::kInt8, .out = 20, .in = 5000, .is_signed = true, .sparse24 = true});
  all.push_back({.kind = LinearKind::kBf16, .out = 37, .in = 161, .sparse24 = true, .rank = 5});
  all.push_back({.kind = LinearKind::kInt4, .out = 37, .in = 160, .group = 32, .sparse24 = true, .rank = 7});
  all.push_back({.kind = LinearKind::kInt8, .out = 37, .in = 161, .is_signed = true, .sparse24 = true, .rank = 16});
  return all;
}

struct Packed {
  Block block;
  PackedLinear weight;
};

Packed pack(ThreadPool& pool, const LinearSource& source) {
  const PackedHeader header = plan_packed(source);
  Packed packed{aligned_block(header.bytes), {}};
  pack_linear(pool, source, header, packed.block.get());
  packed.weight = parse_packed(packed.block.get(), header.bytes);
  return packed;
}

Packed dense_form(ThreadPool& pool, const Sample& sample) {
  LinearSource source = sample.source();
  source.sparse24 = false;
  return pack(pool, source);
}

std::vector<float> product(const LinearKernels& kernels, ThreadPool& pool, const PackedLinear& weight,
                           const std::vector<float>& x, const Epilogue& epilogue) {
  const Activations activations(kernels, pool, weight, x);
  std::vector<float> y(static_cast<size_t>(activations.rows() * weight.out));
  const Block workspace = aligned_block(linear_workspace(weight, activations.rows()));
  linear(kernels, pool, weight, activations.input(), activations.rows(), y.data(), weight.out, epilogue,
         workspace.get());
  return y;
}

void has_the_bits_of_the_dense_form(Isa isa, ThreadPool& one, ThreadPool& three, const Shape& shape, uint32_t seed) {
  const LinearKernels& kernels = linear_kernels(isa);
  Sample sample(three, shape, seed);
  const Packed dense = dense_form(three, sample);
  const std::string name = std::string(isa_name(isa)) + " " + shape.name();
  check(sample.packed().sparse && !dense.weight.sparse, name + ": one form each");
  const std::vector<float> bias = sample.floats(shape.out);
  const Epilogue epilogue{.bias = bias.data(), .activation = Activation::kSilu};
  for (const int64_t rows : {1, 2, 5, 13, 27, 130}) {
    std::vector<float> x = sample.floats(rows * shape.in);
    // What is infinite or no number shows in every output, zero weights or not.
    if (rows == 5) x[x.size() / 2] = std::numeric_limits<float>::infinity();
    const std::vector<float> expected = product(kernels, three, dense.weight, x, epilogue);
    for (ThreadPool* const pool : {&one, &three}) {
      const std::vector<float> y = product(kernels, *pool, sample.packed(), x, epilogue);
      check(std::memcmp(y.data(), expected.data(), y.size() * sizeof(float)) == 0,
            name + ": " + std::to_string(rows) + " rows as of the dense form");
    }
  }
}

// Two values and four bits of four: 12 bits of 16, 20 of 32, 36 of 64, 68 of 128.
void takes_fewer_bytes(ThreadPool& pool) {
  constexpr int64_t kOut = 64, kIn = 1024;
  const auto values = [&](const Shape& shape) {
    const Sample sample(pool, shape, 1);
    const Packed dense = dense_form(pool, sample);
    return std::pair{static_cast<int64_t>(sample.packed().bytes),
                     static_cast<int64_t>(dense.weight.bytes) - static_cast<int64_t>(sample.packed().bytes)};
  };
  constexpr int64_t kQuads = kOut * kIn / 4;
  for (const auto& [kind, bits] : {std::pair{LinearKind::kInt4, 4}, {LinearKind::kInt8, 12}}) {
    const auto [bytes, fewer] = values({.kind = kind, .out = kOut, .in = kIn, .group = 32, .sparse24 = true});
    check(fewer == kQuads * bits / 8, "quantised, fewer bytes: " + std::to_string(fewer));
    check(bytes > 0, "a block");
  }
  for (const auto& [kind, bits] : {std::pair{LinearKind::kF16, 28}, {LinearKind::kBf16, 28}, {LinearKind::kF32, 60}}) {
    const auto [bytes, fewer] = values({.kind = kind, .out = kOut, .in = kIn, .sparse24 = true});
    check(fewer == kQuads * bits / 8, "floats, fewer bytes: " + std::to_string(fewer));
    check(bytes > 0, "a block");
  }
}

void set_three(std::vector<uint8_t>& values, const Shape& shape, int64_t row, int64_t quad) {
  const int64_t at = row * shape.in + quad * 4;
  for (int64_t i = 0; i < 3; ++i) {
    if (is_dense(shape.kind)) {
      values[static_cast<size_t>((at + i) * element_bytes(shape.kind))] = 1;
    } else if (shape.is_signed) {
      values[static_cast<size_t>(at + i)] = 1;
    } else if (shape.kind == LinearKind::kInt8) {
      values[static_cast<size_t>(at + i)] = 127;
    } else {
      values[static_cast<size_t>((at + i) / 2)] = 0x77;
    }
  }
}

void finds_the_first_quad_of_three(ThreadPool& pool) {
  std::mt19937 random(7);
  for (const Shape& shape : {Shape{.kind = LinearKind::kF32, .out = 70, .in = 96, .sparse24 = true},
                             Shape{.kind = LinearKind::kBf16, .out = 70, .in = 96, .sparse24 = true},
                             Shape{.kind = LinearKind::kInt8, .out = 70, .in = 96, .is_signed = true, .sparse24 = true},
                             Shape{.kind = LinearKind::kInt8, .out = 70, .in = 96, .group = 32, .sparse24 = true},
                             Shape{.kind = LinearKind::kInt4, .out = 70, .in = 96, .group = 32, .sparse24 = true}}) {
    const Sample sample(pool, shape, 3);
    LinearSource source = sample.source();
    check(!first_dense_quad(pool, source).has_value(), shape.name() + " is 2:4");
    std::vector<uint8_t> values(source.values.begin(), source.values.end());
    source.values = values;
    QuadPlace first{shape.out, 0};
    for (int i = 0; i < 20; ++i) {
      const QuadPlace place{static_cast<int64_t>(random() % shape.out),
                            static_cast<int64_t>(random() % (shape.in / 4))};
      set_three(values, shape, place.row, place.quad);
      if (place.row < first.row || (place.row == first.row && place.quad < first.quad)) first = place;
      const auto found = first_dense_quad(pool, source);
      check(found.has_value() && found->row == first.row && found->quad == first.quad,
            shape.name() + ": row " + std::to_string(first.row) + " quad " + std::to_string(first.quad));
    }
  }
  // Of inputs that a row does not have nothing is looked at: behind 65 of int4 in groups of 32 lie 31 more.
  Sample sample(pool, {.kind = LinearKind::kInt4, .out = 16, .in = 65, .group = 32, .sparse24 = true}, 3);
  check(!first_dense_quad(pool, sample.source()).has_value(), "what fills a group up does not count");
  for (uint32_t inputs = 0; inputs < 16; ++inputs) {
    const uint32_t two = two_inputs(inputs);
    check(std::popcount(two) == 2 && two < 16, "two of four");
    check(std::popcount(inputs) > 2 || (two & inputs) == inputs, "those that are not zero among them");
  }
}

// Any bytes are numbers, the same with every instruction set.
void any_bytes_are_values(ThreadPool& pool) {
  std::mt19937 random(5);
  for (const Shape& shape :
       {Shape{.kind = LinearKind::kInt4, .out = 33, .in = 200, .group = 32, .sparse24 = true},
        Shape{.kind = LinearKind::kInt8, .out = 33, .in = 200, .group = 16, .sparse24 = true},
        Shape{.kind = LinearKind::kInt8, .out = 33, .in = 203, .is_signed = true, .wide = true, .sparse24 = true}}) {
    Sample sample(pool, shape, 9);
    PackedHeader header;
    std::memcpy(&header, sample.block(), sizeof header);
    uint8_t* const block = static_cast<uint8_t*>(sample.block());
    for (uint64_t at = header.values; at < header.scales; ++at) block[at] = static_cast<uint8_t>(random());
    const std::vector<float> x = sample.floats(30 * shape.in);
    const std::vector<float> expected = product(linear_kernels(Isa::kPortable), pool, sample.packed(), x, {});
    for (const Isa isa : usable_isas()) {
      const std::vector<float> y = product(linear_kernels(isa), pool, sample.packed(), x, {});
      double worst = 0;
      for (size_t i = 0; i < y.size(); ++i) {
        worst = std::max(worst, std::abs(double{y[i]} - expected[i]) / (1 + std::abs(double{expected[i]})));
      }
      check(worst < 1e-4, std::string(isa_name(isa)) + ": any bytes, off by " + std::to_string(worst));
    }
  }
}

void blocks_of_gguf_have_none() {
  const BlockType* const type = find_block_type("Q8_0");
  const std::vector<uint8_t> values(static_cast<size_t>(16 * type->bytes));
  check_throws<TypeError>("2:4 of GGUF blocks", [&] {
    plan_packed({.out = 16, .in = 32, .values = values, .blocks = type, .sparse24 = true});
  });
}

}  // namespace
}  // namespace aerie::test

int main() {
  using namespace aerie;
  ThreadPool one(1);
  ThreadPool three(3);
  for (const Isa isa : usable_isas()) {
    uint32_t seed = 1;
    for (const test::Shape& shape : test::shapes()) {
      test::has_the_bits_of_the_dense_form(isa, one, three, shape, seed++);
    }
    std::printf("%s: %d checks\n", isa_name(isa), test::checks);
  }
  test::takes_fewer_bytes(three);
  test::finds_the_first_quad_of_three(three);
  test::any_bytes_are_values(three);
  test::blocks_of_gguf_have_none();
  std::printf("%d checks, %d failures\n", test::checks, test::failures);
  return test::failures == 0 ? 0 : 1;
}
