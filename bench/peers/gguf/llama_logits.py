"""What llama.cpp makes of a GGUF file: ids, logits at every position and greedy continuations of some texts.

    python llama_logits.py model.gguf prompts.json out/ [--widened]

With --widened the weights are first widened to 32-bit floats, by the format's own library, so that llama.cpp, too,
computes with what the blocks stand for; otherwise it rounds what it multiplies them with to 8 bits.
Writes out/llama.json and out/<prompt>.f32, logits [positions, vocabulary] of prompt and continuation.
"""
import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter, quants
from llama_cpp import GGML_TYPE_F32, Llama


def widen(path, target):
    reader = GGUFReader(path)
    writer = GGUFWriter(target, reader.fields["general.architecture"].contents())
    for name, field in reader.fields.items():
        # The writer has put these itself.
        if name.startswith("GGUF.") or name == "general.architecture":
            continue
        inner = field.types[1] if field.types[0] == GGUFValueType.ARRAY else None
        writer.add_key_value(name, field.contents(), field.types[0], sub_type=inner)
    for tensor in reader.tensors:
        shape = [int(size) for size in reversed(tensor.shape)]
        floats = quants.dequantize(tensor.data, GGMLQuantizationType(tensor.tensor_type))
        writer.add_tensor(tensor.name, floats.reshape(shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def answer(model, text, steps):
    ids = model.tokenize(text.encode(), add_bos=False, special=True)
    model.reset()
    model.eval(ids)
    greedy = []
    for _ in range(steps):
        greedy.append(int(model.scores[model.n_tokens - 1].argmax()))
        model.eval(greedy[-1:])
    return ids, greedy, np.array(model.scores[: model.n_tokens], dtype=np.float32)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("model", type=Path)
    arguments.add_argument("prompts", type=Path)
    arguments.add_argument("out", type=Path)
    arguments.add_argument("--widened", action="store_true")
    options = arguments.parse_args()
    prompts = json.loads(options.prompts.read_text())
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        path = options.model
        if options.widened:
            path = Path(folder) / "widened.gguf"
            widen(options.model, path)
        cache = {"type_k": GGML_TYPE_F32, "type_v": GGML_TYPE_F32}
        model = Llama(str(path), n_ctx=512, n_threads=1, logits_all=True, verbose=False, **cache)
        results = []
        for prompt in prompts["prompts"]:
            ids, greedy, logits = answer(model, prompt["text"], prompts["steps"])
            logits.tofile(options.out / f"{prompt['name']}.f32")
            results.append({"name": prompt["name"], "ids": ids, "greedy": greedy})
        corpus = [model.tokenize(text.encode(), add_bos=False, special=True) for text in prompts["corpus"]]
    report = {"vocabulary": model.n_vocab(), "prompts": results, "corpus": corpus}
    (options.out / "llama.json").write_text(json.dumps(report))


main()
