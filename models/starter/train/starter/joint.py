"""Stage 3: towers, projector and decoder learn together, in two processes that share the weights.

    python -m starter.joint --data DIR --pages DIR --fonts DIR --run DIR --until HH:MM [--resume]

A step is a few small batches; whichever process is free takes the next one, so a busy core does not hold up the other.
Gradients meet in shared memory, each process steps the parameters that it owns, and both see the result.
"""

import argparse
import json
import random
import time
from pathlib import Path

import numpy as np
import torch
import torch.multiprocessing as multiprocessing

from .align import label_batch
from .augment import augment
from .checkpoint import load_weights, save_weights
from .codebook import LENGTH, Codebook, join
from .config import FOLDER, GRID, read_config
from .evaluate import EvaluationSet, codebook_accuracy, exact_match
from .model import Starter
from .optimizer import Optimizer
from .packing import Packer
from .picture import to_pixels
from .pointing import concept_tokens
from .questions import Asker
from .schedule import Schedule
from .shards import Shards
from .state import load_state, save_state
from .symbols import POINTING_WEIGHT, Scores, hold_words, imagine, keep_cells, language_loss, misread, question_batch
from .tokenizer import load_tokenizer

RANKS = 2
EVALUATION_LENGTH = 420
DECAY = 0.02  # of matrices; more would shrink the stretched projector faster than it learns


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ('--data', '--pages', '--fonts', '--run', '--until'):
        parser.add_argument(name, required=True)
    parser.add_argument('--resume', action='store_true', help='go on from <run>/joint.pt, optimiser included')
    parser.add_argument('--start', help='begin from these weights (safetensors) instead of the results of stages 1 and 2')
    parser.add_argument('--micro', type=int, default=6, help='pictures in a small batch')
    parser.add_argument('--texts', type=int, default=2, help='pages of text beside them, for the codebook loss alone')
    parser.add_argument('--micros', type=int, default=4, help='small batches in a step')
    parser.add_argument('--length', type=int, default=192, help='text tokens behind a picture')
    parser.add_argument('--cells', type=int, default=64, help='of 100 cells, how many the decoder sees in the first part')
    parser.add_argument('--full-after', type=float, default=0.6, help='share of the time after which it sees all of them')
    parser.add_argument('--dense', type=float, default=0.15, help='weight of the codebook loss')
    parser.add_argument('--through', type=float, default=0.3, help='share of the gradient of the answers that reaches the towers')
    parser.add_argument('--misread', type=float, default=0.2, help='share of the letters of words that look like others')
    parser.add_argument('--symbolic', type=float, default=0.25, help='share of small batches with ideal cells, as in stage 2')
    parser.add_argument('--muon-rate', type=float, default=0.01)
    parser.add_argument('--adam-rate', type=float, default=7e-4)
    # Towers come settled from stage 1: at the decoder's rate they forget faster than they learn.
    parser.add_argument('--tower-rate', type=float, default=0.25, help='rates of towers and projector, as a share of the others')
    parser.add_argument('--decay', type=float, default=0.85, help='share of the time in which the rates fall')
    parser.add_argument('--evaluate-every', type=float, default=10, help='minutes')
    parser.add_argument('--pictures', type=int, default=160, help='pictures in each evaluation')
    return parser.parse_args()


def initial_model(options):
    """The model from the earlier stages, from a shipped checkpoint, or from a stopped run (then with its state)."""
    config, run = read_config(), Path(options.run)
    model = Starter(config)
    saved = None
    if options.resume and (run / 'joint.pt').exists():
        saved = load_state(run / 'joint.pt')
        model.load_state_dict(saved['weights'])
    elif options.start:
        model.load_state_dict(load_weights(options.start))
    else:
        model.load_state_dict(load_state(run / 'symbols.pt')['weights'], strict=False)
        model.load_state_dict(join(load_state(run / 'align.pt')['weights']), strict=False)
    return config, model, saved


def in_towers(name):
    return name.startswith(('vision_towers.', 'projector.'))


class Shared:
    """What the processes have in common: gradients, running mean of the weights, a queue of small batches, a barrier."""

    def __init__(self, model, context, schedule):
        self.schedule = schedule
        size = sum(p.numel() for p in model.parameters())
        self.gradients = torch.zeros(RANKS, size).share_memory_()
        self.average = torch.nn.utils.parameters_to_vector(model.parameters()).detach().clone().share_memory_()
        self.next_batch = context.Value('i', 0)
        self.elapsed = context.Value('d', 0.0)
        self.barrier = context.Barrier(RANKS)

    def take(self, limit):
        """Whether there is a small batch left in this step."""
        with self.next_batch.get_lock():
            self.next_batch.value += 1
            return self.next_batch.value <= limit


class Worker:
    def __init__(self, rank, options, config, model, shared, saved):
        self.rank, self.options, self.model, self.shared = rank, options, model, shared
        self.parameters = list(model.parameters())
        self.optimizer = Optimizer(
            model.named_parameters(), options.muon_rate, options.adam_rate, DECAY, rank, RANKS,
            lambda name: options.tower_rate if in_towers(name) else 1.0,
        )
        self.step = 0
        if saved:
            self.optimizer.load_state_dict(saved['optimizer'])
            self.step = saved['step']
            shared.average.copy_(saved['average'])
        self.R = random.Random(7919 * self.step + rank)
        torch.manual_seed(7919 * self.step + rank)
        tokenizer = load_tokenizer()
        self.codebook = Codebook(config['text_config']['hidden_size'])
        self.tables = concept_tokens(tokenizer, config['text_config']['vocab_size'])
        self.packers = {c: Packer(tokenizer, options.length, c) for c in (options.cells, GRID * GRID)}
        self.asker, self.data, self.pages = Asker(self.R, pairs=2), Shards(options.data), Shards(options.pages)
        self.evaluation_packer = Packer(tokenizer, EVALUATION_LENGTH)
        self.evaluation = EvaluationSet(['skia', 'pillow'][rank], options.fonts, options.pictures, self.evaluation_packer)
        self.averaged = Starter(config)
        self.scores, self.dense, self.loss, self.accuracy = Scores(), 0.0, 0.0, {}

    def small_batch(self):
        """Adds the gradient of one small batch to this rank's gradients."""
        pictures, scenes = self.data.sample(self.R, self.options.micro)
        labels = label_batch(scenes)
        symbolic = self.R.random() < self.options.symbolic
        if symbolic:
            cells, dense, accuracy = imagine(self.codebook, labels), 0.0, {}
        else:
            pages, texts = self.pages.sample(self.R, self.options.texts)
            cells = self.model.project(augment(to_pixels(np.concatenate([pictures, pages])), self.R))
            dense, accuracy = self.codebook.loss(cells / LENGTH, torch.cat([labels, label_batch(texts)]))
            cells = cells[: len(pictures)]
            # The decoder's losses are many and large; at full strength they teach the towers to forget characters.
            cells = cells.detach() + self.options.through * (cells - cells.detach())
            self.dense = dense.item() if not self.dense else self.dense * 0.97 + dense.item() * 0.03
        placed, kept = self.model.place(misread(cells, labels, hold_words(scenes), self.codebook, self.options.misread)), None
        count = self.options.cells if self.shared.elapsed.value < self.options.full_after else GRID * GRID
        if count < GRID * GRID:
            kept = keep_cells(labels, count)
            labels = labels.gather(2, kept[:, None].expand(-1, labels.shape[1], -1))
            placed = placed.gather(1, kept[..., None].expand(-1, -1, placed.shape[-1]))
            kept = kept.numpy()
        batch = question_batch(self.asker, self.packers[count], scenes, self.R, kept)
        language, pointing, right = language_loss(self.model, placed, batch, self.tables, labels, self.codebook)
        (language + POINTING_WEIGHT * pointing + self.options.dense * dense).backward()
        if not symbolic:
            self.scores.add(batch[-1], right)
        self.loss = language.item() if not self.loss else self.loss * 0.97 + language.item() * 0.03
        for name, value in accuracy.items():
            if value == value:
                self.accuracy[name] = self.accuracy.get(name, value) * 0.97 + value * 0.03

    def train_step(self, scale):
        for parameter in self.parameters:
            parameter.grad = None
        while self.shared.take(self.options.micros):
            self.small_batch()
        mine, start = self.shared.gradients[self.rank], 0
        for parameter in self.parameters:
            end = start + parameter.numel()
            if parameter.grad is None:
                mine[start:end].zero_()
            else:
                mine[start:end].copy_(parameter.grad.reshape(-1))
            start = end
        self.shared.barrier.wait()
        if self.rank == 0:
            self.shared.next_batch.value = 0
        total, start = self.shared.gradients.sum(0).div_(self.options.micros), 0
        for parameter in self.parameters:
            end = start + parameter.numel()
            parameter.grad = total[start:end].view_as(parameter)
            start = end
        norm = self.optimizer.step(scale)
        self.step += 1
        self.shared.barrier.wait()
        if self.rank == 0:
            weight = max(0.015, 1 / (self.step + 1))
            self.shared.average.lerp_(torch.nn.utils.parameters_to_vector(self.parameters).detach(), weight)
        return norm

    def evaluate(self, minutes):
        """Scores the running mean of the weights; rank 0 also writes it as the newest checkpoint."""
        self.shared.barrier.wait()
        torch.nn.utils.vector_to_parameters(self.shared.average.clone(), self.averaged.parameters())
        if self.rank == 0:
            save_weights(self.averaged.state_dict(), FOLDER / 'model.safetensors')
        record = {
            'time': time.strftime('%H:%M:%S'), 'minutes': round(minutes, 1), 'step': self.step,
            'set': ['skia', 'pillow'][self.rank],
            'tasks': exact_match(self.averaged, self.evaluation, self.evaluation_packer),
            'cells': codebook_accuracy(self.averaged, self.codebook, self.evaluation),
        }
        with open(Path(self.options.run) / 'evaluations.jsonl', 'a') as file:
            file.write(json.dumps(record) + '\n')

    def save(self):
        """Both ranks' optimiser states in one file, written by rank 0."""
        part = Path(self.options.run) / f'optimizer.{self.rank}.pt'
        save_state(part, **self.optimizer.state_dict())
        self.shared.barrier.wait()
        if self.rank == 0:
            states = [load_state(Path(self.options.run) / f'optimizer.{rank}.pt') for rank in range(RANKS)]
            merged = {name: state for s in states for name, state in s['state'].items()}
            save_state(
                Path(self.options.run) / 'joint.pt', step=self.step, weights=self.model.state_dict(),
                average=self.shared.average, optimizer={'steps': states[0]['steps'], 'state': merged},
            )

    def report(self, seconds, norm, scale):
        print(f'{time.strftime("%H:%M:%S")} step {self.step} language {self.loss:.3f} dense {self.dense:.3f} norm {norm:.2f} '
              f'rate {scale:.3f} {10 * self.options.micro * self.options.micros / seconds:.1f} pictures/s', self.scores.table(),
              {name: round(value, 2) for name, value in self.accuracy.items()}, flush=True)
        self.scores = Scores()

    def run(self):
        schedule, since = self.shared.schedule, time.time()
        saved_at = evaluated_at = 0.0
        while True:
            if self.rank == 0:
                self.shared.elapsed.value = schedule.elapsed()
            self.shared.barrier.wait()
            elapsed = self.shared.elapsed.value
            if elapsed >= 1:
                break
            scale = schedule.scale(self.step, elapsed)
            norm = self.train_step(scale)
            if self.step % 10 == 0:
                now = elapsed * schedule.total  # seconds, the same on both ranks, so that they agree on what is due
                if self.rank == 0:
                    self.report(time.time() - since, norm, scale)
                since = time.time()
                if now - saved_at > 300:
                    self.save()
                    saved_at = now
                if now - evaluated_at > self.options.evaluate_every * 60:
                    self.evaluate(now / 60)
                    evaluated_at = now
        self.save()
        self.evaluate(schedule.total / 60)


def work(rank, *arguments):
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    Worker(rank, *arguments).run()


def main():
    options = parse()
    config, model, saved = initial_model(options)
    model.share_memory()
    context = multiprocessing.get_context('fork')
    shared = Shared(model, context, Schedule(options.until, decay=options.decay))
    processes = [context.Process(target=work, args=(rank, options, config, model, shared, saved)) for rank in range(RANKS)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()


if __name__ == '__main__':
    main()
