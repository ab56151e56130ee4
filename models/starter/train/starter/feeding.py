"""Whole steps for `starter.together`, made by processes that only draw and ask: pictures, pages, sounds, packed questions and hints.

Everything is drawn anew all the time, each drawing used about USES times with other questions.
"""

import random

import numpy as np
import torch

from .attending import lessons_of
from .config import GRID
from .fonts import training_fonts
from .labels import dense_labels
from .language import WORDS
from .listen import IGNORED, STEP, label_tokens
from .log_mel import HOP, log_mel
from .packing import Packer, mask_of
from .pointing import concept_tokens
from .questions import Asker
from .render import render
from .scene import sample_page, sample_scene
from .sound_questions import SoundAsker
from .sounds import Bank, draw_sound
from .tokenizer import load_tokenizer

USES = 3
KEPT = 240  # drawings that a process keeps of each sort
CELLS = GRID * GRID
MOST = 384  # places of each hint in a step
# Text behind a picture, a sound and both; the lengths of all that attention sees are multiples of 8.
LENGTH, LENGTH_HEARD, LENGTH_BOTH = 283, 127, 123


class Pool:
    """Drawings to take some of, a part of them drawn anew before each taking."""

    def __init__(self, R, draw):
        self.R, self.draw, self.kept = R, draw, []

    def take(self, count):
        for _ in range(count if len(self.kept) < count else -(-count // USES)):
            drawn = self.draw()
            if len(self.kept) < KEPT:
                self.kept.append(drawn)
            else:
                self.kept[self.R.randrange(KEPT)] = drawn
        return self.R.sample(self.kept, count)


class Feeder:
    def __init__(self, seed, options, tower, vocabulary):
        self.R, self.options = random.Random(seed), options
        torch.manual_seed(seed)
        R, fonts, bank = self.R, training_fonts(options.fonts), Bank(options.bank)
        self.frames, self.tokens = tower['window_frames'], tower['window_frames'] // STEP

        def picture(scene):
            pixels = render(scene, fonts)
            return pixels, dense_labels(scene), scene  # drawing a text says where its characters are

        def sound():
            while True:
                drawn = draw_sound(bank, R)
                used = -(-len(drawn.samples) // (STEP * HOP))
                if used < self.tokens:
                    labels = np.full((2, self.tokens), IGNORED)
                    labels[:, :used] = label_tokens(drawn, used)
                    return log_mel(drawn.samples, self.frames).numpy().astype(np.float16), labels, used, drawn

        self.shapes = Pool(R, lambda: picture(sample_scene(R, 'shapes')))
        self.texts = Pool(R, lambda: picture(sample_scene(R, R.choice(['text', 'mixed']))))
        self.pages = Pool(R, lambda: picture(sample_page(R)))
        self.sounds = Pool(R, sound)
        tokenizer = load_tokenizer()
        self.tables = concept_tokens(tokenizer, vocabulary)
        self.packers = {(length, media): Packer(tokenizer, length, media) for length, media in
                        ((LENGTH, CELLS), (LENGTH_HEARD, self.tokens), (LENGTH_BOTH, CELLS + self.tokens))}
        self.asker, self.sound_asker = Asker(R, pairs=2), SoundAsker(R)

    def step(self):
        """One step: numpy arrays by name; `seen`, `heard` and `both` are packed questions, see `Packer.lay_out`."""
        o = self.options
        drawn = self.shapes.take(o.pictures - o.pictures // 2) + self.texts.take(o.pictures // 2)
        pages, heard = self.pages.take(o.pages), self.sounds.take(o.heard)
        scenes = [scene for *_, scene in drawn]
        labels = np.stack([part for _, part, _ in drawn + pages])
        return {
            'pictures': np.stack([pixels for pixels, *_ in drawn + pages]),
            'labels': labels,
            'words': np.array([scene['text'] is not None and scene['text']['string'] in WORDS for scene in scenes]),
            'seen': self.ask_pictures(scenes, labels[: len(scenes)]),
            'mel': np.stack([mel for mel, *_ in heard]),
            'heard_labels': np.stack([part for _, part, _, _ in heard]),
            'heard': self.ask_sounds(heard[o.both :]),
            'both': self.ask_both(heard[: o.both], scenes[-o.both // 2 :] + scenes[: o.both // 2]),
        }

    def ask_pictures(self, scenes, labels):
        packer, R = self.packers[LENGTH, CELLS], self.R
        asked = [packer.segments(self.asker.about(scene), R) for scene in scenes]
        for segments in asked:
            if R.random() < 0.3:
                task, question, answer = self.sound_asker.without_sound()
                segments.insert(0, [(task, *packer.turn(question, answer))])
        blind = []
        for _ in scenes:
            asks = [self.asker.without_picture] * (R.random() < 0.3) + [self.sound_asker.without_sound] * (R.random() < 0.15)
            blind.append([[(task, *packer.turn(question, answer))] for task, question, answer in (ask() for ask in asks)])
        *arrays, spans = packer.lay_out(asked, R, blind)
        ids, positions, segment, sees, targets, weights = map(torch.from_numpy, arrays)
        batch = (ids, positions, mask_of(segment, sees), targets, weights, spans)
        lessons = lessons_of(self.tables, batch, torch.from_numpy(labels), MOST)
        lessons = lessons.map(lambda column: (column.half() if column.dim() == 2 else column).numpy())
        return arrays, spans, lessons

    def ask_sounds(self, heard):
        packer, R, asked = self.packers[LENGTH_HEARD, self.tokens], self.R, []
        for *_, sound in heard:
            questions = self.sound_asker.about(sound)
            if R.random() < 0.6:
                questions.append(self.asker.without_picture())
            R.shuffle(questions)
            asked.append(packer.segments(questions, R))
        *arrays, spans = packer.lay_out(asked, R, shown=[used for _, _, used, _ in heard])
        return arrays, spans

    def ask_both(self, heard, scenes):
        """Also `order` [n, cells + tokens]: which of a row's cells and tokens stand behind <s>, in their order."""
        packer, R, asked, order = self.packers[LENGTH_BOTH, CELLS + self.tokens], self.R, [], []
        for (*_, used, sound), scene in zip(heard, scenes, strict=True):
            about = [q for q in self.asker.about(scene) if q[0] not in ('json', 'identity')]
            questions = R.sample(self.sound_asker.about(sound), 3) + R.sample(about, min(5, len(about)))
            R.shuffle(questions)
            asked.append(packer.segments(questions, R))
            parts = [np.arange(CELLS), CELLS + np.arange(used)]
            order.append(np.concatenate([*(parts[::-1] if R.random() < 0.4 else parts), CELLS + np.arange(used, self.tokens)]))
        *arrays, spans = packer.lay_out(asked, R, shown=[CELLS + used for _, _, used, _ in heard])
        return arrays, spans, np.stack(order)


def feed(seed, options, tower, vocabulary, queue):
    """Puts steps into the queue for ever."""
    torch.set_num_threads(1)
    feeder = Feeder(seed, options, tower, vocabulary)
    while True:
        queue.put(feeder.step())
