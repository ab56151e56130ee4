"""One engine in a process of its own, for `aerie bench engine`.

    python peer.py convert NAME CHECKPOINT OUT     a checkpoint of the hub -> what the engine reads, int4
    python peer.py run NAME OUT THREADS            holds it, and measures whenever it is told to

While it runs it speaks JSON, one object a line. Said first: {"type": "loaded", "engine", "settings", "weightBytes"}.
Read: {"kind": "prefill", "tokens"} or {"kind": "decode", "context", "batch", "steps"}. Answered: {"type": "ran",
"tokens", "seconds"}: so many positions read or tokens made in so much time. The end of the input is the end.
"""
import importlib
import json
import os
import sys
from pathlib import Path

MODULES = {
    "llama.cpp": "llama_cpp_peer",
    "openvino": "openvino_peer",
    "onnxruntime-genai": "onnxruntime_genai_peer",
}


def main():
    action, name, *rest = sys.argv[1:]
    # Engines print what they like; the lines are for the one who asked.
    lines = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(message):
        print(json.dumps(message), file=lines, flush=True)

    peer = importlib.import_module(MODULES[name])
    if action == "convert":
        peer.convert(Path(rest[0]), Path(rest[1]))
        return
    engine = peer.Engine(Path(rest[0]), int(rest[1]))
    say({"type": "loaded", "engine": engine.name, "settings": engine.settings, "weightBytes": engine.weight_bytes})
    for line in sys.stdin:
        job = json.loads(line)
        kind = job.pop("kind")
        tokens, seconds = engine.prefill(**job) if kind == "prefill" else engine.decode(**job)
        say({"type": "ran", "tokens": tokens, "seconds": seconds})


main()
