// Element-wise functions that an operation may apply.
#pragma once

namespace aerie {

enum class Activation { kNone, kSilu, kRelu, kRelu2, kGeluErf, kGeluTanh, kGeluQuick };

}  // namespace aerie
