"""Logits of llama.cpp at every position of some ids: of a GGUF file, and of its weights in Q4_0.

    python llama_logits.py MODEL.gguf 1,2,3 OUT THREADS

Writes OUT/same.f32 and OUT/q4_0.f32, [positions, vocabulary]; prints the bytes of the weights, {"same", "q4_0"}.
"""
import json
import os
import sys
from pathlib import Path

import llama_cpp as api
import numpy as np

from llama_cpp_peer import quantise


def write_logits(model, ids, target, threads):
    llama = api.Llama(
        str(model), n_ctx=len(ids), n_batch=len(ids), n_threads=threads, logits_all=True, flash_attn=True, verbose=False
    )
    llama.eval(ids)
    np.array(llama.scores[: len(ids)], dtype=np.float32).tofile(target)
    return api.llama_model_size(llama.model)


model, out = Path(sys.argv[1]), Path(sys.argv[3])
ids = [int(token) for token in sys.argv[2].split(",")]
threads = int(sys.argv[4])
# The library prints what it likes.
said = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
same = write_logits(model, ids, out / "same.f32", threads)
quantise(model, out / "q4_0.gguf", api.LLAMA_FTYPE_MOSTLY_Q4_0)
q4_0 = write_logits(out / "q4_0.gguf", ids, out / "q4_0.f32", threads)
(out / "q4_0.gguf").unlink()
print(json.dumps({"same": same, "q4_0": q4_0}), file=said, flush=True)
