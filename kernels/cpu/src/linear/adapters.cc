#include "linear/adapters.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "linear/cut.h"
#include "thread_pool.h"

namespace aerie {
namespace {

constexpr size_t kLine = 64;

size_t aligned(int64_t bytes) { return (static_cast<size_t>(bytes) + kLine - 1) / kLine * kLine; }

int64_t rank_of(const AdaptedRows& group) { return group.pair->down.out; }

// The workspace of one group after the other: scale [rank], x · Aᵀ [count, rank], the sum [count, out].
struct Workspace {
  std::byte* at;

  float* floats(int64_t count) {
    float* const begin = reinterpret_cast<float*>(at);
    at += aligned(count * 4);
    return begin;
  }
};

// One product of a group, as a whole.
struct Product {
  LinearTask task;
  int64_t multiplications;
};

// All of them at once, cut so that each thread has as much to do.
void run(ThreadPool& pool, const LinearKernels& kernels, const std::vector<Product>& products) {
  int64_t all = 0;
  for (const Product& product : products) all += product.multiplications;
  const bool is_shared = pool.threads() > 1 && all > kAlone;
  if (!is_shared) {
    for (const Product& product : products) kernels.dense(product.task);
    return;
  }
  const int64_t wanted = kTasksPerThread * pool.threads();
  std::vector<LinearTask> tasks;
  for (const Product& product : products) {
    const int64_t share = std::max<int64_t>(1, wanted * product.multiplications / all);
    const Cut cut = cut_product(product.task.row_end, product.task.panel_end, share);
    for (int64_t i = 0; i < cut.parts(); ++i) tasks.push_back(part_of(product.task, cut, i));
  }
  pool.run(static_cast<int64_t>(tasks.size()), [&](int64_t i) { kernels.dense(tasks[static_cast<size_t>(i)]); });
}

Product product_of(const DensePanels& weight, const float* x, int64_t stride, int64_t rows, float* y,
                   const Epilogue& epilogue) {
  LinearTask task;
  task.row_end = rows;
  task.panel_end = (weight.out + kPanel - 1) / kPanel;
  task.dense = weight;
  task.x = x;
  task.x_stride = stride;
  task.y = y;
  task.y_stride = weight.out;
  task.epilogue = &epilogue;
  return {task, rows * weight.out * weight.in};
}

}  // namespace

size_t adapters_workspace(std::span<const AdaptedRows> groups, int64_t rows, int64_t out) {
  if (groups.empty()) return 0;
  size_t bytes = aligned(rows * static_cast<int64_t>(sizeof(const float*)));
  for (const AdaptedRows& group : groups) {
    const int64_t rank = rank_of(group);
    bytes += aligned(rank * 4) + aligned(group.count * rank * 4) + aligned(group.count * out * 4);
  }
  return bytes;
}

const float* const* adapt_rows(const LinearKernels& kernels, ThreadPool& pool, std::span<const AdaptedRows> groups,
                               const float* x, int64_t stride, int64_t rows, int64_t out, void* workspace) {
  if (groups.empty()) return nullptr;
  Workspace space = {static_cast<std::byte*>(workspace)};
  const float** const addends = reinterpret_cast<const float**>(space.at);
  space.at += aligned(rows * static_cast<int64_t>(sizeof(const float*)));
  std::fill_n(addends, rows, nullptr);

  const Epilogue nothing;
  std::vector<Epilogue> scaled(groups.size());
  std::vector<Product> down, up;
  for (size_t i = 0; i < groups.size(); ++i) {
    const AdaptedRows& group = groups[i];
    const int64_t rank = rank_of(group);
    float* const scale = space.floats(rank);
    float* const low = space.floats(group.count * rank);
    float* const sum = space.floats(group.count * out);
    // The scale is multiplied in where numbers are fewest, and the matrices stay as they were published.
    std::fill_n(scale, rank, group.pair->scale);
    scaled[i].multiply = scale;
    down.push_back(product_of(group.pair->down, x + group.first * stride, stride, group.count, low, scaled[i]));
    up.push_back(product_of(group.pair->up, low, rank, group.count, sum, nothing));
    for (int64_t row = 0; row < group.count; ++row) addends[group.first + row] = sum + row * out;
  }
  run(pool, kernels, down);
  run(pool, kernels, up);
  return addends;
}

}  // namespace aerie
