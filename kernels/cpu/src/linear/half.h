// IEEE half precision in integer arithmetic, for code that is not compiled for a certain instruction set.
#pragma once

#include <cstdint>
#include <cstring>

namespace aerie {

inline float half_bits_to_float(uint16_t half) {
  const uint32_t exponent = (half >> 10) & 31;
  const uint32_t fraction = half & 0x3ff;
  uint32_t bits = 0;
  if (exponent == 0) {
    // Subnormals: 2^-24 times a whole number, exact.
    const float value = static_cast<float>(fraction) * 5.9604644775390625e-8f;
    std::memcpy(&bits, &value, 4);
  } else {
    bits = (exponent == 31 ? 255u : exponent + 112) << 23 | fraction << 13;
  }
  bits |= static_cast<uint32_t>(half & 0x8000) << 16;
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

// Whether a half stands for exactly this number, and which.
inline bool exact_half(float value, uint16_t& half) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  const uint32_t magnitude = bits & 0x7fffffff;
  const uint16_t sign = static_cast<uint16_t>((bits >> 16) & 0x8000);
  if (magnitude >= 0x38800000) {
    // Too large or not finite, or too many digits.
    if (magnitude >= 0x47800000 || (magnitude & 0x1fff) != 0) return false;
    half = static_cast<uint16_t>(sign | (magnitude - 0x38000000) >> 13);
    return true;
  }
  float absolute;
  std::memcpy(&absolute, &magnitude, 4);
  const float whole = absolute * 16777216.0f;
  const uint16_t fraction = static_cast<uint16_t>(whole);
  if (static_cast<float>(fraction) != whole) return false;
  half = static_cast<uint16_t>(sign | fraction);
  return true;
}

}  // namespace aerie
