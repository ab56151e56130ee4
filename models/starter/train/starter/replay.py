"""What the pictures of some shards look like to the decoder, computed once: the towers stand still while it learns to hear.

    python -m starter.replay DATA OUTPUT.npy [--start WEIGHTS] [--shards N]      writes float16 [pictures, 100, D], in the order of
    the first N shards
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from .checkpoint import load_weights
from .config import FOLDER, GRID, build_config
from .model import Starter
from .picture import to_pixels
from .shards import Shards


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('data')
    parser.add_argument('output')
    parser.add_argument('--start', default=FOLDER / 'model.safetensors')
    parser.add_argument('--shards', type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(1)
    config = build_config()
    model = Starter(config).eval()
    model.load_state_dict(load_weights(options.start), strict=False)
    parts, width = Shards(options.data).pictures[: options.shards], config['text_config']['hidden_size']
    total = sum(len(pictures) for pictures in parts)
    cells = np.lib.format.open_memmap(options.output, 'w+', np.float16, (total, GRID * GRID, width))
    done = 0
    for pictures in parts:
        for start in range(0, len(pictures), 16):
            some = pictures[start : start + 16]
            cells[done : done + len(some)] = model.project(to_pixels(some)).half().numpy()
            done += len(some)
    cells.flush()
    print(Path(options.output).name, cells.shape)


if __name__ == '__main__':
    main()
