"""Many conversations behind one picture: segments that see <s>, the picture and themselves, and nothing else.

Each segment's positions begin right behind the picture, so to the model every one looks like a conversation of its own.
"""

import numpy as np
import torch

from .config import ASSISTANT, END, GRID, SYSTEM, USER
from .language import LANGUAGE

# How eagerly a task is packed when not everything fits, and (below 1) how often it is considered at all.
PRIORITY = {'relation': 1.4, 'relation_yes_no': 1.3, 'compare_size': 1.3, 'count_kind': 2.3, 'count_color': 2.1, 'count_all': 2.0,
            'caption': 1.5, 'json': 1.2, 'read_digits': 2.3, 'read_word': 2.5, 'read_letters': 0.3, 'absent_object': 1.8,
            'exists': 0.9, 'color_of_kind': 0.6, 'place': 0.6, 'kind_of_color': 0.5, 'size_of': 0.5, 'shape_single': 0.8,
            'color_single': 0.3, 'absent_color': 0.4, 'absent_text': 0.5, 'identity': 0.5, 'text_color': 0.3, 'background': 0.5}

# Answers that are most often wrong count more than others, which count once.
WEIGHT = {'read_word': 2.0, 'count_kind': 1.5, 'json': 2.0}


class Packer:
    def __init__(self, tokenizer, length, image_tokens=GRID * GRID):
        self.tokenizer, self.length, self.image_tokens = tokenizer, length, image_tokens
        self.cache = {}

    def encode(self, text):
        ids = self.cache.get(text)
        if ids is None:
            ids = self.tokenizer.encode(text, add_special_tokens=False).ids
            if len(self.cache) < 200_000:
                self.cache[text] = ids
        return ids

    def turn(self, question, answer):
        """(ids, number of ids before the answer)"""
        prompt = [USER, *self.encode(question), ASSISTANT]
        return prompt + self.encode(answer) + [END], len(prompt)

    def segments(self, questions, R):
        """Chooses and orders the questions of a picture and chains a quarter of them: lists of turns (task, ids, prompt)."""
        chosen = [q for q in questions if R.random() < PRIORITY.get(q[0], 1)]
        chosen.sort(key=lambda q: -R.random() * PRIORITY.get(q[0], 1))
        segments = []
        for task, question, answer in chosen:
            turn = (task, *self.turn(question, answer))
            if segments and len(segments[-1]) < 3 and R.random() < 0.15:
                segments[-1].append(turn)
            else:
                segments.append([turn])
        return segments

    def pack(self, pictures, R=None, blind=None, kept=None, shown=None):
        """Segments of each picture -> a batch.

        pictures: for each picture a list of segments; blind: for each picture a list of segments without a picture;
        kept: [B, C] indices of the cells that are present, when not all are;
        shown: how many of the C places behind <s> each row uses (the first ones), when sounds stand there.
        Returns ids [B, T], positions and additive mask over <s> + cells + T, targets [B, T] (-1: none), weights [B, T],
        and spans (row, task, first, last) of every answer.
        """
        ids, positions, segment, sees, targets, weights, spans = self.lay_out(pictures, R, blind, kept, shown)
        ids, positions, segment, sees, targets, weights = map(torch.from_numpy, (ids, positions, segment, sees, targets, weights))
        return ids, positions, mask_of(segment, sees), targets, weights, spans

    def lay_out(self, pictures, R=None, blind=None, kept=None, shown=None):
        """As `pack`, in numpy, and instead of the mask what it is made of, two arrays over <s> + cells + T: the number of the
        segment (0: <s>, 1: the cells, -1: nothing) and whether it sees the cells.
        """
        head, total = 1 + self.image_tokens, 1 + self.image_tokens + self.length
        rows = len(pictures)
        ids = np.zeros((rows, self.length), np.int64)
        targets, weights = np.full((rows, self.length), -1, np.int64), np.zeros((rows, self.length), np.float32)
        positions = np.tile(np.arange(total), (rows, 1))
        if kept is not None:
            positions[:, 1:head] = 1 + kept
        segment_of = np.full((rows, total), -1, np.int64)
        segment_of[:, 0], segment_of[:, 1:head] = 0, 1
        for row, count in enumerate(shown or []):
            segment_of[row, 1 + count : head] = -1
        sees_picture = np.ones((rows, total), bool)
        spans = []
        for row, segments in enumerate(pictures):
            offset, number = 0, 2
            for segment, pictured in [*((s, False) for s in (blind[row] if blind else [])), *((s, True) for s in segments)]:
                system = []
                if R and R.random() < 0.05:
                    system = [SYSTEM, *self.encode(R.choice(LANGUAGE['systems']))]
                size = len(system) + sum(len(turn[1]) for turn in segment)
                if offset + size > self.length:
                    continue
                here = slice(head + offset, head + offset + size)
                segment_of[row, here], sees_picture[row, here] = number, pictured
                positions[row, here] = (1 + (shown[row] if shown else GRID * GRID) if pictured else 1) + np.arange(size)
                ids[row, offset : offset + len(system)] = system
                at = offset + len(system)
                for task, turn, prompt in segment:
                    ids[row, at : at + len(turn)] = turn
                    answer = slice(at + prompt - 1, at + len(turn) - 1)
                    targets[row, answer] = turn[prompt:]
                    weights[row, answer] = WEIGHT.get(task, 1.0) * (len(turn) - prompt) ** -0.5
                    spans.append((row, task, answer.start, answer.stop))
                    at += len(turn)
                offset, number = offset + size, number + 1
        return ids, positions, segment_of, sees_picture, targets, weights, spans


def mask_of(segment, sees):
    """Additive mask [B, 1, N, N]: causal; all see <s>; cells see cells; a segment sees itself and, if it may, the cells."""
    total = segment.shape[1]
    same = segment[:, :, None] == segment[:, None, :]
    picture = (segment == 1)[:, None, :] & sees[:, :, None]
    allowed = (same | picture | (segment == 0)[:, None, :]) & torch.ones(total, total, dtype=torch.bool, device=segment.device).tril()
    return torch.zeros(allowed.shape, device=segment.device).masked_fill_(~allowed, -1e9)[:, None]


def answer_loss(logits, targets, weights):
    """logits [n, V] at the n answer positions."""
    loss = torch.nn.functional.cross_entropy(logits, targets, reduction='none')
    return (loss * weights).sum() / weights.sum()
