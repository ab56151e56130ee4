#include "linear/quantised_rows.h"

namespace aerie {
namespace {

int64_t up_to_64(int64_t n) { return (n + 63) / 64 * 64; }

// Rows are read side by side: at a stride of whole kilobytes they would share a few sets of the cache.
int64_t stride_of(int64_t width) {
  const int64_t stride = up_to_64(width);
  return stride % 1024 == 0 ? stride + 64 : stride;
}

int64_t groups_of(int64_t in, int64_t group) { return group == 0 ? 1 : (in + group - 1) / group; }

int64_t width_of(int64_t in, int64_t group) { return group == 0 ? in : groups_of(in, group) * group; }

}  // namespace

size_t quantised_bytes(int64_t rows, int64_t in, int64_t group) {
  const int64_t numbers = up_to_64(rows * groups_of(in, group) * 4);
  return static_cast<size_t>(rows * stride_of(width_of(in, group)) + 2 * numbers);
}

QuantisedView quantised_view(void* block, int64_t rows, int64_t in, int64_t group) {
  QuantisedView view;
  view.rows = rows;
  view.in = in;
  view.group = group == 0 ? in : group;
  view.groups = groups_of(in, group);
  view.stride = stride_of(width_of(in, group));
  int8_t* const bytes = static_cast<int8_t*>(block);
  view.values = bytes;
  view.scales = reinterpret_cast<float*>(bytes + rows * view.stride);
  view.sums = reinterpret_cast<int32_t*>(bytes + rows * view.stride + up_to_64(rows * view.groups * 4));
  return view;
}

}  // namespace aerie
