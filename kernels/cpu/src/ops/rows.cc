#include "ops/rows.h"

#include "ops/vector_math.h"

namespace aerie::AERIE_ISA_NS {
namespace {

// The sum of term(x) over a row, in four chains so that additions do not wait for each other.
template <typename Term>
float sum(const float* x, int64_t width, Term term) {
  F chains[4] = {};
  int64_t i = 0;
  for (; i + 4 * kLanes <= width; i += 4 * kLanes) {
    for (int c = 0; c < 4; ++c) chains[c] = term(load(x + i + c * kLanes), chains[c]);
  }
  for (; i + kLanes <= width; i += kLanes) chains[0] = term(load(x + i), chains[0]);
  float total = reduce_add((chains[0] + chains[1]) + (chains[2] + chains[3]));
  if (i < width) {
    F rest = term(load_first(x + i, width - i), F{});
    for (int64_t lane = 0; lane < width - i; ++lane) total += rest[static_cast<int>(lane)];
  }
  return total;
}

template <typename Function>
void write_row(int64_t width, const float* x, const float* weight, const float* bias, float* y, Function function) {
  int64_t i = 0;
  for (; i + kLanes <= width; i += kLanes) {
    store(y + i, function(load(x + i), load(weight + i), bias ? load(bias + i) : F{}));
  }
  if (i < width) {
    const int64_t rest = width - i;
    const F b = bias ? load_first(bias + i, rest) : F{};
    store_first(y + i, function(load_first(x + i, rest), load_first(weight + i, rest), b), rest);
  }
}

float largest_of(const float* x, int64_t width) {
  F largest = splat(-__builtin_inff());
  int64_t i = 0;
  for (; i + kLanes <= width; i += kLanes) largest = max(load(x + i), largest);
  float result = reduce_max(largest);
  for (; i < width; ++i) result = x[i] > result ? x[i] : result;
  return result;
}

void rotate_halves(int64_t pairs, const float* x, const float* cos, const float* sin, float* y) {
  int64_t i = 0;
  for (; i + kLanes <= pairs; i += kLanes) {
    const F a = load(x + i), b = load(x + pairs + i), c = load(cos + i), s = load(sin + i);
    store(y + i, fma(a, c, -(b * s)));
    store(y + pairs + i, fma(b, c, a * s));
  }
  for (; i < pairs; ++i) {
    const float a = x[i], b = x[pairs + i];
    y[i] = a * cos[i] - b * sin[i];
    y[pairs + i] = b * cos[i] + a * sin[i];
  }
}

}  // namespace

void rms_norm(const NormArguments& n) {
  for (int64_t row = 0; row < n.rows; ++row) {
    const float* x = n.x + row * n.width;
    const float squares = sum(x, n.width, [](F v, F total) { return fma(v, v, total); });
    const F scale = splat(1.0f / __builtin_sqrtf(squares / static_cast<float>(n.width) + n.epsilon));
    write_row(n.width, x, n.weight, nullptr, n.y + row * n.width,
              [&](F v, F w, F) { return v * scale * (w + n.weight_offset); });
  }
}

void layer_norm(const NormArguments& n) {
  for (int64_t row = 0; row < n.rows; ++row) {
    const float* x = n.x + row * n.width;
    const float count = static_cast<float>(n.width);
    const F mean = splat(sum(x, n.width, [](F v, F total) { return total + v; }) / count);
    // Lanes past the row's end hold mean², but `sum` leaves them out.
    const float squares = sum(x, n.width, [&](F v, F total) { return fma(v - mean, v - mean, total); });
    const F scale = splat(1.0f / __builtin_sqrtf(squares / count + n.epsilon));
    write_row(n.width, x, n.weight, n.bias, n.y + row * n.width,
              [&](F v, F w, F b) { return fma((v - mean) * scale, w + n.weight_offset, b); });
  }
}

void softmax(int64_t rows, int64_t width, const float* x, float* y) {
  for (int64_t row = 0; row < rows; ++row, x += width, y += width) {
    const F largest = splat(largest_of(x, width));
    int64_t i = 0;
    for (; i + kLanes <= width; i += kLanes) store(y + i, exp(load(x + i) - largest));
    if (i < width) store_first(y + i, exp(load_first(x + i, width - i) - largest), width - i);
    const F total = splat(sum(y, width, [](F v, F t) { return t + v; }));
    i = 0;
    for (; i + kLanes <= width; i += kLanes) store(y + i, load(y + i) / total);
    for (; i < width; ++i) y[i] /= total[0];
  }
}

void rope(const RopeArguments& r) {
  const int64_t rotated = 2 * r.pairs;
  for (int64_t row = 0; row < r.rows; ++row) {
    const float* cos = r.cos + row * r.pairs;
    const float* sin = r.sin + row * r.pairs;
    for (int64_t head = 0; head < r.heads; ++head) {
      const float* x = r.x + (row * r.heads + head) * r.head_dim;
      float* y = r.y + (row * r.heads + head) * r.head_dim;
      if (r.interleaved) {
        for (int64_t i = 0; i < r.pairs; ++i) {
          const float a = x[2 * i], b = x[2 * i + 1];
          y[2 * i] = a * cos[i] - b * sin[i];
          y[2 * i + 1] = b * cos[i] + a * sin[i];
        }
      } else {
        rotate_halves(r.pairs, x, cos, sin, y);
      }
      if (y != x) std::memcpy(y + rotated, x + rotated, static_cast<size_t>(r.head_dim - rotated) * sizeof(float));
    }
  }
}

void rope_table(const RopeTableArguments& r) {
  for (int64_t row = 0; row < r.rows; ++row) {
    const int64_t token = (r.first_row + row) % r.tokens;
    const float* cos = r.cos + token * r.head_dim;
    const float* sin = r.sin + token * r.head_dim;
    for (int64_t head = 0; head < r.heads; ++head) {
      const int64_t at = (row * r.heads + head) * r.head_dim;
      for (int64_t i = 0; i + 1 < r.head_dim; i += 2) {
        const float a = r.x[at + i], b = r.x[at + i + 1];
        r.y[at + i] = a * cos[i] - b * sin[i];
        r.y[at + i + 1] = b * cos[i + 1] + a * sin[i + 1];
      }
    }
  }
}

}  // namespace aerie::AERIE_ISA_NS
