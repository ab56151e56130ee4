"""Stage 6: everything learns together on one GPU, fed by processes that draw and ask (`starter.feeding`).

    python -m starter.together --fonts DIR --bank BANK.npz --run DIR --until HH:MM:SS --output WEIGHTS
"""

import argparse
import json
import queue as queues
import random
import threading
import time
from pathlib import Path

import torch
import torch.multiprocessing as multiprocessing

from .attending import Lessons, pointing_loss
from .augment import augment
from .checkpoint import load_weights, save_weights
from .codebook import LENGTH, Codebook
from .config import FOLDER, build_config
from .evaluate import EvaluationSet, codebook_accuracy, exact_match
from .feeding import feed
from .joint import DECAY, EVALUATION_LENGTH, in_towers
from .listen import SoundCodes, heard_loss, in_ears
from .model import Starter
from .optimizer import Optimizer
from .packing import Packer, answer_loss, mask_of
from .schedule import Schedule
from .symbols import POINTING_WEIGHT, Scores, misread
from .tokenizer import load_tokenizer


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ('--fonts', '--bank', '--run', '--until', '--output'):
        parser.add_argument(name, required=True)
    parser.add_argument('--start', default=FOLDER / 'model.safetensors')
    parser.add_argument('--device', default='cuda')
    parser.add_argument('--feeders', type=int, default=14, help='processes that draw and ask')
    parser.add_argument('--pictures', type=int, default=64, help='pictures in a step, half of them with a text')
    parser.add_argument('--pages', type=int, default=20, help='pages of text in a step')
    parser.add_argument('--heard', type=int, default=40, help='sounds in a step')
    parser.add_argument('--both', type=int, default=8, help='of these, how many beside a picture')
    parser.add_argument('--dense', type=float, default=0.6, help='weight of the codebook loss')
    parser.add_argument('--ears', type=float, default=0.3, help='weight of the codebook loss of sounds')
    parser.add_argument('--through', type=float, default=0.3, help='share of the gradient of the answers that reaches the towers')
    parser.add_argument('--misread', type=float, default=0.2, help='share of the letters of words that look like others')
    parser.add_argument('--muon-rate', type=float, default=0.008)
    parser.add_argument('--adam-rate', type=float, default=6e-4)
    parser.add_argument('--tower-rate', type=float, default=0.6, help='rates of towers and projectors, as a share of the others')
    parser.add_argument('--examined', type=int, default=300, help='pictures in each evaluation')
    parser.add_argument('--evaluate-every', type=float, default=2, help='minutes')
    parser.add_argument('--seed', type=int, default=1)
    return parser.parse_args()


class Intake:
    """Steps as tensors on the device: one thread moves them there while the last one is learned."""

    def __init__(self, queue, device):
        self.device, self.ready, self.waited = device, queues.Queue(3), 0.0
        threading.Thread(target=self._move, args=(queue,), daemon=True).start()

    def _move(self, queue):
        while True:
            self.ready.put(self.move(queue.get()))

    def move(self, value):
        if isinstance(value, dict):
            return {name: self.move(part) for name, part in value.items()}
        if isinstance(value, Lessons):
            return value.map(self.move)
        if isinstance(value, (tuple, list)) and value and not isinstance(value[0], tuple):
            return [self.move(part) for part in value]
        return value if isinstance(value, list) else torch.from_numpy(value).to(self.device)

    def take(self):
        since = time.time()
        step = self.ready.get()
        self.waited += time.time() - since
        return step


class Learner:
    def __init__(self, options, model, codes, codebook):
        self.options, self.model, self.codes, self.codebook = options, model, codes, codebook
        self.scores, self.means = Scores(), {}

    def answers(self, placed, packed, spans, lessons=None, note=False):
        """Loss of packed questions behind placed cells or tokens, and of the hints."""
        ids, positions, segment, sees, targets, weights = packed
        mask = mask_of(segment, sees)
        hidden = self.model.hidden(placed, ids, positions, mask)
        answered = targets >= 0
        logits = self.model.model.logits(hidden[answered])
        loss = answer_loss(logits, targets[answered], weights[answered])
        if note:
            right = torch.zeros_like(targets, dtype=torch.bool)
            right[answered] = logits.detach().argmax(-1) == targets[answered]
            self.scores.add(spans, right.cpu())
        if lessons is None:
            return loss
        lessons.looks = {layer: (*columns[:3], columns[3].float(), *columns[4:]) for layer, columns in lessons.looks.items()}
        return loss, pointing_loss(self.model.model, self.codebook, lessons, positions, mask)

    def loss(self, step, R, note=False):
        o, model = self.options, self.model
        through = lambda x: x.detach() + o.through * (x - x.detach())
        pixels = step['pictures'].permute(0, 3, 1, 2).float() / 127.5 - 1
        cells = model.project(augment(pixels, R))
        dense, accuracy = self.codebook.loss(cells / LENGTH, step['labels'])
        packed, spans, lessons = step['seen']
        seen = cells[: len(step['words'])]
        placed = model.place(misread(through(seen), step['labels'][: len(seen)], step['words'], self.codebook, o.misread))
        language, pointing = self.answers(placed, packed, spans, lessons, note)
        tokens = model.listen(step['mel'].float())
        ears, heard_accuracy = heard_loss(tokens / LENGTH, step['heard_labels'], self.codes)
        tokens = model.place_sound(through(tokens))
        heard = self.answers(tokens[o.both :], *step['heard'], note=note)
        packed, spans, order = step['both']
        half = o.both // 2
        beside = torch.cat([torch.cat([placed[-half:], placed[:half]]), tokens[: o.both]], 1)
        both = self.answers(beside.gather(1, order[..., None].expand(-1, -1, beside.shape[-1])), packed, spans, note=note)
        parts = {'language': language, 'pointing': pointing, 'dense': dense, 'ears': ears, 'heard': heard, 'both': both}
        if note:
            self.means = {name: round(torch.as_tensor(value).item(), 4) for name, value in (parts | accuracy | heard_accuracy).items()}
        return language + POINTING_WEIGHT * pointing + o.dense * dense + o.ears * ears + 0.6 * heard + 0.4 * both


def main():
    options = parse()
    torch.set_float32_matmul_precision('high')
    torch.manual_seed(options.seed)
    run, config, tokenizer = Path(options.run), build_config(), load_tokenizer()
    run.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context('fork')
    fed = context.Queue(2 * options.feeders)
    shape = config['audio_tower'], config['text_config']['vocab_size']
    feeders = [context.Process(target=feed, args=(1000 * options.seed + i, options, *shape, fed), daemon=True) for i in range(options.feeders)]
    for feeder in feeders:
        feeder.start()
    packer = Packer(tokenizer, EVALUATION_LENGTH)
    pool = context.Pool(1)
    examined = pool.apply_async(EvaluationSet, ('pillow', options.fonts, options.examined, packer))

    model = Starter(config)
    model.load_state_dict(load_weights(options.start))
    codes = SoundCodes(model.model.embed_tokens.weight.detach(), tokenizer)
    model.to(options.device)
    codes.words, codes.sounds = codes.words.to(options.device), codes.sounds.to(options.device)
    codebook = Codebook(config['text_config']['hidden_size']).to(options.device)
    named = list(model.named_parameters())
    optimizer = Optimizer(named, options.muon_rate, options.adam_rate, DECAY,
                          share=lambda name: options.tower_rate if in_towers(name) or in_ears(name) else 1.0)
    average = {name: parameter.detach().clone() for name, parameter in named}
    averaged = Starter(config).to(options.device)
    learner, intake, step = Learner(options, model, codes, codebook), Intake(fed, options.device), 0

    def write():
        averaged.load_state_dict(average)
        save_weights({name: tensor.cpu() for name, tensor in averaged.state_dict().items()}, options.output)

    def examine():
        """Scores the running mean of the weights and writes it."""
        write()
        data = examined.get()
        record = {'time': time.strftime('%H:%M:%S'), 'step': step, 'set': 'pillow',
                  'tasks': exact_match(averaged, data, packer, 50), 'cells': codebook_accuracy(averaged, codebook, data, 50)}
        print(json.dumps(record), flush=True)
        with open(run / 'evaluations.jsonl', 'a') as file:
            file.write(json.dumps(record) + '\n')

    first, R = intake.take(), random.Random(options.seed)
    schedule, since, examined_at = Schedule(options.until, warmup=30, decay=0.9, floor=0.0), time.time(), time.time()
    while schedule.elapsed() < 1:
        loss = learner.loss(first if step == 0 else intake.take(), R, step % 10 == 0)
        loss.backward()
        optimizer.step(schedule.scale(step))
        step += 1
        weight = max(0.01, 1 / (step + 1))
        torch._foreach_lerp_(list(average.values()), [parameter.detach() for _, parameter in named], weight)
        if step % 50 == 0:
            seconds, since = time.time() - since, time.time()
            print(f'{time.strftime("%H:%M:%S")} step {step} {seconds / 50:.3f} s, waited {intake.waited / 50:.3f} s', learner.means,
                  learner.scores.table(), flush=True)
            learner.scores, intake.waited = Scores(), 0.0
        if time.time() - examined_at > options.evaluate_every * 60:
            examine()
            examined_at = time.time()
    for feeder in feeders:
        feeder.kill()
    examine()
    pool.terminate()


if __name__ == '__main__':
    main()
