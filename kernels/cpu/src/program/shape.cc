#include "program/shape.h"

#include <algorithm>

#include "error.h"

namespace aerie {
namespace {

bool multiply(int64_t a, int64_t b, int64_t& product) {
  return !__builtin_mul_overflow(a, b, &product) && product <= kMaxElements;
}

int number_of(const std::string& name, std::vector<std::string>& names) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found != names.end()) return static_cast<int>(found - names.begin());
  names.push_back(name);
  return static_cast<int>(names.size()) - 1;
}

bool is_number(const std::string& text) {
  return !text.empty() && text.size() <= 12 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

int64_t Shape::product(int from, int to) const {
  int64_t result = 1;
  for (int axis = from; axis < to; ++axis) result *= dims[axis];
  return result;
}

bool Shape::operator==(const Shape& other) const {
  return rank == other.rank && std::equal(dims, dims + rank, other.dims);
}

std::string Shape::to_string() const {
  std::string text = "[";
  for (int axis = 0; axis < rank; ++axis) text += (axis ? ", " : "") + std::to_string(dims[axis]);
  return text + "]";
}

Dim parse_dim(const std::string& text, std::vector<std::string>& names) {
  Dim dim;
  size_t start = 0;
  while (start <= text.size()) {
    const size_t end = std::min(text.find('*', start), text.size());
    const std::string part = text.substr(start, end - start);
    if (part.empty() || (part[0] >= '0' && part[0] <= '9' && !is_number(part))) {
      throw TypeError("dimension \"" + text.substr(0, 100) + "\" is no product of names and numbers");
    }
    if (is_number(part)) {
      if (!multiply(dim.factor, std::stoll(part), dim.factor))
        throw RangeError("dimension \"" + text.substr(0, 100) + "\" is too large");
    } else {
      dim.names.push_back(number_of(part, names));
    }
    start = end + 1;
  }
  return dim;
}

Shape resolve(const std::vector<Dim>& dims, const std::vector<int64_t>& bindings) {
  Shape shape;
  shape.rank = static_cast<int>(dims.size());
  bool fits = true;
  // Axes of 0 must not hide others whose product overflows elsewhere.
  int64_t bound = 1;
  for (int axis = 0; axis < shape.rank; ++axis) {
    const Dim& dim = dims[static_cast<size_t>(axis)];
    int64_t extent = dim.factor;
    for (const int name : dim.names) fits = fits && multiply(extent, bindings[static_cast<size_t>(name)], extent);
    shape.dims[axis] = extent;
    fits = fits && multiply(bound, std::max<int64_t>(extent, 1), bound);
    shape.size = fits ? shape.size * extent : 0;
  }
  if (!fits) throw RangeError("a tensor has more than " + std::to_string(kMaxElements) + " elements");
  return shape;
}

}  // namespace aerie
