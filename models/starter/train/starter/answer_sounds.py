"""Stage 5: the decoder learns to answer about sounds, and to go on answering about pictures as before.

    python -m starter.answer_sounds --bank BANK.npz --shards DIR --cells CELLS.npy --run DIR --until HH:MM [--resume]

It may run beside stage 4: the ears are read again whenever <run>/listen.pt is new. Half of every step is pictures, answered
rightly and as the decoder of the beginning answers them.
"""

import argparse
import json
import random
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from .checkpoint import load_weights, save_weights
from .codebook import LENGTH, Codebook
from .config import FOLDER, GRID, build_config
from .evaluate import EvaluationSet
from .language import HEARING
from .listen import SoundCodes, in_ears, stretched
from .log_mel import windows_of
from .model import Starter
from .optimizer import Optimizer
from .packing import Packer, answer_loss
from .picture import to_pixels
from .questions import Asker
from .schedule import Schedule
from .shards import Shards
from .sound_questions import SoundAsker
from .sounds import SAID, SOUNDS, Bank, draw_sound
from .state import load_state, save_state
from .symbols import Scores, hold_words, misread
from .labels import dense_labels
from .tokenizer import load_tokenizer

PICTURE = GRID * GRID


def embed_new_words(model, codes, tokenizer, known):
    """Rows of tokens that only hearing needs: words heard get their code, others a random direction of the same length.
    known: how many tokens there were before."""
    table = model.model.embed_tokens.weight.data
    length = table[:known].norm(dim=1).median()
    generator = torch.Generator().manual_seed(8)
    rows = torch.randn(tokenizer.get_vocab_size() - known, table.shape[1], generator=generator)
    table[known : tokenizer.get_vocab_size()] = F.normalize(rows, dim=1) * length
    for names, directions in ((SAID, codes.words), (SOUNDS, codes.sounds)):
        for name, code in zip(names, directions, strict=True):
            for form in (name, ' ' + name):
                ids = tokenizer.encode(form, add_special_tokens=False).ids
                if name in codes.new and len(ids) == 1 and ids[0] >= known:
                    noise = torch.randn(len(code), generator=generator) * 0.25 / len(code) ** 0.5
                    table[ids[0]] = (code + noise) * length


class Listener:
    """Sounds -> what the decoder gets of them; the ears stand still."""

    def __init__(self, model, tower):
        self.model, self.tower = model, tower

    @torch.no_grad()
    def hear(self, sounds):
        """-> list of projected tokens [n, D], those of the silence behind the sound dropped."""
        found = [windows_of(sound.samples, self.tower) for sound in sounds]
        heard = self.model.listen(torch.cat([mel for mel, _ in found])).split([len(mel) for mel, _ in found])
        return [tokens.flatten(0, 1)[:kept] for tokens, (_, kept) in zip(heard, found, strict=True)]

    def place(self, heard):
        """Projected tokens [n, D] of several windows, their positions added."""
        each = self.model.audio_position_embedding
        return heard + each.repeat(-(-len(heard) // len(each)), 1)[: len(heard)]

    def behind(self, pictures, heard, order):
        """Rows [B, C, D] of what stands behind <s>, filled up with zeros, and how many of each are used.

        pictures: placed cells [100, D] or None by row; heard: placed tokens or None; order: whether the sound comes first."""
        rows = [torch.cat([part for part in ((h, p) if first else (p, h)) if part is not None])
                for p, h, first in zip(pictures, heard, order, strict=True)]
        return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), [len(row) for row in rows]


def answer(model, placed, batch):
    """Logits at the answer positions, their targets and weights, and which answers are right everywhere."""
    ids, positions, mask, targets, weights, _ = batch
    hidden = model.hidden(placed, ids, positions, mask)
    answered = targets >= 0
    logits = model.model.logits(hidden[answered])
    right = torch.zeros_like(targets, dtype=torch.bool)
    right[answered] = logits.detach().argmax(-1) == targets[answered]
    return logits, targets[answered], weights[answered], right


class Teacher:
    def __init__(self, options, model, config, tokenizer):
        self.model, self.tokenizer = model, tokenizer
        self.R = random.Random(options.seed)
        self.before = Starter(config).eval()
        self.before.load_state_dict(model.state_dict())
        self.listener = Listener(model, config['audio_tower'])
        self.bank = Bank(options.bank)
        self.codebook = Codebook(config['text_config']['hidden_size'])
        shards = Shards(options.shards)
        self.cells = np.load(options.cells, mmap_mode='r')
        self.scenes = [scene for part in shards.scenes for scene in part][: len(self.cells)]
        self.asker, self.sound_asker = Asker(self.R), SoundAsker(self.R)
        self.packers = {}
        self.options = options

    def packer(self, length, media):
        return self.packers.setdefault((length, media), Packer(self.tokenizer, length, media))

    def pictures(self, count):
        """Placed cells [count, 100, D] as the towers see them, some letters misread, and their scenes."""
        rows = self.R.sample(range(len(self.cells)), count)
        scenes = [self.scenes[row] for row in rows]
        cells = torch.from_numpy(self.cells[rows].astype(np.float32))
        labels = torch.from_numpy(np.stack([dense_labels(scene) for scene in scenes]))
        return self.model.place(misread(cells, labels, hold_words(scenes), self.codebook, 0.1)), scenes

    def picture_loss(self, count):
        """Answers about pictures: right, and like before."""
        placed, scenes = self.pictures(count)
        packer = self.packer(self.options.length, PICTURE)
        asked = [packer.segments(self.asker.about(scene), self.R) for scene in scenes]
        for segments in asked:  # nothing to hear, here
            if self.R.random() < 0.5:
                task, question, reply = self.sound_asker.without_sound()
                segments.insert(0, [(task, *packer.turn(question, reply))])
        blind = []
        for _ in scenes:
            kinds = [self.asker.without_picture] * (self.R.random() < 0.3) + [self.sound_asker.without_sound] * (self.R.random() < 0.3)
            blind.append([[(t, *packer.turn(q, a))] for t, q, a in (ask() for ask in kinds)])
        batch = packer.pack(asked, self.R, blind)
        logits, targets, weights, right = answer(self.model, placed, batch)
        with torch.no_grad():
            old = answer(self.before, placed.detach(), batch)[0]
        new_task = torch.zeros_like(batch[3], dtype=torch.bool)
        for row, task, first, last in batch[-1]:
            if task == 'no_sound':
                new_task[row, first:last] = True
        kept = ~new_task[batch[3] >= 0]
        divergence = F.kl_div(logits.log_softmax(-1)[kept], old.log_softmax(-1)[kept], log_target=True, reduction='none').sum(-1)
        return answer_loss(logits, targets, weights) + self.options.like_before * divergence.mean(), batch[-1], right

    def sound_loss(self, count, with_picture):
        """Answers about sounds, alone or beside a picture, which is asked about as well."""
        sounds = [draw_sound(self.bank, self.R) for _ in range(count)]
        sounds = [sound for sound in sounds if len(sound.samples) < 5 * 16_000]
        heard = [self.listener.place(tokens) for tokens in self.listener.hear(sounds)]
        pictures, scenes = self.pictures(len(sounds)) if with_picture else ([None] * len(sounds), [None] * len(sounds))
        order = [with_picture and self.R.random() < 0.4 for _ in sounds]
        placed, shown = self.listener.behind(pictures, heard, order)
        packer = self.packer(self.options.length, placed.shape[1])
        asked = []
        for sound, scene in zip(sounds, scenes, strict=True):
            questions = self.sound_asker.about(sound)
            if scene:
                about = [q for q in self.asker.about(scene) if q[0] not in ('json', 'identity')]
                questions = self.R.sample(questions, 3) + self.R.sample(about, min(5, len(about)))
            elif self.R.random() < 0.6:
                questions.append(self.asker.without_picture())
            self.R.shuffle(questions)
            asked.append(packer.segments(questions, self.R))
        batch = packer.pack(asked, self.R, shown=shown)
        logits, targets, weights, right = answer(self.model, placed, batch)
        return answer_loss(logits, targets, weights), batch[-1], right


class Examination:
    """Held-out pictures, seen once by the towers, and held-out voices and phrasings."""

    def __init__(self, options, model, config, tokenizer):
        packer = Packer(tokenizer, 420)
        data = EvaluationSet('pillow', options.fonts, options.pictures, packer)
        with torch.no_grad():
            parts = [model.project(to_pixels(np.stack(data.pictures[i : i + 16]))) for i in range(0, len(data.pictures), 16)]
        cells = torch.cat(parts)
        self.pictures = [(cells[i : i + 4], packer.pack(data.segments[i : i + 4])) for i in range(0, len(cells), 4)]
        R = random.Random(99)
        asker, bank = SoundAsker(R, HEARING['heldOutPhrasings']), Bank(options.bank, held_out=True)
        self.tower, self.packer = config['audio_tower'], Packer(tokenizer, 160, 64)
        self.sounds = [s for s in (draw_sound(bank, R) for _ in range(options.sounds)) if len(s.samples) < 5 * 16_000]
        self.asked = [[[(t, *self.packer.turn(q, a))] for t, q, a in asker.about(sound)] for sound in self.sounds]

    @torch.no_grad()
    def take(self, model):
        """{task: (per cent right, questions)} of pictures and of sounds."""
        scores, listener = Scores(), Listener(model, self.tower)
        for cells, batch in self.pictures:
            scores.add(batch[-1], answer(model, model.place(cells), batch)[-1])
        for i in range(0, len(self.sounds), 8):
            some = self.sounds[i : i + 8]
            placed, shown = listener.behind([None] * len(some), [listener.place(h) for h in listener.hear(some)], [False] * len(some))
            placed = F.pad(placed, (0, 0, 0, 64 - placed.shape[1]))
            batch = self.packer.pack(self.asked[i : i + 8], shown=shown)
            named = [(row, self.sub(some[row], task), first, last) for row, task, first, last in batch[-1]]
            scores.add(named, answer(model, placed, batch)[-1])
        return {task: (value, scores.asked[task]) for task, value in scores.table().items()}

    @staticmethod
    def sub(sound, task):
        """heard_word by how many are said, heard_kind by what it is."""
        if task == 'heard_word':
            return f'{task}.{len(sound.words)}'
        return f'{task}.{sound.kind}' if task == 'heard_kind' else task


def with_share_of(weights, before, share, known):
    """Weights drawn back a little to those of the beginning; new tokens and the position of sounds were nothing then."""
    mixed = {n: torch.lerp(t, before[n], share) if n.startswith('model.') else t for n, t in weights.items()}
    mixed['model.embed_tokens.weight'][known:] = weights['model.embed_tokens.weight'][known:]
    return mixed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ('--bank', '--shards', '--cells', '--fonts', '--run', '--until'):
        parser.add_argument(name, required=True)
    parser.add_argument('--start', default=FOLDER / 'model.safetensors', help='weights of the model that does not hear yet')
    parser.add_argument('--known', type=int, required=True, help='tokens that the decoder of --start was taught')
    parser.add_argument('--resume', action='store_true')
    parser.add_argument('--output', default=FOLDER / 'model.safetensors')
    parser.add_argument('--length', type=int, default=160)
    parser.add_argument('--seen', type=int, default=6, help='pictures in a step')
    parser.add_argument('--heard', type=int, default=7, help='sounds in a step')
    parser.add_argument('--before', type=float, default=0.2, help='share of the weights of the beginning in those that are written')
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--like-before', type=float, default=2.0, help='weight of the divergence from the old answers')
    parser.add_argument('--muon-rate', type=float, default=0.003)
    parser.add_argument('--adam-rate', type=float, default=3e-4)
    parser.add_argument('--evaluate-every', type=float, default=4, help='minutes')
    parser.add_argument('--pictures', type=int, default=100)
    parser.add_argument('--sounds', type=int, default=240)
    parser.add_argument('--seed', type=int, default=77)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(5)
    run, config, tokenizer = Path(options.run), build_config(), load_tokenizer()
    model = Starter(config)
    model.load_state_dict(load_weights(options.start), strict=False)
    codes = SoundCodes(model.model.embed_tokens.weight.detach(), tokenizer)
    embed_new_words(model, codes, tokenizer, options.known)
    model.audio_position_embedding.data.mul_(LENGTH / 4)
    model.load_state_dict(stretched(load_state(run / 'listen.pt')['weights']), strict=False)
    teacher = Teacher(options, model, config, tokenizer)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.startswith('model.') or name == 'audio_position_embedding')
    trained = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    optimizer, step = Optimizer(trained, options.muon_rate, options.adam_rate, 0.02), 0
    if options.resume and (run / 'answers.pt').exists():
        saved = load_state(run / 'answers.pt')
        model.load_state_dict(saved['weights'])
        optimizer.load_state_dict(saved['optimizer'])
        step = saved['step']
    examination = Examination(options, model, config, tokenizer)
    average = {n: p.detach().clone() for n, p in trained}
    before = teacher.before.state_dict()
    averaged = Starter(config).eval()

    def examine():
        """Scores the running mean of the weights with a share of those before, and writes it."""
        averaged.load_state_dict(model.state_dict() | with_share_of(average, before, options.before, options.known))
        save_weights(averaged.state_dict(), options.output)
        record = {'time': time.strftime('%H:%M:%S'), 'step': step, 'tasks': examination.take(averaged)}
        print(json.dumps(record), flush=True)
        with open(run / 'hearing.jsonl', 'a') as file:
            file.write(json.dumps(record) + '\n')
        save_state(run / 'answers.pt', weights=model.state_dict(), optimizer=optimizer.state_dict(), step=step)

    schedule, since, scores, examined = Schedule(options.until, warmup=20, decay=0.7), time.time(), Scores(), time.time()
    ears = (run / 'listen.pt').stat().st_mtime
    examine()
    while schedule.elapsed() < 1:
        losses = [teacher.picture_loss(options.seen), teacher.sound_loss(options.heard, False)]
        if step % 4 == 0:
            losses.append(teacher.sound_loss(3, True))
        for loss, spans, right in losses:
            loss.backward()
            scores.add(spans, right)
        optimizer.step(schedule.scale(step))
        step += 1
        weight = max(0.02, 1 / (step + 1))
        for name, parameter in trained:
            average[name].lerp_(parameter.detach(), weight)
        if step % 10 == 0:
            seconds, since = time.time() - since, time.time()
            print(f'{time.strftime("%H:%M:%S")} step {step} {seconds / 10:.2f} s', scores.table(), flush=True)
            scores = Scores()
        if (run / 'listen.pt').stat().st_mtime != ears:
            ears = (run / 'listen.pt').stat().st_mtime
            model.load_state_dict(stretched(load_state(run / 'listen.pt')['weights']), strict=False)
        if time.time() - examined > options.evaluate_every * 60:
            examine()
            examined = time.time()
    examine()


if __name__ == '__main__':
    main()
