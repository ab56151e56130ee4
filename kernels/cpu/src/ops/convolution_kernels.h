// A convolution of every channel by itself, over a picture whose channels lie beside each other.
#pragma once

#include <cstdint>

namespace aerie {

// One row of the result. A place has the same bits whatever row or picture it is computed with.
struct DepthwiseConvArguments {
  int64_t height;
  int64_t width;
  int64_t channels;
  int64_t kernel_height;
  int64_t kernel_width;
  int64_t padding;      // zeros around the picture, which are left out of the sums
  int64_t row;          // of the result, from 0
  const float* x;       // [height, width, channels]
  const float* weight;  // [kernel_height, kernel_width, channels]
  const float* bias;    // [channels], or null
  float* y;             // [width + 2 · padding − kernel_width + 1, channels]: the row
};

struct ConvolutionKernels {
  void (*depthwise)(const DepthwiseConvArguments&);
};

}  // namespace aerie
