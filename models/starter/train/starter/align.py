"""Stage 1: towers and projector learn to write the codebook, before any language model looks at them.

    python -m starter.align --data DIR --pages DIR --run DIR --until HH:MM [--resume | --start WEIGHTS]
"""

import argparse
import random
import time
from pathlib import Path

import numpy as np
import torch

from .augment import augment
from .checkpoint import load_weights
from .codebook import Codebook, part
from .config import read_config
from .labels import NAMES, dense_labels
from .model import Starter
from .optimizer import Optimizer
from .picture import to_pixels
from .schedule import Schedule
from .shards import Shards
from .state import load_state, save_state


def label_batch(scenes):
    return torch.stack([torch.from_numpy(dense_labels(scene)) for scene in scenes])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ('--data', '--pages', '--run', '--until'):
        parser.add_argument(name, required=True)
    parser.add_argument('--resume', action='store_true')
    parser.add_argument('--start', help='begin from the towers of these weights (safetensors)')
    parser.add_argument('--batch', type=int, default=32)
    parser.add_argument('--share', type=float, default=0.4, help='of a batch that are pages of text')
    parser.add_argument('--muon-rate', type=float, default=0.02)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(1)

    config, state = read_config(), Path(options.run) / 'align.pt'
    model = Starter(config)
    codebook = Codebook(config['text_config']['hidden_size'])
    parts = torch.nn.ModuleDict({'vision_towers': model.vision_towers, 'projector': model.projector})
    if options.start:
        parts.load_state_dict(part(load_weights(options.start)))
    optimizer, step = Optimizer(parts.named_parameters(), muon_rate=options.muon_rate), 0
    if options.resume and state.exists():
        saved = load_state(state)
        parts.load_state_dict(saved['weights'])
        optimizer.load_state_dict(saved['optimizer'])
        step = saved['step']
    R, schedule = random.Random(step), Schedule(options.until, floor=0.05)
    pages = round(options.batch * options.share)
    sources = ((Shards(options.data), options.batch - pages), (Shards(options.pages), pages))
    mean, since, saved_at = {}, time.time(), time.time()
    while schedule.elapsed() < 1:
        drawn = [data.sample(R, count) for data, count in sources]
        pictures, scenes = np.concatenate([d[0] for d in drawn]), [scene for d in drawn for scene in d[1]]
        cells = model.project(augment(to_pixels(pictures), R))
        loss, accuracy = codebook.loss(cells, label_batch(scenes))
        loss.backward()
        optimizer.step(schedule.scale(step))
        step += 1
        for name, value in {'loss': loss.item(), **accuracy}.items():
            if value == value:  # a factor that does not occur in a batch has no accuracy
                mean[name] = mean.get(name, value) * 0.9 + value * 0.1
        if step % 20 == 0:
            rate = 20 * options.batch / (time.time() - since)
            since = time.time()
            print(f'{time.strftime("%H:%M:%S")} step {step} loss {mean["loss"]:.3f} {rate:.1f} pictures/s',
                  ' '.join(f'{n} {mean.get(n, 0):.3f}' for n in NAMES), flush=True)
            for data, _ in sources:
                data.refresh()
        if time.time() - saved_at > 240:
            save_state(state, weights=parts.state_dict(), optimizer=optimizer.state_dict(), step=step)
            saved_at = time.time()
    save_state(state, weights=parts.state_dict(), optimizer=optimizer.state_dict(), step=step)


if __name__ == '__main__':
    main()
