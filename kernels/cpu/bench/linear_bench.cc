// Speed of the linears of two shapes, beside the machine's own limits measured in the same run:
//
//   linear_bench [--isa NAME] [--threads 1,2] [--only TEXT] [--seconds 0.3]
//
// Times are the best of several. A busy machine makes those of more than one thread worse, and memory slower.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "isa.h"
#include "limits/fastest.h"
#include "limits/limits.h"
#include "linear/linear.h"
#include "linear/pack.h"
#include "thread_pool.h"

namespace aerie::bench {
namespace {

struct Options {
  Isa isa;
  std::vector<int> threads{1, 2};
  std::string only;
  double seconds = 0.3;
};

struct Free {
  void operator()(void* p) const { std::free(p); }
};
using Block = std::unique_ptr<void, Free>;

Block aligned_block(size_t bytes) {
  return Block(std::aligned_alloc(kAlignment, (bytes + kAlignment) / kAlignment * kAlignment));
}

struct Form {
  const char* name;
  LinearKind kind;
  int64_t group;
  // Of a GGUF file, under the form's name.
  bool blocks = false;
  bool sparse24 = false;
};

constexpr Form kForms[] = {{"int4 g32", LinearKind::kInt4, 32},
                           {"int4 g128", LinearKind::kInt4, 128},
                           {"int8 by row", LinearKind::kInt8, 0},
                           {"int8 g32", LinearKind::kInt8, 32},
                           {"f16", LinearKind::kF16, 0},
                           {"f32", LinearKind::kF32, 0},
                           {"int4 g32 2:4", LinearKind::kInt4, 32, false, true},
                           {"int8 row 2:4", LinearKind::kInt8, 0, false, true},
                           {"int8 g32 2:4", LinearKind::kInt8, 32, false, true},
                           {"f16 2:4", LinearKind::kF16, 0, false, true},
                           {"Q4_0", LinearKind::kInt4, 32, true},
                           {"Q4_1", LinearKind::kInt4, 32, true},
                           {"Q5_0", LinearKind::kInt6, 32, true},
                           {"Q8_0", LinearKind::kInt8, 32, true},
                           {"Q4_K", LinearKind::kInt4, 32, true},
                           {"Q6_K", LinearKind::kInt6, 16, true}};

struct Weight {
  Block block;
  PackedLinear packed;
};

Weight packed(ThreadPool& pool, const LinearSource& source) {
  const PackedHeader header = plan_packed(source);
  Weight weight{aligned_block(header.bytes), {}};
  pack_linear(pool, source, header, weight.block.get());
  weight.packed = parse_packed(weight.block.get(), header.bytes);
  return weight;
}

// Random blocks; no scale that they may have is NaN or infinite.
Weight make_blocks(ThreadPool& pool, const BlockType& type, int64_t out, int64_t in) {
  std::vector<uint8_t> values(static_cast<size_t>(out * (in / type.values) * type.bytes));
  std::mt19937 random(1);
  for (uint8_t& byte : values) byte = static_cast<uint8_t>(random() & 0xbb);
  return packed(pool, {.out = out, .in = in, .values = values, .blocks = &type});
}

Weight make(ThreadPool& pool, const Form& form, int64_t out, int64_t in) {
  if (form.blocks) return make_blocks(pool, *find_block_type(form.name), out, in);
  LinearSource source{.kind = form.kind, .out = out, .in = in, .group = form.group};
  const bool dense = is_dense(form.kind);
  source.is_signed = !dense && form.group == 0;
  const int64_t groups = dense ? 0 : form.group == 0 ? 1 : in / form.group;
  const int64_t count = out * in;
  std::mt19937 random(1);
  const int64_t bytes = form.kind == LinearKind::kInt4  ? count / 2
                        : form.kind == LinearKind::kF32 ? count * 4
                        : form.kind == LinearKind::kF16 ? count * 2
                                                        : count;
  std::vector<uint8_t> values(static_cast<size_t>(bytes));
  if (form.kind == LinearKind::kF32) {
    std::uniform_real_distribution<float> uniform(-1, 1);
    for (int64_t i = 0; i < count; ++i) {
      const float value = uniform(random);
      std::memcpy(values.data() + i * 4, &value, 4);
    }
  } else {
    for (uint8_t& byte : values) byte = static_cast<uint8_t>(random());
    // Half floats of modest size, signed values of ±64.
    for (size_t i = 1; form.kind == LinearKind::kF16 && i < values.size(); i += 2) values[i] = values[i] & 0xbb;
    for (uint8_t& byte : values) {
      if (source.is_signed) byte = static_cast<uint8_t>(static_cast<int>(byte % 129) - 64);
    }
  }
  if (form.sparse24) {
    // Two neighbours of four are zero, which two by lot.
    const uint8_t zero = form.kind == LinearKind::kInt8 && form.group > 0 ? 128 : 0;
    for (int64_t quad = 0; quad < count / 4; ++quad) {
      const int64_t half = static_cast<int64_t>(random() & 1);
      if (form.kind == LinearKind::kInt4) {
        values[static_cast<size_t>(quad * 2 + half)] = 0x88;
      } else {
        std::memset(values.data() + (quad * 4 + half * 2) * (bytes / count), zero,
                    static_cast<size_t>(2 * (bytes / count)));
      }
    }
  }
  source.sparse24 = form.sparse24;
  const std::vector<float> scales(static_cast<size_t>(out * groups), 1.0f / 64);
  source.values = values;
  source.scales = scales;
  return packed(pool, source);
}

struct Size {
  int64_t out;
  int64_t in;
};

struct Part {
  const char* name;
  std::vector<Size> linears;
  std::vector<int64_t> rows;
};

// Copies of a part, so that no call finds its weights in a cache from the last one; enough for 96 MB.
class Bench {
 public:
  Bench(const Part& part, const Form& form) : part_(part), form_(form) {
    ThreadPool pool(1);
    size_t bytes = 0;
    do {
      for (const Size& size : part.linears) {
        weights_.push_back(make(pool, form, size.out, size.in));
        bytes += weights_.back().packed.bytes;
        if (bytes > (size_t{96} << 20)) copies_full_ = true;
      }
      ++copies_;
    } while (!copies_full_ && copies_ < 24);
    bytes_ = bytes / static_cast<size_t>(copies_);
  }

  // Seconds for one copy.
  double run(const LinearKernels& kernels, ThreadPool& pool, int64_t rows, double seconds) const {
    int64_t widest_in = 0, widest_out = 0;
    for (const Size& size : part_.linears) {
      widest_in = std::max(widest_in, size.in);
      widest_out = std::max(widest_out, size.out);
    }
    std::vector<float> x(static_cast<size_t>(rows * widest_in));
    std::vector<float> y(static_cast<size_t>(rows * widest_out));
    std::mt19937 random(2);
    std::uniform_real_distribution<float> uniform(-1, 1);
    for (float& value : x) value = uniform(random);
    const Block block = aligned_block(quantised_bytes(rows, widest_in, 16));
    const int64_t copies = rows < 64 ? copies_ : 1;
    const auto call = [&] {
      ThreadPool::Session session(pool);
      for (size_t i = 0; i < static_cast<size_t>(copies) * part_.linears.size(); ++i) {
        const PackedLinear& weight = weights_[i].packed;
        LinearInput input{x.data(), weight.in, nullptr};
        QuantisedView view;
        if (weight.takes_quantised()) {
          view = quantised_view(block.get(), rows, weight.in, form_.group);
          quantise_rows(kernels, pool, x.data(), weight.in, view);
          input.quantised = &view;
        }
        linear(kernels, pool, weight, input, rows, y.data(), weight.out, {}, nullptr);
      }
    };
    return fastest(pool, seconds, call) / static_cast<double>(copies);
  }

  double operations(int64_t rows) const {
    double sum = 0;
    for (const Size& size : part_.linears) sum += 2.0 * static_cast<double>(size.out * size.in * rows);
    return sum;
  }
  double bytes() const { return static_cast<double>(bytes_); }

 private:
  const Part& part_;
  const Form& form_;
  std::vector<Weight> weights_;
  int64_t copies_ = 0;
  bool copies_full_ = false;
  size_t bytes_ = 0;
};

int run(const Options& options) {
  const LinearKernels& kernels = linear_kernels(options.isa);
  std::printf("instruction set %s\n", isa_name(options.isa));
  std::vector<std::unique_ptr<ThreadPool>> pools;
  std::vector<MachineLimits> machines;
  for (const int threads : options.threads) {
    pools.push_back(std::make_unique<ThreadPool>(threads));
    machines.push_back(measure_limits(options.isa, *pools.back(), options.seconds));
    const MachineLimits& m = machines.back();
    std::printf(
        "limits, %d threads: f32 %.0f GFLOP/s, int8 %.0f GOP/s, int8 in 16-bit sums %.0f GOP/s, read %.1f GB/s\n",
        threads, m.f32_operations * 1e-9, m.int8_operations * 1e-9, m.int4_operations * 1e-9, m.read_bytes * 1e-9);
  }
  const Part parts[] = {
      {"0.5B layer",
       {{896, 896}, {128, 896}, {128, 896}, {896, 896}, {4864, 896}, {4864, 896}, {896, 4864}},
       {1, 8, 512}},
      {"1B layer",
       {{2048, 2048}, {512, 2048}, {512, 2048}, {2048, 2048}, {8192, 2048}, {8192, 2048}, {2048, 8192}},
       {1, 512}},
      {"0.5B head", {{151936, 896}}, {1, 8}},
      {"so400m layer", {{1152, 1152}, {1152, 1152}, {1152, 1152}, {1152, 1152}, {4304, 1152}, {1152, 4304}}, {729}},
  };
  std::printf("%-13s %-12s %5s %8s %10s %9s %8s %8s\n", "part", "weights", "rows", "threads", "ms", "GOP/s", "of peak",
              "of read");
  for (const Part& part : parts) {
    for (const Form& form : kForms) {
      const std::string name = std::string(part.name) + " " + form.name;
      if (name.find(options.only) == std::string::npos) continue;
      // 4304 is no multiple of a group, 896 none of a block of 256.
      const int64_t unit = form.blocks ? find_block_type(form.name)->values : form.group;
      const bool fits = std::all_of(part.linears.begin(), part.linears.end(),
                                    [unit](const Size& size) { return unit == 0 || size.in % unit == 0; });
      if (!fits) continue;
      const Bench bench(part, form);
      for (const int64_t rows : part.rows) {
        for (size_t i = 0; i < pools.size(); ++i) {
          const double time = bench.run(kernels, *pools[i], rows, options.seconds);
          const MachineLimits& m = machines[i];
          const double peak = is_dense(form.kind) ? m.f32_operations : m.int8_operations;
          std::printf("%-13s %-12s %5d %8d %10.3f %9.1f %7.0f%% %7.0f%%\n", part.name, form.name,
                      static_cast<int>(rows), pools[i]->threads(), time * 1e3, bench.operations(rows) / time * 1e-9,
                      100 * bench.operations(rows) / time / peak, 100 * bench.bytes() / time / m.read_bytes);
          std::fflush(stdout);
        }
      }
    }
  }
  return 0;
}

bool parse(int count, char** arguments, Options& options) {
  options.isa = usable_isas().front();
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string name = arguments[i];
    const std::string value = arguments[i + 1];
    if (name == "--isa") {
      bool found = false;
      for (const Isa isa : usable_isas()) {
        if (value == isa_name(isa)) options.isa = isa, found = true;
      }
      if (!found) return false;
    } else if (name == "--threads") {
      options.threads.clear();
      for (size_t at = 0; at < value.size(); at = std::min(value.size(), value.find(',', at)) + 1) {
        const int threads = std::atoi(value.c_str() + at);
        if (threads < 1 || threads > ThreadPool::kMaxThreads) return false;
        options.threads.push_back(threads);
      }
    } else if (name == "--only") {
      options.only = value;
    } else if (name == "--seconds") {
      options.seconds = std::atof(value.c_str());
    } else {
      return false;
    }
  }
  return count % 2 == 1;
}

}  // namespace
}  // namespace aerie::bench

int main(int count, char** arguments) {
  aerie::bench::Options options;
  if (!aerie::bench::parse(count, arguments, options)) {
    std::fprintf(stderr, "usage: linear_bench [--isa NAME] [--threads 1,2] [--only TEXT] [--seconds 0.3]\n");
    return 2;
  }
  return aerie::bench::run(options);
}
