"""Exports SigLIP-so400m (384 pixels, patches of 14) with random weights, as PyTorch's exporter writes it to ONNX.

    python export.py FOLDER PICTURES [KEY=VALUE ...]

FOLDER gets config.json, model.safetensors (the weights under the published names) and pytorch.onnx: float32, of a fixed
number of pictures, which is the best case for whoever runs it. KEY=VALUE changes a number of the config.
"""
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import SiglipVisionConfig, SiglipVisionModel

SO400M = {
    "hidden_size": 1152,
    "intermediate_size": 4304,
    "num_hidden_layers": 27,
    "num_attention_heads": 16,
    "image_size": 384,
    "patch_size": 14,
}


class Tower(torch.nn.Module):
    """Pixels [pictures, 3, side, side] -> what leaves the last layer, [pictures, patches, hidden_size]."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, pixels):
        return self.model.encoder(inputs_embeds=self.model.embeddings(pixels)).last_hidden_state


folder, pictures = Path(sys.argv[1]), int(sys.argv[2])
sizes = SO400M | {key: int(value) for key, value in (pair.split("=") for pair in sys.argv[3:])}
torch.manual_seed(1)
config = SiglipVisionConfig(**sizes, vision_use_head=False)
whole = SiglipVisionModel(config).eval()
vision = getattr(whole, "vision_model", whole)
# Freshly made biases are zero, which an exporter could leave out.
for name, parameter in vision.named_parameters():
    if name.endswith("bias"):
        torch.nn.init.normal_(parameter, std=0.02)
weights = {
    f"vision_model.{name}": tensor.contiguous()
    for name, tensor in vision.state_dict().items()
    if name.startswith(("embeddings.", "encoder.")) and tensor.is_floating_point()
}
save_file(weights, folder / "model.safetensors", {"format": "pt"})
(folder / "config.json").write_text(json.dumps({"model_type": "siglip_vision_model", **sizes, "pictures": pictures}))
side = sizes["image_size"]
with torch.no_grad():
    torch.onnx.export(
        Tower(vision),
        (torch.zeros(pictures, 3, side, side),),
        folder / "pytorch.onnx",
        input_names=["pixels"],
        output_names=["features"],
        dynamo=True,
        external_data=True,
    )
