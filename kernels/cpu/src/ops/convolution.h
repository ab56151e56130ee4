// A convolution of every channel by itself.
#pragma once

#include "ops/convolution_kernels.h"

namespace aerie::AERIE_ISA_NS {

void depthwise_conv(const DepthwiseConvArguments& arguments);

}  // namespace aerie::AERIE_ISA_NS
