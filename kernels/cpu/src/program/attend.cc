#include "program/attend.h"

#include <algorithm>
#include <cstring>

#include "program/operation.h"

namespace aerie {
namespace {

// Nanoseconds for a key, a query row and a channel.
constexpr double kCost = 0.05;
// Below it helpers would come too late.
constexpr double kWorthHelp = 16000;

int64_t rows_of(const AttentionTask& task) { return task.queries * task.group; }

Visible visible_to(const AttentionTask& task, int64_t query) {
  if (!task.is_causal) return {0, task.keys};
  const int64_t last = task.first_position + query + 1;
  return {task.window > 0 ? std::max<int64_t>(0, last - task.window) : 0, last};
}

struct Partitions {
  int64_t first;
  int64_t last;
};

Partitions partitions_of(const AttentionTask& task) {
  const Visible first = visible_to(task, 0), last = visible_to(task, task.queries - 1);
  return {first.first / kPartition, (last.last + kPartition - 1) / kPartition};
}

size_t state_floats(const AttentionTask& task) {
  return static_cast<size_t>(rows_of(task)) * static_cast<size_t>(task.kv.value_width + 2);
}

AttentionState state_at(float* memory, const AttentionTask& task) {
  const int64_t rows = rows_of(task);
  return {memory + rows * task.kv.value_width, memory + rows * (task.kv.value_width + 1), memory};
}

// A task's query rows side by side, and what each sees.
class QueryRows {
 public:
  QueryRows(const AttentionTask& task, const AttentionSettings& settings) {
    const int64_t row_floats = task.group * task.kv.head_dim;
    for (int64_t query = 0; query < task.queries; ++query) {
      std::memcpy(q_ + query * row_floats, task.q + query * task.stride,
                  static_cast<size_t>(row_floats) * sizeof(float));
      for (int64_t head = 0; head < task.group; ++head) {
        visible_[query * task.group + head] = visible_to(task, query);
      }
    }
    arguments_ = {
        .kv = task.kv,
        .table = task.table,
        .rows = rows_of(task),
        .q = q_,
        .visible = visible_,
        .scale = settings.scale,
        .soft_cap = settings.soft_cap,
    };
  }

  const AttentionArguments& arguments() const { return arguments_; }

 private:
  alignas(64) float q_[kMaxRows * kMaxHeadDim];
  Visible visible_[kMaxRows];
  AttentionArguments arguments_;
};

// A sink is a key that takes its share of the weight and has no value.
void start(const AttentionTask& task, const AttentionState& total) {
  for (int64_t row = 0; row < rows_of(task); ++row) {
    total.maxima[row] = task.sinks ? task.sinks[row % task.group] * kLog2E : kNothingSeen;
    total.sums[row] = task.sinks ? 1 : 0;
  }
  std::memset(total.values, 0, static_cast<size_t>(rows_of(task) * task.kv.value_width) * sizeof(float));
}

void finish(const AttentionTask& task, const AttentionState& total) {
  const int64_t head_dim = task.kv.head_dim;
  for (int64_t row = 0; row < rows_of(task); ++row) {
    const float* from = total.values + row * task.kv.value_width;
    float* to = task.y + row / task.group * task.stride + row % task.group * head_dim;
    // Nothing to see gives zeros.
    const float factor = total.sums[row] > 0 ? 1 / total.sums[row] : 0;
    if (total.sums[row] != total.sums[row]) {
      for (int64_t i = 0; i < head_dim; ++i) to[i] = total.sums[row];
    } else {
      for (int64_t i = 0; i < head_dim; ++i) to[i] = from[i] * factor;
    }
  }
}

void attend_whole(const AttentionKernels& kernels, const AttentionTask& task, const AttentionSettings& settings) {
  alignas(64) float total_memory[kMaxRows * (kMaxHeadDim + 2)];
  alignas(64) float part_memory[kMaxRows * (kMaxHeadDim + 2)];
  const AttentionState total = state_at(total_memory, task), part = state_at(part_memory, task);
  const QueryRows rows(task, settings);
  const Partitions partitions = partitions_of(task);
  start(task, total);
  for (int64_t partition = partitions.first; partition < partitions.last; ++partition) {
    kernels.partition(rows.arguments(), partition, part);
    kernels.join(rows_of(task), task.kv.value_width, total, part);
  }
  finish(task, total);
}

// Partitions are computed side by side and joined in their order afterwards: the same bits as one after the other.
void attend_in_parts(ThreadPool& pool, const AttentionKernels& kernels, const std::vector<AttentionTask>& tasks,
                     const AttentionSettings& settings, Buffer& scratch) {
  struct Part {
    size_t task;
    int64_t partition;
    size_t floats;
  };
  std::vector<Part> parts;
  size_t floats = 0;
  for (size_t i = 0; i < tasks.size(); ++i) {
    const Partitions partitions = partitions_of(tasks[i]);
    for (int64_t partition = partitions.first; partition < partitions.last; ++partition) {
      parts.push_back({i, partition, floats});
      floats += (state_floats(tasks[i]) + 15) / 16 * 16;
    }
  }
  float* const memory = reinterpret_cast<float*>(scratch.require(floats * sizeof(float), "attention in parts"));
  pool.run(static_cast<int64_t>(parts.size()), [&](int64_t i) {
    const Part& part = parts[static_cast<size_t>(i)];
    const QueryRows rows(tasks[part.task], settings);
    kernels.partition(rows.arguments(), part.partition, state_at(memory + part.floats, tasks[part.task]));
  });
  alignas(64) float total_memory[kMaxRows * (kMaxHeadDim + 2)];
  auto part = parts.begin();
  for (size_t i = 0; i < tasks.size(); ++i) {
    const AttentionState total = state_at(total_memory, tasks[i]);
    start(tasks[i], total);
    for (; part != parts.end() && part->task == i; ++part) {
      kernels.join(rows_of(tasks[i]), tasks[i].kv.value_width, total, state_at(memory + part->floats, tasks[i]));
    }
    finish(tasks[i], total);
  }
}

}  // namespace

void attend(ThreadPool& pool, const AttentionKernels& kernels, const std::vector<AttentionTask>& tasks,
            const AttentionSettings& settings, Buffer& scratch) {
  double cost = 0;
  int64_t most_partitions = 0;
  for (const AttentionTask& task : tasks) {
    const Visible first = visible_to(task, 0), last = visible_to(task, task.queries - 1);
    cost += kCost * static_cast<double>((last.last - first.first) * rows_of(task) * task.kv.head_dim);
    const Partitions partitions = partitions_of(task);
    most_partitions = std::max(most_partitions, partitions.last - partitions.first);
  }
  const int64_t count = static_cast<int64_t>(tasks.size());
  const int64_t threads = pool.threads();
  if (threads > 1 && most_partitions > 1 && count < 4 * threads && count % threads != 0) {
    return attend_in_parts(pool, kernels, tasks, settings, scratch);
  }
  // Of a prompt's tasks the last see the most keys: they come first, so that threads end together.
  const auto one = [&](int64_t i) { attend_whole(kernels, tasks[static_cast<size_t>(count - 1 - i)], settings); };
  if (cost < kWorthHelp) {
    for (int64_t i = 0; i < count; ++i) one(i);
  } else {
    pool.run(count, one);
  }
}

}  // namespace aerie
