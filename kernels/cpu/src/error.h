// Errors of the runtime; the addon's border turns each into the JavaScript error of its name.
#pragma once

#include <stdexcept>
#include <string>
#include <system_error>

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

// The system refused; the message ends with its reason.
class SystemError : public std::runtime_error {
 public:
  SystemError(const std::string& what, int number)
      : std::runtime_error(what + ": " + std::generic_category().message(number)) {}
};

}  // namespace aerie
