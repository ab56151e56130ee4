"""Writes test/fixtures/starter and starter-hearing: tiny checkpoints of the starter's architecture, one without and one with
ears, and what they compute, stage by stage.

    python fixture.py test/fixtures
"""

import json
import sys
import wave
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from safetensors.torch import save_file

from starter.checkpoint import load_weights, save_weights
from starter.config import ASSISTANT, AUDIO, BOS, IMAGE, USER, build_config
from starter.generate import greedy, logits_of
from starter.log_mel import RATE, windows_of
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


def draw_sound():
    """1.3 s at 16 kHz, int16: a rising tone, silence, a falling one in noise; two windows of 64 frames and a bit."""
    seconds = np.arange(int(1.3 * RATE)) / RATE
    noise = np.random.RandomState(SEED).uniform(-1, 1, len(seconds))
    rising = np.sin(2 * np.pi * (300 * seconds + 900 * seconds**2)) * (seconds < 0.5)
    falling = (np.sin(2 * np.pi * (2400 * seconds - 700 * seconds**2)) + 0.3 * noise) * (seconds > 0.7)
    return np.round((0.5 * rising + 0.4 * falling) * 32767 * 0.7).astype('<i2')


def write_checkpoint(config, folder):
    """Random weights of the shape, written and read again."""
    torch.manual_seed(SEED)
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
    model = Starter(config).eval()
    model.load_state_dict(load_weights(folder / 'checkpoint/model.safetensors'))
    return model


def write_expected(folder, stages, expected):
    """Stages by name, and about them what `expected` says."""
    save_file({name: tensor.contiguous() for name, tensor in stages.items()}, folder / 'expected.safetensors')
    expected |= {'shapes': {name: list(tensor.shape) for name, tensor in stages.items()}, 'tolerance': 1e-4}
    (folder / 'expected.json').write_text(json.dumps(expected, indent=2) + '\n')
    print(folder.name, 'generated', expected['generated_ids'])


def write_seeing(folder):
    config = build_config(
        vit=(32, 2, 2, 64), convnext=((8, 16, 32), (1, 1, 2)), projector=64, text=(64, 96, 2, 4, 2), vocab_size=320, audio=None
    )
    config['text_config']['rope_theta'] = 10000.0  # as when it was recorded
    model = write_checkpoint(config, folder)
    draw_input().save(folder / 'inputs/shapes-200x120.png')

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
    write_expected(
        folder,
        stages,
        {
            'about': 'fp32 PyTorch, one picture; tokens row-major; logits are those of the text positions only',
            'input': 'inputs/shapes-200x120.png',
            'prompt_ids': [BOS, *[IMAGE] * 100, *TEXT],
            'text_ids': TEXT,
            'generated_ids': generated,
        },
    )


def write_hearing(folder):
    config = build_config(
        vit=(8, 1, 2, 16), convnext=((8, 8, 8), (1, 1, 1)), projector=16, text=(64, 96, 2, 4, 2), vocab_size=320,
        audio=(32, 2, 2, 64), audio_projector=48, window_frames=64,
    )
    model = write_checkpoint(config, folder)
    samples = draw_sound()
    with wave.open(str(folder / 'inputs/tones.wav'), 'wb') as file:
        file.setparams((1, 2, RATE, len(samples), 'NONE', ''))
        file.writeframes(samples.tobytes())
    mel, kept = windows_of(samples.astype(np.float32) / 32768, config['audio_tower'])
    with torch.no_grad():
        stages = {'mel': mel, **model.audio_tower.stages(mel)}
        stages['projected'] = model.audio_projector(stages['pooled'])
        stages['placed'] = model.place_sound(stages['projected'])
        heard = stages['placed'].flatten(0, 1)[None, :kept]
        stages['logits'] = logits_of(model, heard, TEXT)
        generated = greedy(model, heard, TEXT, GENERATED)
    write_expected(
        folder,
        stages,
        {
            'about': 'fp32 PyTorch, one sound in three windows; layerN is the residual stream behind the layer, normed that '
            'behind layer_norm; logits are those of the text positions only',
            'input': 'inputs/tones.wav',
            'samples': len(samples),
            'sound_tokens': kept,
            'prompt_ids': [BOS, *[AUDIO] * kept, *TEXT],
            'text_ids': TEXT,
            'generated_ids': generated,
        },
    )


if __name__ == '__main__':
    write_seeing(Path(sys.argv[1]) / 'starter')
    write_hearing(Path(sys.argv[1]) / 'starter-hearing')
