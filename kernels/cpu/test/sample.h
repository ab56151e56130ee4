// Random weights in the form of files, packed, and what they stand for.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "linear/half.h"
#include "linear/linear.h"
#include "linear/pack.h"
#include "thread_pool.h"

namespace aerie::test {

struct Free {
  void operator()(void* p) const { std::free(p); }
};
using Block = std::unique_ptr<void, Free>;

// At least one byte, aligned to 64.
inline Block aligned_block(size_t bytes) {
  return Block(std::aligned_alloc(kAlignment, (bytes + kAlignment) / kAlignment * kAlignment));
}

struct Shape {
  LinearKind kind = LinearKind::kF32;
  int64_t out = 0;
  int64_t in = 0;
  int64_t group = 0;
  bool is_signed = false;
  // Signed values beyond ±64.
  bool wide = false;
  bool asymmetric = false;
  bool scales_f16 = false;
  // At most two of four neighbours are not zero, and packed so.
  bool sparse24 = false;
  int64_t rank = 0;
  bool low_rank_f16 = false;
  // GGUF blocks of this type, whose kind and group are those of the packed form.
  const BlockType* blocks = nullptr;

  std::string name() const {
    static const char* const kNames[] = {"f32", "f16", "bf16", "int8", "int4", "int6"};
    std::string text =
        std::string(kNames[static_cast<int>(kind)]) + " [" + std::to_string(out) + ", " + std::to_string(in) + "]";
    if (blocks != nullptr) return std::string(blocks->name) + text.substr(text.find(' '));
    if (!is_dense(kind)) text += is_signed ? " by row" : " group " + std::to_string(group);
    if (wide) text += " wide";
    if (asymmetric) text += " asymmetric";
    if (scales_f16) text += " f16 scales";
    if (sparse24) text += " 2:4";
    if (rank > 0) text += " rank " + std::to_string(rank) + (low_rank_f16 ? " f16" : "");
    return text;
  }
};

class Sample {
 public:
  Sample(ThreadPool& pool, const Shape& shape, uint32_t seed) : shape_(shape), random_(seed) {
    make_values();
    if (shape.sparse24) prune();
    if (shape.rank > 0) make_low_rank();
    LinearSource source = this->source();
    const PackedHeader header = plan_packed(source);
    block_ = aligned_block(header.bytes);
    pack_linear(pool, source, header, block_.get());
    packed_ = parse_packed(block_.get(), header.bytes);
  }

  LinearSource source() const {
    LinearSource source;
    source.kind = shape_.kind;
    source.out = shape_.out;
    source.in = shape_.in;
    source.group = shape_.group;
    source.is_signed = shape_.is_signed;
    source.sparse24 = shape_.sparse24;
    source.blocks = shape_.blocks;
    source.values = values_;
    source.scales = scales_;
    source.zero_points = zero_points_;
    source.rank = shape_.rank;
    source.down = down_;
    source.up = up_;
    return source;
  }

  const Shape& shape() const { return shape_; }
  const PackedLinear& packed() const { return packed_; }
  void* block() const { return block_.get(); }

  // What W[o, i] stands for, without the low-rank path.
  double weight(int64_t o, int64_t i) const {
    if (shape_.blocks != nullptr) return block_weight(o, i);
    const size_t at = static_cast<size_t>(o * shape_.in + i);
    if (shape_.kind == LinearKind::kF32) return reinterpret_cast<const float*>(values_.data())[at];
    if (shape_.kind == LinearKind::kF16) {
      return half_bits_to_float(reinterpret_cast<const uint16_t*>(values_.data())[at]);
    }
    if (shape_.kind == LinearKind::kBf16) {
      const uint32_t bits = uint32_t{reinterpret_cast<const uint16_t*>(values_.data())[at]} << 16;
      float value;
      std::memcpy(&value, &bits, 4);
      return value;
    }
    if (shape_.is_signed) return static_cast<int8_t>(values_[at]) * double{scales_[static_cast<size_t>(o)]};
    const bool is_int4 = shape_.kind == LinearKind::kInt4;
    const int64_t g = i / shape_.group;
    const int64_t place = o * groups() * shape_.group + i;
    const int value = is_int4 ? nibble(values_, place) : values_[static_cast<size_t>(place)];
    int zero = is_int4 ? 8 : 128;
    if (shape_.asymmetric) {
      zero = is_int4 ? nibble(zero_points_, o * ((groups() + 1) / 2) * 2 + g)
                     : zero_points_[static_cast<size_t>(o * groups() + g)];
    }
    return (value - zero) * double{scales_[static_cast<size_t>(o * groups() + g)]};
  }

  double low_rank(int64_t o, int64_t i) const {
    double sum = 0;
    for (int64_t r = 0; r < shape_.rank; ++r) {
      sum += double{up_[static_cast<size_t>(o * shape_.rank + r)]} * down_[static_cast<size_t>(r * shape_.in + i)];
    }
    return sum;
  }

  std::vector<float> floats(int64_t count, float range = 1) {
    std::uniform_real_distribution<float> uniform(-range, range);
    std::vector<float> values(static_cast<size_t>(count));
    for (float& value : values) value = uniform(random_);
    return values;
  }

 private:
  double block_weight(int64_t o, int64_t i) const {
    const BlockType& type = *shape_.blocks;
    BlockNumbers numbers{};
    type.read(values_.data() + (o * (shape_.in / type.values) + i / type.values) * type.bytes, numbers);
    const int64_t place = i % type.values;
    const bool supers = (type.flags & kSuperScales) != 0;
    double scale = half_bits_to_float(numbers.scale);
    if (supers) scale *= numbers.scales[place / type.group];
    if ((type.flags & kMinimums) == 0) {
      const int zero = type.kind == LinearKind::kInt4 ? 8 : type.kind == LinearKind::kInt6 ? 32 : 128;
      return (numbers.values[place] - zero) * scale;
    }
    double minimum = half_bits_to_float(numbers.minimum);
    if (supers) minimum *= numbers.minimums[place / type.group];
    return numbers.values[place] * scale + minimum;
  }

  int64_t groups() const { return shape_.is_signed ? 1 : (shape_.in + shape_.group - 1) / shape_.group; }

  static int nibble(const std::vector<uint8_t>& bytes, int64_t i) {
    return bytes[static_cast<size_t>(i / 2)] >> (i % 2 * 4) & 15;
  }

  static float as_half(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, 4);
    bits &= ~0x1fffu;
    std::memcpy(&value, &bits, 4);
    return std::abs(value) < 6.2e-5f ? 0.0f : value;
  }

  // Any bytes are blocks, but for scales that are not finite.
  void make_blocks() {
    const BlockType& type = *shape_.blocks;
    values_.resize(static_cast<size_t>(shape_.out * (shape_.in / type.values) * type.bytes));
    for (uint8_t& byte : values_) byte = static_cast<uint8_t>(random_());
    std::uniform_real_distribution<float> scales(-0.02f, 0.02f);
    for (size_t at = 0; at < values_.size(); at += static_cast<size_t>(type.bytes)) {
      uint8_t* const block = values_.data() + at;
      const bool last = type.name == "Q6_K";
      for (int i = 0; i < ((type.flags & kMinimums) ? 2 : 1); ++i) {
        uint16_t half = 0;
        exact_half(as_half(scales(random_)), half);
        std::memcpy(block + (last ? 208 : i * 2), &half, 2);
      }
    }
  }

  void make_values() {
    if (shape_.blocks != nullptr) return make_blocks();
    if (is_dense(shape_.kind)) {
      const std::vector<float> floats = this->floats(shape_.out * shape_.in);
      if (shape_.kind == LinearKind::kF32) {
        values_.resize(floats.size() * 4);
        std::memcpy(values_.data(), floats.data(), values_.size());
        return;
      }
      values_.resize(floats.size() * 2);
      for (size_t i = 0; i < floats.size(); ++i) {
        uint16_t bits = 0;
        if (shape_.kind == LinearKind::kF16) {
          exact_half(as_half(floats[i]), bits);
        } else {
          std::memcpy(&bits, reinterpret_cast<const uint8_t*>(&floats[i]) + 2, 2);
        }
        std::memcpy(values_.data() + i * 2, &bits, 2);
      }
      return;
    }
    const bool is_int4 = shape_.kind == LinearKind::kInt4;
    const int64_t width = shape_.is_signed ? shape_.in : groups() * shape_.group;
    values_.resize(static_cast<size_t>(shape_.out * width / (is_int4 ? 2 : 1)));
    const int limit = shape_.wide ? 127 : 64;
    std::uniform_int_distribution<int> signed_values(-limit, limit);
    for (uint8_t& byte : values_) {
      byte = static_cast<uint8_t>(shape_.is_signed ? signed_values(random_) : static_cast<int>(random_() & 255));
    }
    scales_ = floats(shape_.out * groups(), 0.02f);
    if (shape_.scales_f16) {
      for (float& scale : scales_) scale = as_half(scale);
    } else {
      scales_[0] = 0.1f;
    }
    if (shape_.asymmetric) {
      zero_points_.resize(static_cast<size_t>(shape_.out * (is_int4 ? (groups() + 1) / 2 : groups())));
      for (uint8_t& byte : zero_points_) byte = static_cast<uint8_t>(random_() & 255);
    }
  }

  // Of each quad two inputs or more become zero, drawn by lot; zeros of floats have either sign.
  void prune() {
    for (int64_t row = 0; row < shape_.out; ++row) {
      for (int64_t quad = 0; quad * 4 < shape_.in; ++quad) {
        const uint32_t lots = random_();
        const int64_t first = lots % 4, second = (first + 1 + lots / 4 % 3) % 4;
        for (int64_t i = 0; i < std::min<int64_t>(4, shape_.in - quad * 4); ++i) {
          if (i == first || i == second || lots / 64 % 8 == 0) make_zero(row, quad * 4 + i);
        }
      }
    }
  }

  void make_zero(int64_t row, int64_t i) {
    if (is_dense(shape_.kind)) {
      const int64_t bytes = element_bytes(shape_.kind);
      uint8_t* const at = values_.data() + (row * shape_.in + i) * bytes;
      std::memset(at, 0, static_cast<size_t>(bytes - 1));
      at[bytes - 1] = random_() % 2 == 0 ? 0x80 : 0;
      return;
    }
    if (shape_.is_signed) {
      values_[static_cast<size_t>(row * shape_.in + i)] = 0;
      return;
    }
    const int64_t at = row * groups() * shape_.group + i;
    const int64_t group = i / shape_.group;
    if (shape_.kind == LinearKind::kInt8) {
      values_[static_cast<size_t>(at)] =
          shape_.asymmetric ? zero_points_[static_cast<size_t>(row * groups() + group)] : 128;
      return;
    }
    const int zero = shape_.asymmetric ? nibble(zero_points_, row * ((groups() + 1) / 2) * 2 + group) : 8;
    uint8_t& byte = values_[static_cast<size_t>(at / 2)];
    byte = static_cast<uint8_t>(at % 2 == 0 ? (byte & 0xf0) | zero : (byte & 15) | zero << 4);
  }

  void make_low_rank() {
    down_ = floats(shape_.rank * shape_.in, 0.1f);
    up_ = floats(shape_.out * shape_.rank, 0.1f);
    if (!shape_.low_rank_f16) {
      down_[0] = 0.1f;
      return;
    }
    for (float& value : down_) value = as_half(value);
    for (float& value : up_) value = as_half(value);
  }

  Shape shape_;
  std::mt19937 random_;
  std::vector<uint8_t> values_;
  std::vector<float> scales_;
  std::vector<uint8_t> zero_points_;
  std::vector<float> down_;
  std::vector<float> up_;
  Block block_;
  PackedLinear packed_;
};

// Rows of floats, quantised as a weight needs them.
class Activations {
 public:
  Activations(const LinearKernels& kernels, ThreadPool& pool, const PackedLinear& weight, std::vector<float> x)
      : x_(std::move(x)), in_(weight.in), rows_(static_cast<int64_t>(x_.size()) / weight.in) {
    if (!weight.takes_quantised()) return;
    const int64_t group = weight.by_row ? 0 : weight.group;
    block_ = aligned_block(quantised_bytes(rows_, in_, group));
    view_ = quantised_view(block_.get(), rows_, in_, group);
    quantise_rows(kernels, pool, x_.data(), in_, view_);
  }

  int64_t rows() const { return rows_; }
  const QuantisedView& view() const { return view_; }
  LinearInput input() const { return {x_.data(), in_, view_.values != nullptr ? &view_ : nullptr}; }

  // What the product is made with.
  double at(int64_t row, int64_t i) const {
    if (view_.values == nullptr) return x_[static_cast<size_t>(row * in_ + i)];
    return view_.values[row * view_.stride + i] * double{view_.scales[row * view_.groups + i / view_.group]};
  }

 private:
  std::vector<float> x_;
  int64_t in_;
  int64_t rows_;
  Block block_;
  QuantisedView view_;
};

// y [rows, out], tight.
inline std::vector<float> multiply(const LinearKernels& kernels, ThreadPool& pool, const Sample& sample,
                                   const Activations& x, const Epilogue& epilogue) {
  const PackedLinear& weight = sample.packed();
  std::vector<float> y(static_cast<size_t>(x.rows() * weight.out));
  const Block workspace = aligned_block(linear_workspace(weight, x.rows()));
  linear(kernels, pool, weight, x.input(), x.rows(), y.data(), weight.out, epilogue, workspace.get());
  return y;
}

}  // namespace aerie::test
