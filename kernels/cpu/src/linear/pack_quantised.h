// Panels of quantised weights, each from its 16 rows: of numbers as our own files have them, or of GGUF blocks.
#pragma once

#include "linear/pack.h"

namespace aerie {

// Writes all sections but those of the low rank; the header is already in the block.
void pack_quantised(ThreadPool& pool, const LinearSource& source, const PackedHeader& header, uint8_t* block);

}  // namespace aerie
