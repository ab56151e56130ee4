"""A checkpoint of the hub (llama or qwen2, safetensors) -> one GGUF file in 16-bit floats, by the format's own library."""
import json

import gguf
import numpy as np
from safetensors import safe_open


def write_gguf(checkpoint, target):
    config = json.loads((checkpoint / "config.json").read_text())
    kind = config["model_type"]
    heads, layers = config["num_attention_heads"], config["num_hidden_layers"]
    kv_heads = config["num_key_value_heads"]
    writer = gguf.GGUFWriter(target, kind)
    writer.add_block_count(layers)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_vocab_size(config["vocab_size"])
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    if kind == "llama":
        writer.add_rope_dimension_count(config["hidden_size"] // heads)
    _add_tokenizer(writer, checkpoint)
    names = gguf.get_tensor_name_map(
        {"llama": gguf.MODEL_ARCH.LLAMA, "qwen2": gguf.MODEL_ARCH.QWEN2}[kind], layers
    )
    for path in sorted(checkpoint.glob("*.safetensors")):
        # NumPy has no bfloat16; PyTorch widens it.
        with safe_open(path, "pt") as tensors:
            for name in tensors.keys():
                values = tensors.get_tensor(name).float().numpy()
                if kind == "llama" and name.endswith(("q_proj.weight", "k_proj.weight")):
                    values = _interleaved(values, heads if "q_proj" in name else kv_heads)
                known = names.get_name(name, try_suffixes=(".weight", ".bias"))
                writer.add_tensor(known, values.astype(np.float16 if values.ndim > 1 else np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _interleaved(weight, heads):
    """llama.cpp rotates neighbours in `llama` models, the hub the halves of a head."""
    rows, width = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, width).swapaxes(1, 2).reshape(rows, width)


def _add_tokenizer(writer, checkpoint):
    text = json.loads((checkpoint / "tokenizer.json").read_text())
    vocabulary = text["model"]["vocab"]
    special = {token["id"] for token in text["added_tokens"] if token["special"]}
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in text["model"]["merges"]]
    tokens = sorted(vocabulary, key=vocabulary.get)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(
        [gguf.TokenType.CONTROL if i in special else gguf.TokenType.NORMAL for i in range(len(tokens))]
    )
    writer.add_token_merges(merges)
    settings = json.loads((checkpoint / "tokenizer_config.json").read_text())
    writer.add_eos_token_id(vocabulary[settings["eos_token"]])
    writer.add_add_bos_token(False)
    writer.add_chat_template(settings["chat_template"])
