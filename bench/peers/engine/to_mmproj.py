"""The tower and the projector of a checkpoint in VILA's layout -> the projector file that llama.cpp reads beside a model.

    python to_mmproj.py CHECKPOINT OUT.gguf [f16 | q8_0]

The tower is a SigLIP of which the last layer but one is taken, the projector two layers with a GELU between. llama.cpp knows
that pair as a LLaVA: with a tower that has no class token, and GELU by tanh in the projector too, where VILA's is by erf.
"""
import json
import sys
from pathlib import Path

import gguf
import numpy as np

FORMS = {"f16": gguf.GGMLQuantizationType.F16, "q8_0": gguf.GGMLQuantizationType.Q8_0}
# Of SigLIP's own processor.
MEAN = STD = [0.5, 0.5, 0.5]

TOWER = "vision_model."
NAMES = {
    "embeddings.patch_embedding": "v.patch_embd",
    "embeddings.position_embedding": "v.position_embd",
}
LAYER_NAMES = {
    "layer_norm1": "ln1",
    "layer_norm2": "ln2",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.out_proj": "attn_out",
    "mlp.fc1": "ffn_up",
    "mlp.fc2": "ffn_down",
}


def write_mmproj(checkpoint, target, form):
    config = json.loads((checkpoint / "config.json").read_text())
    tower = config["vision_tower_cfg"]
    kinds = tower["model_type"], config["mm_projector_cfg"]["mm_projector_type"], config["mm_vision_select_layer"]
    if kinds != ("siglip_vision_model", "mlp2x_gelu", -2):
        raise ValueError(f"{checkpoint}: expected siglip_vision_model, mlp2x_gelu and layer -2, got {kinds}")
    writer = gguf.GGUFWriter(target, "clip")
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_string("clip.projector_type", "mlp")
    # By tanh, as SigLIP has it.
    writer.add_bool("clip.use_gelu", True)
    for key, value in {
        "image_size": tower["image_size"],
        "patch_size": tower["patch_size"],
        "embedding_length": tower["hidden_size"],
        "feed_forward_length": tower["intermediate_size"],
        "block_count": tower["num_hidden_layers"],
        "attention.head_count": tower["num_attention_heads"],
        "projection_dim": config["hidden_size"],
    }.items():
        writer.add_uint32(f"clip.vision.{key}", value)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", tower["layer_norm_eps"])
    writer.add_array("clip.vision.image_mean", MEAN)
    writer.add_array("clip.vision.image_std", STD)
    for part in ("vision_tower", "mm_projector"):
        for name, values in _tensors(checkpoint / part):
            _add(writer, _known(name), values, form)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _known(name):
    """The hub's name -> llama.cpp's."""
    stem, kind = name.rsplit(".", 1)
    if stem.startswith("layers."):
        return f"mm.{stem.removeprefix('layers.')}.{kind}"
    stem = stem.removeprefix(TOWER)
    if stem in NAMES:
        return f"{NAMES[stem]}.{kind}"
    number, part = stem.removeprefix("encoder.layers.").split(".", 1)
    return f"v.blk.{number}.{LAYER_NAMES[part]}.{kind}"


def _add(writer, name, values, form):
    """Matrices in that form; what is added, and the patches' kernel, as llama.cpp's own converter keeps them."""
    if name == "v.patch_embd.weight":
        writer.add_tensor(name, values.astype(np.float16))
    elif values.ndim == 1 or name == "v.position_embd.weight":
        writer.add_tensor(name, values)
    elif form == FORMS["f16"]:
        writer.add_tensor(name, values.astype(np.float16))
    else:
        writer.add_tensor(name, gguf.quants.quantize(values, form), raw_dtype=form)


def _tensors(folder):
    """Of safetensors files in bfloat16, widened. NumPy has no such type: they are the upper halves of floats."""
    for path in sorted(folder.glob("*.safetensors")):
        raw = path.read_bytes()
        start = 8 + int.from_bytes(raw[:8], "little")
        for name, entry in json.loads(raw[8:start]).items():
            if name == "__metadata__":
                continue
            if entry["dtype"] != "BF16":
                raise ValueError(f"{path}: {name} is {entry['dtype']}, expected BF16")
            begin, end = entry["data_offsets"]
            halves = np.frombuffer(raw[start + begin : start + end], np.uint16)
            yield name, (halves.astype(np.uint32) << 16).view(np.float32).reshape(entry["shape"])


if __name__ == "__main__":
    write_mmproj(Path(sys.argv[1]), Path(sys.argv[2]), FORMS[sys.argv[3] if len(sys.argv) > 3 else "f16"])
