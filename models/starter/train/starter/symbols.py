"""Stage 2, beside stage 1: the decoder learns the language from ideal cells with noise, without a single picture.

    python -m starter.symbols --run DIR --until HH:MM [--resume | --start WEIGHTS]
"""

import argparse
import random
import time
from pathlib import Path

import torch

from .align import label_batch
from .attending import lessons_of, pointing_loss
from .checkpoint import load_weights
from .codebook import LENGTH, Codebook, initialise_embeddings, start_second_reader
from .config import read_config
from .labels import FACTORS, NAMES
from .language import CHARACTERS, WORDS
from .model import Starter
from .optimizer import Optimizer
from .packing import Packer, answer_loss
from .pointing import READING_SECOND, concept_tokens
from .questions import Asker
from .scene import sample_scene
from .schedule import Schedule
from .state import load_state, save_state
from .tokenizer import load_tokenizer


POINTING_WEIGHT = 0.2
LETTERS = torch.tensor([i for i, character in enumerate(CHARACTERS) if character.isalpha()])


def lay_out_text(scene):
    """Character centres as a renderer would place them, evenly over the width."""
    text = scene['text']
    if text:
        radians, count = text['angle'] / 57.2958, len(text['string'])
        steps = [(i + 0.5 - count / 2) * text['pitch'] for i in range(count)]
        c, s = float(torch.cos(torch.tensor(radians))), float(torch.sin(torch.tensor(radians)))
        text['centers'] = [(text['x'] + u * c, text['y'] + u * s) for u in steps]
    return scene


def imagine(codebook, labels):
    """Dense labels [B, factors, 100] -> cells [B, 100, D] as imperfect towers would write them.

    Factors are faint or missing here and there, a few classes are wrong, and noise lies over everything.
    """
    batch, factors, cells = labels.shape
    noisy = labels.clone()
    for i, name in enumerate(NAMES):
        if name != 'background':
            wrong = (torch.rand(batch, cells) < 0.006) & (labels[:, i] > 0)
            noisy[:, i][wrong] = torch.randint(1, FACTORS[name], (int(wrong.sum()),), dtype=labels.dtype)
    scale = torch.rand(batch, factors, cells) * 0.5 + 0.7
    scale = scale * (torch.rand(batch, factors, cells) > 0.02)
    for name in ('ordinal', 'index', 'offset_x', 'offset_y'):  # what towers find hardest: sometimes absent altogether
        scale[:, NAMES.index(name)] *= (torch.rand(batch, 1) > 0.1).float()
    ideal = codebook.ideal(noisy, scale)
    strength = torch.rand(batch, 1, 1) * 0.05 + 0.01
    return (ideal + torch.randn_like(ideal) * strength) * LENGTH


def keep_cells(labels, count):
    """Indices [B, count], ascending, of all cells that show something and some that do not."""
    shows = labels[:, [i for i, name in enumerate(NAMES) if name != 'background']].amax(1) > 0
    return (shows + torch.rand(shows.shape)).topk(count).indices.sort(-1).values


def hold_words(scenes):
    """Which scenes' texts are words of the list, bool [B]."""
    return torch.tensor([scene['text'] is not None and scene['text']['string'] in WORDS for scene in scenes])


def misread(cells, labels, words, codebook, chance):
    """Cells [B, 100, D] in which some letters of words look like others, fully or halfway.

    Fonts of training are soon read without mistakes, and then nothing tells the decoder that texts are mostly words of a list,
    which is what helps where a tower mistakes a letter. Numbers stay as they are: nothing could tell what they were.
    words: of `hold_words`.
    """
    device = cells.device
    for name in ('first', 'second'):
        right = labels[:, NAMES.index(name)].long()
        chosen = (right > 0) & words[:, None] & (torch.rand(right.shape, device=device) < chance)
        count = int(chosen.sum())
        codes = codebook.codes[name]
        seen = codes[LETTERS[torch.randint(len(LETTERS), (count,))].to(device)]
        strength = LENGTH * (0.4 + 0.6 * torch.rand(count, 1, device=device))
        change = torch.zeros_like(cells)
        change[chosen] = (seen - codes[right[chosen] - 1]) * strength
        cells = cells + change
    return cells


def question_batch(asker, packer, scenes, R, kept=None):
    """Packs the questions about some scenes; a picture in three also has a conversation that does not see it."""
    pictures = [packer.segments(asker.about(scene), R) for scene in scenes]
    blind = [packer.segments([asker.without_picture()], R) if R.random() < 0.35 else [] for _ in scenes]
    return packer.pack(pictures, R, blind, kept)


def language_loss(model, cells, batch, tables, labels, codebook):
    """Mean answer loss of packed questions behind placed cells, the pointing loss, and whether each answer position is
    right. labels [B, factors, C] are those of the cells that are there.
    """
    ids, positions, mask, targets, weights, _ = batch
    lessons = lessons_of(tables, batch, labels)
    hidden = model.hidden(cells, ids, positions, mask)
    pointing = pointing_loss(model.model, codebook, lessons, positions, mask)
    answered = targets >= 0
    logits = model.model.logits(hidden[answered])
    right = torch.zeros_like(targets, dtype=torch.bool)
    right[answered] = logits.detach().argmax(-1) == targets[answered]
    return answer_loss(logits, targets[answered], weights[answered]), pointing, right


class Scores:
    """Running exact match by task."""

    def __init__(self):
        self.hits, self.asked = {}, {}

    def add(self, spans, right):
        for row, task, first, last in spans:
            self.hits[task] = self.hits.get(task, 0) + bool(right[row, first:last].all())
            self.asked[task] = self.asked.get(task, 0) + 1

    def table(self):
        return {task: round(100 * self.hits[task] / n, 1) for task, n in sorted(self.asked.items())}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ('--run', '--until'):
        parser.add_argument(name, required=True)
    parser.add_argument('--resume', action='store_true')
    parser.add_argument('--start', help='begin from the decoder of these weights (safetensors)')
    parser.add_argument('--batch', type=int, default=16)
    parser.add_argument('--length', type=int, default=192)
    parser.add_argument('--muon-rate', type=float, default=0.015)
    parser.add_argument('--adam-rate', type=float, default=1e-3)
    parser.add_argument('--cells', type=int, default=50, help='of the 100 cells, how many a symbolic picture keeps')
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(2)

    config, state = read_config(), Path(options.run) / 'symbols.pt'
    model, tokenizer = Starter(config), load_tokenizer()
    codebook = Codebook(config['text_config']['hidden_size'])
    if options.start:
        model.load_state_dict(load_weights(options.start))
    else:
        initialise_embeddings(model, tokenizer, codebook)
        start_second_reader(model, codebook, READING_SECOND, gain=1.5)
    trained = [(n, p) for n, p in model.named_parameters() if n.startswith(('model.', 'image_'))]
    optimizer, step = Optimizer(trained, options.muon_rate, options.adam_rate), 0
    if options.resume and state.exists():
        saved = load_state(state)
        model.load_state_dict(saved['weights'], strict=False)
        optimizer.load_state_dict(saved['optimizer'])
        step = saved['step']
    R = random.Random(1000 + step)
    asker, packer = Asker(R, pairs=2), Packer(tokenizer, options.length, options.cells)
    tables = concept_tokens(tokenizer, config['text_config']['vocab_size'])
    schedule, scores, mean = Schedule(options.until, floor=0.05), Scores(), None
    since, saved_at = time.time(), time.time()

    def save():
        weights = {name: parameter.detach() for name, parameter in trained}
        save_state(state, weights=weights, optimizer=optimizer.state_dict(), step=step)

    while schedule.elapsed() < 1:
        modes = R.choices(['shapes', 'text', 'mixed'], [0.5, 0.25, 0.25], k=options.batch)
        scenes = [lay_out_text(sample_scene(R, mode)) for mode in modes]
        labels = label_batch(scenes)
        kept = keep_cells(labels, options.cells)
        cells = model.place(imagine(codebook, labels)).gather(1, kept[..., None].expand(-1, -1, codebook.matrix.shape[1]))
        batch = question_batch(asker, packer, scenes, R, kept.numpy())
        there = labels.gather(2, kept[:, None].expand(-1, labels.shape[1], -1))
        loss, pointing, right = language_loss(model, cells, batch, tables, there, codebook)
        (loss + POINTING_WEIGHT * pointing).backward()
        optimizer.step(schedule.scale(step))
        scores.add(batch[-1], right)
        step += 1
        mean = loss.item() if mean is None else mean * 0.95 + loss.item() * 0.05
        if step % 20 == 0:
            seconds, since = time.time() - since, time.time()
            print(f'{time.strftime("%H:%M:%S")} step {step} loss {mean:.3f} {sum(scores.asked.values())} questions in '
                  f'{seconds:.0f} s', scores.table(), flush=True)
            scores = Scores()
        if time.time() - saved_at > 240:
            save()
            saved_at = time.time()
    save()


if __name__ == '__main__':
    main()
