// Errors of the runtime; the addon's border turns each into the JavaScript error of its name.
#pragma once

#include <stdexcept>
#include <string>

namespace aerie {

// Something is not of the type or shape that it must have.
class TypeError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A number is outside what is allowed.
class RangeError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The system has no memory left for what was asked.
class OutOfMemory : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace aerie
