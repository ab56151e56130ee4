"""Logits of llama.cpp at every position of some texts of equal length: of a GGUF file, and of its weights in Q4_0.

    python llama_logits.py MODEL.gguf "1,2,3;4,5,6" OUT THREADS

Writes OUT/same.f32 and OUT/q4_0.f32, [texts, positions, vocabulary]; prints the bytes of the weights, {"same", "q4_0"}.
"""
import json
import os
import sys
from pathlib import Path

import llama_cpp as api
import numpy as np

from llama_cpp_peer import quantise


def write_logits(model, texts, target, threads):
    length = len(texts[0])
    llama = api.Llama(
        str(model), n_ctx=length, n_batch=length, n_threads=threads, logits_all=True, flash_attn=True, verbose=False
    )
    with open(target, "wb") as file:
        for ids in texts:
            llama.reset()
            llama.eval(ids)
            np.array(llama.scores[:length], dtype=np.float32).tofile(file)
    return api.llama_model_size(llama.model)


model, out = Path(sys.argv[1]), Path(sys.argv[3])
texts = [[int(token) for token in ids.split(",")] for ids in sys.argv[2].split(";")]
threads = int(sys.argv[4])
# The library prints what it likes.
said = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
same = write_logits(model, texts, out / "same.f32", threads)
quantise(model, out / "q4_0.gguf", api.LLAMA_FTYPE_MOSTLY_Q4_0)
q4_0 = write_logits(out / "q4_0.gguf", texts, out / "q4_0.f32", threads)
(out / "q4_0.gguf").unlink()
print(json.dumps({"same": same, "q4_0": q4_0}), file=said, flush=True)
