"""Stage 4: the sound tower and its projector learn to write what is heard as directions of the decoder's own words.

    python -m starter.listen --bank BANK.npz --run DIR --until HH:MM [--resume]

The decoder is not asked: its embeddings say which direction a word has, and a word heard gets the direction of the word read.
Writes <run>/listen.pt; `starter.answer_sounds` goes on from there.
"""

import argparse
import random
import time
from pathlib import Path

import numpy as np
import torch
import torch.multiprocessing as multiprocessing
from torch.nn import functional as F

from .checkpoint import load_weights
from .codebook import LENGTH, Codebook
from .config import FOLDER, build_config
from .language import NUMBERS
from .log_mel import HOP, log_mel
from .model import Starter
from .optimizer import Optimizer
from .schedule import Schedule
from .sounds import SAID, SOUNDS, Bank, draw_sound
from .state import load_state, save_state
from .tokenizer import load_tokenizer

# Frames of a window in training, and how many such windows make a batch: short sounds are most and need no long silence.
BATCHES = {96: 40, 160: 24, 256: 14, 512: 7}
SHARPNESS = 8.0
EMPTY_WEIGHT = 0.15
STEP = 8  # frames a token: two by the second convolution, four by pooling
IGNORED = -100


class SoundCodes:
    """words [len(SAID), D] and sounds [len(SOUNDS), D]: of words that the decoder knows their embeddings' directions, of others
    free ones of the codebook."""

    def __init__(self, embedding, tokenizer):
        free = iter(Codebook(embedding.shape[1]).free)
        self.new = []  # words whose embeddings are still to be set

        def code(word):
            ids = [tokenizer.encode(form, add_special_tokens=False).ids for form in (word, ' ' + word)]
            if word in OLD_WORDS and all(len(i) == 1 for i in ids):
                return F.normalize(sum(F.normalize(embedding[i[0]], dim=0) for i in ids), dim=0)
            self.new.append(word)
            return next(free)

        self.words = torch.stack([code(word) for word in SAID])
        self.sounds = torch.stack([code(sound) for sound in SOUNDS])


# Words of pictures: the decoder has read and written them before it heard anything.
OLD_WORDS = {*SAID} - {'stop', 'go'}


def label_tokens(sound, tokens):
    """(word, sound) of each token, int64 [2, tokens]: 0 none, IGNORED where a span only touches it. A beep's word is the number
    of beeps."""
    labels = np.zeros((2, tokens), np.int64)
    if sound.kind == 'silence':
        labels[1] = 1 + SOUNDS.index('silence')
        return labels
    size, covered = STEP * HOP, np.zeros(tokens)
    for start, end, word in sound.spans:
        edges = np.arange(tokens) * size
        overlap = np.clip(np.minimum(edges + size, end) - np.maximum(edges, start), 0, size) / size
        chosen = (overlap >= 0.4) & (overlap >= covered)
        if overlap.max() > 0:
            chosen[overlap.argmax()] = True
        touched = (overlap > 0.1) & ~chosen & (labels[1] == 0)
        labels[:, touched] = IGNORED
        if sound.beeps:
            word = SAID.index(NUMBERS[sound.beeps])
        labels[0, chosen], labels[1, chosen] = 1 + word, 1 + SOUNDS.index(sound.kind)
        covered = np.maximum(covered, overlap)
    return labels


def batches(bank, seed, queue):
    """Puts (mel [B, 80, T], labels [B, 2, T / 8], sounds) into the queue for ever."""
    torch.set_num_threads(1)
    R, bank = random.Random(seed), Bank(bank)
    pools = {size: [] for size in BATCHES}
    while True:
        sound = draw_sound(bank, R)
        frames = -(-len(sound.samples) // HOP)
        fitting = [size for size in BATCHES if size >= frames]
        if not fitting:
            continue
        size = fitting[0] if R.random() < 0.85 else R.choice(fitting)
        tokens = -(-frames // STEP)
        labels = np.full((2, size // STEP), IGNORED)
        labels[:, :tokens] = label_tokens(sound, tokens)
        pools[size].append((log_mel(sound.samples, size), torch.from_numpy(labels)))
        if len(pools[size]) == BATCHES[size]:
            queue.put(tuple(torch.stack(column).numpy() for column in zip(*pools[size], strict=True)))
            pools[size] = []


def heard_loss(heard, labels, codes):
    """Tokens [B, T, D] against labels [B, 2, T] -> (cross entropies plus distance, {word, sound: share right where there is one})."""
    total, accuracy, ideal = 0.0, {}, 0.0
    for row, (name, table) in enumerate((('word', codes.words), ('sound', codes.sounds))):
        target = labels[:, row]
        logits = F.pad(heard @ table.T * SHARPNESS, (1, 0), value=SHARPNESS / 2)
        weight = torch.ones(len(table) + 1, device=heard.device)
        weight[0] = EMPTY_WEIGHT
        total = total + F.cross_entropy(logits.transpose(1, 2), target, weight=weight, ignore_index=IGNORED) * (2 if name == 'word' else 1)
        present = target > 0
        accuracy[name] = (logits.detach().argmax(-1)[present] == target[present]).float().mean().item()
        ideal = ideal + F.pad(table, (0, 0, 1, 0))[target.clamp_min(0)]
    known = labels[:, 0] != IGNORED
    return total + (heard - ideal).pow(2).sum(-1)[known].mean(), accuracy


def in_ears(name):
    return name.startswith('audio_')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ('--bank', '--run', '--until'):
        parser.add_argument(name, required=True)
    parser.add_argument('--start', default=FOLDER / 'model.safetensors', help='weights whose decoder says what words look like')
    parser.add_argument('--resume', action='store_true')
    parser.add_argument('--muon-rate', type=float, default=0.02)
    parser.add_argument('--adam-rate', type=float, default=1.5e-3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(4)
    state = Path(options.run) / 'listen.pt'
    model = Starter(build_config())
    model.load_state_dict(load_weights(options.start), strict=False)
    codes = SoundCodes(model.model.embed_tokens.weight.detach(), load_tokenizer())
    trained = [(n, p) for n, p in model.named_parameters() if in_ears(n) and 'audio_position' not in n]
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(in_ears(name))
    optimizer, step = Optimizer(trained, options.muon_rate, options.adam_rate), 0
    if options.resume and state.exists():
        saved = load_state(state)
        model.load_state_dict(saved['weights'], strict=False)
        optimizer.load_state_dict(saved['optimizer'])
        step = saved['step']
    context = multiprocessing.get_context('fork')
    queue = context.Queue(8)
    drawer = context.Process(target=batches, args=(options.bank, 100 + step, queue), daemon=True)
    drawer.start()
    schedule, since, saved_at, means = Schedule(options.until, decay=0.7), time.time(), time.time(), {}

    def save():
        weights = {n: p.detach() for n, p in trained}
        save_state(state, weights=weights, optimizer=optimizer.state_dict(), step=step)

    while schedule.elapsed() < 1:
        mel, labels = (torch.from_numpy(array) for array in queue.get())
        loss, accuracy = heard_loss(model.listen(mel), labels, codes)
        loss.backward()
        optimizer.step(schedule.scale(step))
        step += 1
        for name, value in {**accuracy, 'loss': loss.item()}.items():
            if value == value:
                means[name] = means.get(name, value) * 0.96 + value * 0.04
        if step % 20 == 0:
            seconds, since = time.time() - since, time.time()
            print(f'{time.strftime("%H:%M:%S")} step {step} {seconds / 20:.2f} s', {n: round(v, 3) for n, v in means.items()},
                  'waiting' if queue.empty() else '', flush=True)
        if time.time() - saved_at > 60:
            save()
            saved_at = time.time()
    save()
    drawer.terminate()


def stretched(weights):
    """The ears' weights of this stage with codes of the decoder's length."""
    return {n: t * LENGTH if n.startswith('audio_projector.2.') else t for n, t in weights.items()}


if __name__ == '__main__':
    main()
