"""Exact match by task on pictures that training never sees: other seeds, held-out fonts, and a second renderer.

An answer counts when every token of it, the end included, is the most likely one given the tokens before it. That is the
same as greedy decoding giving exactly this answer.
"""

import random

import numpy as np
import torch

from .codebook import LENGTH
from .fonts import held_out_fonts
from .language import LANGUAGE, PHRASINGS
from .labels import dense_labels
from .picture import to_pixels
from .pillow_render import render_pillow
from .questions import Asker
from .render import render
from .scene import sample_scene

RENDERERS = {'skia': (render, PHRASINGS, 9_000_001), 'pillow': (render_pillow, LANGUAGE['heldOutPhrasings'], 9_500_001)}


class EvaluationSet:
    """Pictures, dense labels and one segment per question, the same every time."""

    def __init__(self, renderer, fonts, count, packer):
        draw, phrasings, seed = RENDERERS[renderer]
        R = random.Random(seed)
        asker = Asker(R, phrasings, LANGUAGE['heldOutNouns'])
        self.pictures, self.segments, self.labels = [], [], []
        for _ in range(count):
            scene = sample_scene(R)
            self.pictures.append(draw(scene, held_out_fonts(fonts)))
            self.labels.append(dense_labels(scene))
            questions = asker.about(scene)
            R.shuffle(questions)
            self.segments.append([[(task, *packer.turn(question, answer))] for task, question, answer in questions])


@torch.no_grad()
def exact_match(model, data, packer, batch=8, blind=False):
    """{task: (percent, questions)}; `blind` gives every question the picture of another."""
    hits, asked, device = {}, {}, next(model.parameters()).device
    for start in range(0, len(data.pictures), batch):
        rows = range(start, min(start + batch, len(data.pictures)))
        shown = [(row + 1) % len(data.pictures) if blind else row for row in rows]
        cells = model.place(model.project(to_pixels(np.stack([data.pictures[row] for row in shown])).to(device)))
        *tensors, spans = packer.pack([data.segments[row] for row in rows])
        ids, positions, mask, targets, _ = (tensor.to(device) for tensor in tensors)
        right = (model.model.logits(model.hidden(cells, ids, positions, mask)).argmax(-1) == targets).cpu()
        for row, task, first, last in spans:
            hits[task] = hits.get(task, 0) + bool(right[row, first:last].all())
            asked[task] = asked.get(task, 0) + 1
    return {task: (round(100 * hits[task] / n, 1), n) for task, n in sorted(asked.items())}


@torch.no_grad()
def codebook_accuracy(model, codebook, data, batch=16):
    """Share of the labelled cells that the codebook decodes rightly, by factor."""
    totals, device = {}, next(model.parameters()).device
    for start in range(0, len(data.pictures), batch):
        cells = model.project(to_pixels(np.stack(data.pictures[start : start + batch])).to(device))
        labels = torch.from_numpy(np.stack(data.labels[start : start + batch])).to(device)
        for name, value in codebook.loss(cells / LENGTH, labels)[1].items():
            if value == value:
                totals.setdefault(name, []).append(value)
    return {name: round(sum(values) / len(values), 3) for name, values in totals.items()}
