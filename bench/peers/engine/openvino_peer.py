"""OpenVINO GenAI on a CPU, int4 in groups of 128, exported by optimum-intel and compressed by nncf."""
import json
import os
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import openvino
import openvino_genai as genai

from measured import WARM_STEPS, file_bytes, random_ids


def convert(checkpoint, out):
    form = ["--weight-format", "int4", "--group-size", "128", "--ratio", "1.0"]
    command = [str(Path(sys.executable).with_name("optimum-cli")), "export", "openvino"]
    task = ["--task", "text-generation-with-past"]
    arguments = [*command, "--model", str(checkpoint), *task, *form, str(out)]
    # In place of this process, so that whoever ends it ends the conversion.
    os.execv(arguments[0], arguments)


class Engine:
    """Both of its attention kernels, and of the two the faster one for each measurement."""

    def __init__(self, folder, threads):
        self._pipes = {
            backend: genai.LLMPipeline(
                str(folder), "CPU", INFERENCE_NUM_THREADS=threads, ATTENTION_BACKEND=backend
            )
            for backend in ("PA", "SDPA")
        }
        self._faster = {}
        self._vocabulary = json.loads((folder / "config.json").read_text())["vocab_size"]
        self.name = f"OpenVINO GenAI {version('openvino-genai')}"
        self.settings = f"{threads} threads, int4 in groups of 128, the faster of its two attentions (PA, SDPA) for each measurement, KV as it chooses"
        self.weight_bytes = file_bytes(folder, "openvino_model.bin")

    def prefill(self, tokens):
        def measure(pipe):
            metrics = self._generate(pipe, 1, tokens, 1)
            return metrics.get_ttft().mean / 1000

        return tokens, self._fastest(("prefill", tokens), measure)

    def decode(self, context, batch, steps):
        def measure(pipe):
            # The first of them is the prompt's.
            metrics = self._generate(pipe, batch, context, 1 + WARM_STEPS + steps)
            times = metrics.raw_metrics.m_new_token_times
            if len(times) != 1 + WARM_STEPS + steps:
                raise RuntimeError(f"{len(times)} steps were told of, not {1 + WARM_STEPS + steps}")
            return (times[-1] - times[WARM_STEPS]) / 1000

        return batch * steps, self._fastest(("decode", context, batch), measure)

    def _fastest(self, what, measure):
        faster = self._faster.get(what)
        if faster is not None:
            return measure(self._pipes[faster])
        seconds = {backend: measure(pipe) for backend, pipe in self._pipes.items()}
        self._faster[what] = min(seconds, key=seconds.get)
        return min(seconds.values())

    def _generate(self, pipe, batch, context, new):
        ids = random_ids(batch * context, self._vocabulary).reshape(batch, context)
        config = genai.GenerationConfig(max_new_tokens=new, ignore_eos=True, do_sample=False)
        inputs = genai.TokenizedInputs(openvino.Tensor(ids), openvino.Tensor(np.ones_like(ids)))
        return pipe.generate(inputs, config).perf_metrics
