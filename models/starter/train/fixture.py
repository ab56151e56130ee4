"""Writes test/fixtures/starter: a tiny checkpoint of the starter's architecture and what it computes, stage by stage.

    python fixture.py <fixture folder>
"""

import json
import sys
from pathlib import Path

import torch
from PIL import Image, ImageDraw
from safetensors.torch import save_file

from starter.checkpoint import load_weights, save_weights
from starter.config import ASSISTANT, BOS, IMAGE, USER, build_config
from starter.generate import greedy, logits_of
from starter.model import Starter
from starter.picture import to_model_size, to_pixels

TEXT = [USER, 300, 41, 77, 120, 255, 310, ASSISTANT]
GENERATED = 12
SEED = 20  # chosen so that greedy decoding wanders


def draw_input():
    """200×120: gradients, hard edges and thin lines, so that padding and resampling leave their mark."""
    image = Image.new('RGB', (200, 120))
    image.putdata([((x * 255) // 199, (y * 255) // 119, (x * y) % 256) for y in range(120) for x in range(200)])
    pen = ImageDraw.Draw(image)
    pen.ellipse((20, 15, 90, 85), fill=(220, 35, 35))
    pen.rectangle((120, 40, 180, 100), fill=(250, 250, 250), outline=(0, 0, 0), width=3)
    pen.line((0, 119, 199, 0), fill=(20, 120, 60), width=2)
    return image


def main(folder):
    torch.manual_seed(SEED)
    config = build_config(
        vit=(32, 2, 2, 64), convnext=((8, 16, 32), (1, 1, 2)), projector=64, text=(64, 96, 2, 4, 2), vocab_size=320
    )
    config['torch_dtype'] = 'float32'
    (folder / 'checkpoint').mkdir(parents=True, exist_ok=True)
    (folder / 'inputs').mkdir(exist_ok=True)
    (folder / 'checkpoint/config.json').write_text(json.dumps(config, indent=2) + '\n')

    model = Starter(config)
    for name, parameter in model.named_parameters():  # norms and biases must not hide behind ones and zeros
        if parameter.dim() == 1:
            parameter.data.add_(torch.randn_like(parameter) * 0.2)
    for layer in model.model.layers:  # tied embeddings would repeat the last token: let the layers outweigh them
        layer.self_attn.q_proj.weight.data.mul_(4)
        layer.self_attn.o_proj.weight.data.mul_(4)
        layer.mlp.gate_proj.weight.data.mul_(4)
        layer.mlp.down_proj.weight.data.mul_(30)
    save_weights(model.state_dict(), folder / 'checkpoint/model.safetensors', torch.float32)
    draw_input().save(folder / 'inputs/shapes-200x120.png')

    model = Starter(config).eval()
    model.load_state_dict(load_weights(folder / 'checkpoint/model.safetensors'))
    pixels = to_pixels(to_model_size(Image.open(folder / 'inputs/shapes-200x120.png').convert('RGB'))[None])
    with torch.no_grad():
        vit, convnext = (tower(pixels) for tower in model.vision_towers)
        fused = torch.cat([vit, convnext], -1)
        projected = model.projector(fused)
        placed = model.place(projected)
        logits = logits_of(model, placed, TEXT)
        generated = greedy(model, placed, TEXT, GENERATED)
    stages = {
        'pixels': pixels, 'vit_tokens': vit, 'convnext_tokens': convnext, 'fused': fused,
        'projected': projected, 'placed': placed, 'logits': logits,
    }
    save_file({name: tensor.contiguous() for name, tensor in stages.items()}, folder / 'expected.safetensors')
    (folder / 'expected.json').write_text(
        json.dumps(
            {
                'about': 'fp32 PyTorch, one picture; tokens row-major; logits are those of the text positions only',
                'input': 'inputs/shapes-200x120.png',
                'prompt_ids': [BOS, *[IMAGE] * 100, *TEXT],
                'text_ids': TEXT,
                'generated_ids': generated,
                'shapes': {name: list(tensor.shape) for name, tensor in stages.items()},
                'tolerance': 1e-4,
            },
            indent=2,
        )
        + '\n'
    )
    print('generated', generated)


if __name__ == '__main__':
    main(Path(sys.argv[1]))
