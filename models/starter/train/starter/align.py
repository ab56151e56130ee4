"""Stage 1: towers and projector learn to write the codebook, before any language model looks at them.

    python -m starter.align --data DIR --run DIR --until HH:MM [--resume]
"""

import argparse
import random
import time
from pathlib import Path

import torch

from .augment import augment
from .codebook import Codebook
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
    for name in ('--data', '--run', '--until'):
        parser.add_argument(name, required=True)
    parser.add_argument('--resume', action='store_true')
    parser.add_argument('--batch', type=int, default=32)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(1)

    config, state = read_config(), Path(options.run) / 'align.pt'
    model = Starter(config)
    codebook = Codebook(config['text_config']['hidden_size'])
    parts = torch.nn.ModuleDict({'vision_towers': model.vision_towers, 'projector': model.projector})
    optimizer, step = Optimizer(parts.named_parameters()), 0
    if options.resume and state.exists():
        saved = load_state(state)
        parts.load_state_dict(saved['weights'])
        optimizer.load_state_dict(saved['optimizer'])
        step = saved['step']
    R, data, schedule = random.Random(step), Shards(options.data), Schedule(options.until, floor=0.05)
    mean, since, saved_at = {}, time.time(), time.time()
    while schedule.elapsed() < 1:
        pictures, scenes = data.sample(R, options.batch)
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
            data.refresh()
        if time.time() - saved_at > 240:
            save_state(state, weights=parts.state_dict(), optimizer=optimizer.state_dict(), step=step)
            saved_at = time.time()
    save_state(state, weights=parts.state_dict(), optimizer=optimizer.state_dict(), step=step)


if __name__ == '__main__':
    main()
