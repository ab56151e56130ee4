"""Pictures on disk: shards of uint8 pictures beside the scenes they were drawn from.

    python -m starter.shards <output folder> <font folder> <first shard> <last shard, exclusive> [scenes | pages]

A shard's seed is its number, so any shard can be drawn again alone. Questions and dense labels are made from the scenes
while training, new ones each time.
"""

import os
import pickle
import random
import sys
from pathlib import Path

import numpy as np

from .config import PICTURE
from .fonts import training_fonts
from .render import render
from .scene import sample_page, sample_scene, texts_of


def write_shard(folder, number, scenes, pictures):
    """The scenes are renamed into place last: a shard exists when its scenes do."""
    np.save(folder / f'{number:04d}.npy', pictures)
    temporary = folder / f'{number:04d}.tmp'
    temporary.write_bytes(pickle.dumps(scenes))
    os.replace(temporary, folder / f'{number:04d}.pkl')


def draw_shard(folder, fonts, number, sample=sample_scene, count=2000):
    R = random.Random(1_000_003 + number)
    pictures, scenes = np.empty((count, PICTURE, PICTURE, 3), np.uint8), []
    for i in range(count):
        scene = sample(R)
        pictures[i] = render(scene, fonts)
        scenes.append(scene)
    write_shard(folder, number, scenes, pictures)


class Shards:
    """Random access to all finished shards of a folder, memory-mapped; picks up new ones on `refresh`."""

    def __init__(self, folder):
        self.folder, self.pictures, self.scenes, self.rows = Path(folder), [], [], []
        self.loaded = set()
        self.refresh()

    def refresh(self):
        for file in sorted(self.folder.glob('*.pkl')):
            if file.name not in self.loaded:
                self.loaded.add(file.name)
                self.pictures.append(np.load(file.with_suffix('.npy'), mmap_mode='r'))
                self.scenes.append(pickle.loads(file.read_bytes()))
                with_text = [bool(texts_of(scene)) for scene in self.scenes[-1]]
                self.rows.append([[i for i, text in enumerate(with_text) if text == wanted] for wanted in (False, True)])

    def sample(self, R, count):
        """Pictures uint8 [count, 160, 160, 3] and their scenes, drawn at random from one shard (kind to the page cache).

        Half of them hold a text, which is more than their share: characters are small, many and learned last.
        """
        shard = R.randrange(len(self.scenes))
        without, with_text = self.rows[shard]
        texts = min(len(with_text), count // 2 if without else count)
        rows = sorted(R.sample(with_text, texts) + R.sample(without, count - texts))
        return self.pictures[shard][rows], [self.scenes[shard][row] for row in rows]


if __name__ == '__main__':
    output, fonts = Path(sys.argv[1]), training_fonts(sys.argv[2])
    output.mkdir(parents=True, exist_ok=True)
    for shard in range(int(sys.argv[3]), int(sys.argv[4])):
        if not (output / f'{shard:04d}.pkl').exists():
            draw_shard(output, fonts, shard, sample_page if sys.argv[5:] == ['pages'] else sample_scene)
            print('shard', shard, flush=True)
