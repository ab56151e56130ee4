// How a product is cut into rectangles of its result, which threads compute by themselves.
#pragma once

#include <algorithm>
#include <cstdint>

#include "linear/tasks.h"

namespace aerie {

// Multiplications below which waking another thread costs more than it brings.
constexpr int64_t kAlone = 1 << 17;
// Tasks for each thread: one that is slowed down leaves the rest to the others.
constexpr int64_t kTasksPerThread = 4;
// A task's smallest useful size: below, packing and unpacking for a few rows is repeated too often.
constexpr int64_t kTaskRows = 96;
constexpr int64_t kTaskPanels = 8;

struct Cut {
  int64_t row_parts = 1;
  int64_t panel_parts = 1;

  int64_t parts() const { return row_parts * panel_parts; }
};

// About `wanted` rectangles of [rows, panels].
inline Cut cut_product(int64_t rows, int64_t panels, int64_t wanted) {
  Cut cut;
  cut.panel_parts =
      rows < kTaskRows ? std::min(wanted, panels) : std::min(wanted, std::max<int64_t>(panels / kTaskPanels, 1));
  if (cut.panel_parts < wanted) {
    cut.row_parts = std::clamp<int64_t>(rows / kTaskRows, 1, (wanted + cut.panel_parts - 1) / cut.panel_parts);
  }
  return cut;
}

// The rectangle number `i` of a task that begins at row 0 and panel 0.
inline LinearTask part_of(const LinearTask& whole, const Cut& cut, int64_t i) {
  const int64_t row_part = i / cut.panel_parts;
  const int64_t panel_part = i % cut.panel_parts;
  LinearTask task = whole;
  task.row_begin = whole.row_end * row_part / cut.row_parts;
  task.row_end = whole.row_end * (row_part + 1) / cut.row_parts;
  task.panel_begin = whole.panel_end * panel_part / cut.panel_parts;
  task.panel_end = whole.panel_end * (panel_part + 1) / cut.panel_parts;
  return task;
}

}  // namespace aerie
