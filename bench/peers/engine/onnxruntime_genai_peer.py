"""onnxruntime-genai on a CPU, with the int4 model of its own builder."""
import json
import os
import sys
import time
from importlib.metadata import version

import numpy as np
import onnxruntime_genai as og

from measured import WARM_STEPS, file_bytes, random_ids


def convert(checkpoint, out):
    options = {
        # Level 4 multiplies in int8, which is twice as fast; larger groups are fewer bytes.
        "accuracy_level": 4,
        "block_size": 128,
    }
    pairs = [f"{key}={value}" for key, value in options.items()]
    folders = ["-i", str(checkpoint), "-o", str(out), "-c", str(out / "cache")]
    command = [sys.executable, "-m", "onnxruntime_genai.models.builder", *folders, "-p", "int4", "-e", "cpu"]
    arguments = [*command, "--extra_options", *pairs]
    # In place of this process, so that whoever ends it ends the conversion.
    os.execv(arguments[0], arguments)


class Engine:
    def __init__(self, folder, threads):
        config = og.Config(str(folder))
        session = {"intra_op_num_threads": threads}
        config.overlay(json.dumps({"model": {"decoder": {"session_options": session}}}))
        self._model = og.Model(config)
        written = json.loads((folder / "genai_config.json").read_text())
        self._vocabulary = written["model"]["vocab_size"]
        # One a batch and context, with what was read into it.
        self._generators = {}
        self.name = f"onnxruntime-genai {version('onnxruntime-genai')}"
        self.settings = f"{threads} threads, int4 in groups of 128, accuracy level 4, greedy search"
        # Tables of the rotation are looked up, not read through.
        tables = 4 * written["model"]["context_length"] * written["model"]["decoder"]["head_size"]
        self.weight_bytes = file_bytes(folder, "*.onnx.data") - tables

    def prefill(self, tokens):
        generator = self._generator(1, tokens + 1)
        ids = random_ids(tokens, self._vocabulary).astype(np.int32)
        start = time.perf_counter()
        generator.append_tokens(ids[None])
        return tokens, time.perf_counter() - start

    def decode(self, context, batch, steps):
        key = context, batch
        generator = self._generators.get(key)
        if generator is None:
            generator = self._generator(batch, context + WARM_STEPS + steps)
            ids = random_ids(batch * context, self._vocabulary).astype(np.int32)
            generator.append_tokens(ids.reshape(batch, context))
            # Only a single sequence can be taken back.
            if batch == 1:
                self._generators[key] = generator
        else:
            generator.rewind_to(context - 1)
            generator.append_tokens(np.array([[20]], np.int32))
        for step in range(WARM_STEPS + steps):
            if step == WARM_STEPS:
                start = time.perf_counter()
            generator.generate_next_token()
        return batch * steps, time.perf_counter() - start

    def _generator(self, batch, length):
        params = og.GeneratorParams(self._model)
        # No end before that length.
        params.set_search_options(batch_size=batch, max_length=length, min_length=length, do_sample=False)
        return og.Generator(self._model, params)
