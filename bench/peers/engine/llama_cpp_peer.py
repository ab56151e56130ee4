"""llama.cpp through its C API, as llama-cpp-python binds it."""
import ctypes
import time
from importlib.metadata import version

import llama_cpp as api
import numpy as np

from measured import WARM_STEPS, random_ids

NAME = "llama.cpp"
FILE = "model.gguf"
# Positions of one batch, and of what is computed of it at once: its own default.
BATCH = 512


def convert(checkpoint, out):
    from to_gguf import write_gguf

    wide = out / "f16.gguf"
    write_gguf(checkpoint, wide)
    quantise(wide, out / FILE, api.LLAMA_FTYPE_MOSTLY_Q4_0)
    wide.unlink()


def quantise(source, target, file_type):
    """Every matrix in that form, the embedding too (`--pure`)."""
    params = api.llama_model_quantize_default_params()
    params.ftype = file_type
    params.pure = True
    params.allow_requantize = True
    if api.llama_model_quantize(str(source).encode(), str(target).encode(), ctypes.byref(params)) != 0:
        raise RuntimeError(f"llama_model_quantize refused {source}")


class Engine:
    """Of a folder with model.gguf, or of a GGUF file."""

    def __init__(self, path, threads):
        path = path / FILE if path.is_dir() else path
        api.llama_backend_init()
        self._model = api.llama_model_load_from_file(str(path).encode(), api.llama_model_default_params())
        if not self._model:
            raise RuntimeError(f"llama.cpp cannot load {path}")
        self._threads = threads
        self._vocabulary = api.llama_vocab_n_tokens(api.llama_model_get_vocab(self._model))
        # Contexts by sequences and length, those of a decode with what was read into them.
        self._contexts = {}
        self.name = f"{NAME} (llama-cpp-python {_version()})"
        self.settings = (
            f"{threads} threads, flash attention, f16 KV, batch and micro-batch {BATCH}; "
            + api.llama_print_system_info().decode().strip(" |\n")
        )
        self.weight_bytes = api.llama_model_size(self._model)

    def prefill(self, tokens):
        context, _ = self._context(1, tokens)
        ids = random_ids(tokens, self._vocabulary)
        api.llama_memory_clear(api.llama_get_memory(context), False)
        start = time.perf_counter()
        self._read(context, [(0, ids)], 0)
        return tokens, time.perf_counter() - start

    def decode(self, context, batch, steps):
        room = context + WARM_STEPS + steps
        handle, isNew = self._context(batch, room)
        memory = api.llama_get_memory(handle)
        if isNew:
            for sequence in range(batch):
                self._read(handle, [(sequence, random_ids(context, self._vocabulary))], 0)
        tokens = random_ids(batch, self._vocabulary)
        for step in range(WARM_STEPS + steps):
            if step == WARM_STEPS:
                start = time.perf_counter()
            tokens = self._read(handle, [(i, tokens[i : i + 1]) for i in range(batch)], context + step)
        seconds = time.perf_counter() - start
        for sequence in range(batch):
            api.llama_memory_seq_rm(memory, sequence, context, -1)
        return batch * steps, seconds

    def _context(self, sequences, length):
        key = sequences, length
        known = self._contexts.get(key)
        if known:
            return known, False
        params = api.llama_context_default_params()
        # Each sequence has a share of it, rounded up to what the kernels like.
        params.n_ctx = sequences * (-(-length // 256) * 256)
        params.n_batch = params.n_ubatch = BATCH
        params.n_seq_max = sequences
        params.n_threads = params.n_threads_batch = self._threads
        params.flash_attn_type = api.LLAMA_FLASH_ATTN_TYPE_ENABLED
        context = api.llama_init_from_model(self._model, params)
        if not context:
            raise RuntimeError(f"llama.cpp makes no context of {sequences} sequences of {length}")
        self._contexts[key] = context
        return context, True

    def _read(self, context, rows, position):
        """Appends ids to sequences, all from that position on, and gives the likeliest next token of each."""
        rows = [(sequence, np.asarray(ids)) for sequence, ids in rows]
        if len(rows) == 1 and len(rows[0][1]) > BATCH:
            sequence, ids = rows[0]
            for at in range(0, len(ids), BATCH):
                best = self._read(context, [(sequence, ids[at : at + BATCH])], position + at)
            return best
        batch = api.llama_batch_init(sum(len(ids) for _, ids in rows), 0, 1)
        wanted = []
        n = 0
        for sequence, ids in rows:
            for i, token in enumerate(ids):
                batch.token[n] = int(token)
                batch.pos[n] = position + i
                batch.n_seq_id[n] = 1
                batch.seq_id[n][0] = sequence
                batch.logits[n] = i == len(ids) - 1
                n += 1
            wanted.append(n - 1)
        batch.n_tokens = n
        result = api.llama_decode(context, batch)
        if result != 0:
            raise RuntimeError(f"llama_decode gave {result}")
        best = []
        for index in wanted:
            logits = api.llama_get_logits_ith(context, index)
            best.append(int(np.ctypeslib.as_array(logits, shape=(self._vocabulary,)).argmax()))
        api.llama_batch_free(batch)
        return np.array(best)


def _version():
    # Where it was built in its own folder it has no metadata.
    return getattr(api, "__version__", None) or version("llama-cpp-python")
