#include "linear/linear.h"

#include <algorithm>
#include <string>

#include "error.h"
#include "linear/cut.h"
#include "thread_pool.h"

namespace aerie {
namespace {

using Kernel = void (*)(const LinearTask&);

// Cuts [rows, panels] into rectangles and runs them.
void run(ThreadPool& pool, Kernel kernel, const LinearTask& whole, int64_t multiplications) {
  Cut cut;
  if (pool.threads() > 1 && multiplications > kAlone) {
    cut = cut_product(whole.row_end, whole.panel_end, kTasksPerThread * pool.threads());
  }
  pool.run(cut.parts(), [&](int64_t i) { kernel(part_of(whole, cut, i)); });
}

void check_input(const PackedLinear& weight, const LinearInput& input, int64_t rows) {
  if (!weight.takes_quantised()) {
    if (input.x == nullptr) throw TypeError("linear: dense weights take floats, got quantised rows");
    return;
  }
  const QuantisedView* view = input.quantised;
  if (view == nullptr) throw TypeError("linear: quantised weights take quantised rows, got floats");
  if (view->in != weight.in || view->group != weight.group || view->rows < rows) {
    throw TypeError("linear: expected " + std::to_string(rows) + " rows of " + std::to_string(weight.in) +
                    " in groups of " + std::to_string(weight.group) + ", got " + std::to_string(view->rows) +
                    " rows of " + std::to_string(view->in) + " in groups of " + std::to_string(view->group));
  }
}

}  // namespace

size_t linear_workspace(const PackedLinear& weight, int64_t rows) {
  return static_cast<size_t>((rows * weight.rank * 4 + 63) / 64 * 64);
}

void linear(const LinearKernels& kernels, ThreadPool& pool, const PackedLinear& weight, const LinearInput& input,
            int64_t rows, float* y, int64_t y_stride, const Epilogue& epilogue, void* workspace) {
  check_input(weight, input, rows);
  if (rows <= 0) return;
  LinearTask task;
  task.row_end = rows;
  task.panel_end = weight.panels;
  if (!weight.takes_quantised()) {
    task.x = input.x;
    task.x_stride = input.stride;
  }
  task.quantised = input.quantised;
  if (weight.rank > 0) {
    if (workspace == nullptr) throw TypeError("linear: a low-rank path needs a workspace, got none");
    const Epilogue nothing;
    LinearTask down = task;
    down.panel_end = (weight.rank + kPanel - 1) / kPanel;
    down.dense = weight.down;
    down.y = static_cast<float*>(workspace);
    down.y_stride = weight.rank;
    down.epilogue = &nothing;
    run(pool, kernels.dense, down, rows * weight.rank * weight.in);
    task.low_rank = static_cast<const float*>(workspace);
    task.up = &weight.up;
  }
  task.weight = &weight;
  task.y = y;
  task.y_stride = y_stride;
  task.epilogue = &epilogue;
  if (!weight.takes_quantised()) task.dense = weight.dense();
  const Kernel kernel = weight.kind == LinearKind::kInt4   ? kernels.int4
                        : weight.kind == LinearKind::kInt6 ? kernels.int6
                        : weight.kind == LinearKind::kInt8 ? kernels.int8
                                                           : kernels.dense;
  run(pool, kernel, task, rows * weight.out * weight.in);
}

void quantise_rows(const LinearKernels& kernels, ThreadPool& pool, const float* x, int64_t x_stride,
                   const QuantisedView& to) {
  const int64_t parts =
      to.rows * to.in > kAlone ? std::min<int64_t>(to.rows, kTasksPerThread * pool.threads()) : (to.rows > 0 ? 1 : 0);
  pool.run(parts, [&](int64_t part) {
    kernels.quantise_rows(x, x_stride, to, to.rows * part / parts, to.rows * (part + 1) / parts);
  });
}

}  // namespace aerie
