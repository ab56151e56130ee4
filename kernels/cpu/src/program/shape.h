// Extents of tensors: symbolic in a program, numbers in a run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace aerie {

constexpr int kMaxAxes = 8;
// Elements of one tensor. Products of sizes below stay far from overflow.
constexpr int64_t kMaxElements = int64_t{1} << 40;
// Cells of a patch along one side.
constexpr int64_t kMaxPatch = 4096;

// factor · the product of named dimensions, each by its number in the program's list.
struct Dim {
  int64_t factor = 1;
  std::vector<int> names;
};

struct Shape {
  int rank = 0;
  int64_t dims[kMaxAxes] = {};
  int64_t size = 1;

  // 1 for a scalar.
  int64_t last() const { return rank > 0 ? dims[rank - 1] : 1; }
  // Of the last axis; 0 if that is empty.
  int64_t rows() const { return last() > 0 ? size / last() : 0; }
  // Product of the axes from … to − 1.
  int64_t product(int from, int to) const;
  bool operator==(const Shape& other) const;
  std::string to_string() const;
};

// The number that `text` ("4*tiles") names, its names added to `names` where they are new. Throws TypeError.
Dim parse_dim(const std::string& text, std::vector<std::string>& names);

// Throws RangeError for a tensor of more than kMaxElements.
Shape resolve(const std::vector<Dim>& dims, const std::vector<int64_t>& bindings);

}  // namespace aerie
