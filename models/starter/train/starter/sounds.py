"""What can be heard, and how it is drawn: words by espeak-ng, other sounds as numpy waves. A sound knows what it is.

    python -m starter.sounds BANK.npz [voices a word]      speaks every word in many voices, those of training and held out
"""

import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from scipy.signal import fftconvolve, resample_poly

from .language import COLORS, HEARING, KINDS, NUMBERS
from .log_mel import RATE

WORDS = [*KINDS, *COLORS, *HEARING['commands']]
SOUNDS = list(HEARING['sounds'])  # 'voice' first, 'silence' last
MOST_BEEPS = 4
# What a part of a sound can say: a word, or of a beep how many there are.
SAID = [*WORDS, *NUMBERS[1 : MOST_BEEPS + 1]]
SPOKEN_RATE = 22_050  # espeak-ng's

ACCENTS = ['en-us', 'en-us', 'en-gb']
VARIANTS = ['', '', '+m1', '+m2', '+m3', '+m5', '+m6', '+m7', '+f1', '+f2', '+f3', '+f4']
HELD_OUT_VARIANTS = ['+f5', '+m4', '+m8', '+Andrea', '+Michael']


def speak(words, voice, speed, pitch):
    """What espeak-ng says, int16 at its own rate, without the silence around it. Raises when it cannot."""
    command = ['espeak-ng', '-v', voice, '-s', str(speed), '-p', str(pitch), '--stdout', words]
    samples = np.frombuffer(subprocess.run(command, check=True, capture_output=True).stdout[44:], '<i2')
    loud = np.flatnonzero(np.abs(samples) > 200)
    if not len(loud):
        raise ValueError(f'espeak-ng says nothing for {words} with {voice}')
    return samples[max(0, loud[0] - 200) : loud[-1] + 200]


def draw_voice(R, held_out=False):
    return R.choice(ACCENTS) + R.choice(HELD_OUT_VARIANTS if held_out else VARIANTS), R.randint(130, 185), R.randint(35, 65)


def write_bank(path, per_word, seed=11):
    """Every word in `per_word` voices of training and a sixth as many held out, and every colour before every kind in a
    tenth as many: an npz of `samples` (all in a row, at 16 kHz), `ends`, `words` ("red circle") and `held_out`."""
    R, jobs = random.Random(seed), []
    pairs = [f'{color} {kind}' for color in COLORS for kind in KINDS]
    for words, count in [*((word, per_word) for word in WORDS), *((pair, per_word // 10) for pair in pairs)]:
        jobs += [(words, False, draw_voice(R)) for _ in range(count)]
        jobs += [(words, True, draw_voice(R, held_out=True)) for _ in range(max(1, count // 6))]
    with ThreadPoolExecutor(2) as pool:
        spoken = list(pool.map(lambda job: resample_poly(speak(job[0], *job[2]) / 32768, 320, 441).astype(np.float16), jobs))
    np.savez(path, samples=np.concatenate(spoken), ends=np.cumsum([len(s) for s in spoken]),
             words=np.array([job[0] for job in jobs]), held_out=np.array([job[1] for job in jobs]))
    print(len(jobs), 'utterances,', round(sum(len(s) for s in spoken) / RATE / 60, 1), 'minutes')


@dataclass
class Sound:
    """samples: float32 at 16 kHz; kind: of SOUNDS; words: what is said, in order; beeps: how many; spans: (first sample, behind
    the last, index in WORDS or -1)."""

    samples: np.ndarray
    kind: str
    words: list = field(default_factory=list)
    beeps: int = 0
    spans: list = field(default_factory=list)


class Bank:
    """Utterances of `write_bank`, by what is said."""

    def __init__(self, path, held_out=False):
        data = np.load(path)
        self.samples, ends = data['samples'], data['ends']
        starts = np.concatenate([[0], ends[:-1]])
        self.by_words = {}
        for start, end, words, held in zip(starts, ends, data['words'], data['held_out'], strict=True):
            if held == held_out:
                self.by_words.setdefault(str(words), []).append((start, end))

    def utterance(self, words, R):
        start, end = R.choice(self.by_words[words])
        return self.samples[start:end].astype(np.float32)


def _fade(wave, seconds=0.008):
    n = min(len(wave) // 2, int(seconds * RATE))
    ramp = np.linspace(0, 1, n)
    wave[:n] *= ramp
    wave[len(wave) - n :] *= ramp[::-1]
    return wave


def _tone(frequency, shape):
    """frequency: Hz at each sample; shape: how strong its first overtones are."""
    phase = 2 * np.pi * np.cumsum(frequency) / RATE
    return sum(strength * np.sin((i + 1) * phase) for i, strength in enumerate(shape))


def _overtones(R):
    return R.choice([[1], [1], [1, 0.4], [1, 0, 0.33, 0, 0.2], [0.8, 0.5, 0.3, 0.2]])


def _noise(n, R, colour):
    white = np.random.default_rng(R.getrandbits(32)).standard_normal(n)
    if colour == 'white':
        return white
    spectrum = np.fft.rfft(white)
    f = np.fft.rfftfreq(n, 1 / RATE)
    if colour == 'pink':
        spectrum /= np.sqrt(np.maximum(f, 30))
    else:  # a band
        centre = R.uniform(800, 4000)
        spectrum *= np.exp(-(((f - centre) / (0.5 * centre)) ** 2))
    wave = np.fft.irfft(spectrum, n)
    return wave / wave.std()


def draw_noise_maker(kind, R):
    """(samples, number of beeps, spans) of a sound that is no voice."""
    seconds = R.uniform(0.5, 2.2)
    n = int(seconds * RATE)
    t = np.arange(n) / RATE
    if kind == 'beep':
        count = R.randint(1, MOST_BEEPS)
        length, gap = R.uniform(0.08, 0.32), R.uniform(0.09, 0.4)
        frequency, shape = R.uniform(350, 2600), _overtones(R)
        parts, spans, at = [], [], 0
        for i in range(count):
            beep = _fade(_tone(np.full(int(length * RATE), frequency), shape))
            parts += [beep, np.zeros(int(gap * R.uniform(0.9, 1.1) * RATE))]
            spans.append((at, at + len(beep), -1))
            at += len(parts[-2]) + len(parts[-1])
        return np.concatenate(parts[:-1]), count, spans
    if kind in ('rising', 'falling'):
        low = R.uniform(180, 900)
        high = low * R.uniform(1.8, 4.5)
        x = t / seconds
        sweep = low * (high / low) ** x if R.random() < 0.5 else low + (high - low) * x
        wave = _fade(_tone(sweep if kind == 'rising' else sweep[::-1], _overtones(R)))
    elif kind == 'siren':
        seconds = max(seconds, 1.2)
        t = np.arange(int(seconds * RATE)) / RATE
        rate, low, high = R.uniform(1.0, 4.0), R.uniform(400, 800), R.uniform(1000, 1700)
        swing = np.sin(2 * np.pi * rate * t + R.uniform(0, 6))
        swing = np.sign(swing) if R.random() < 0.35 else swing
        wave = _fade(_tone((low + high) / 2 + (high - low) / 2 * swing, _overtones(R)))
    elif kind == 'buzz':
        frequency = R.uniform(55, 220) * (1 + 0.02 * np.sin(2 * np.pi * R.uniform(0, 8) * t))
        wave = _fade(2 * ((np.cumsum(frequency) / RATE) % 1) - 1)
        if R.random() < 0.4:
            wave = np.sign(wave)
    elif kind == 'noise':
        wave = _fade(_noise(n, R, R.choice(['white', 'pink', 'band'])))
    elif kind == 'knock':
        count, gap, wave, at = R.randint(1, 4), R.uniform(0.12, 0.4), np.zeros(int(2.2 * RATE)), 0
        pitch, decay, spans = R.uniform(90, 500), R.uniform(25, 80), []
        for _ in range(count):
            length = int(0.12 * RATE)
            u = np.arange(length) / RATE
            hit = np.exp(-decay * u) * (np.sin(2 * np.pi * pitch * u) + R.uniform(0.2, 0.8) * _noise(length, R, 'white') * np.exp(-200 * u))
            wave[at : at + length] += hit
            spans.append((at, at + length, -1))
            at += int(gap * R.uniform(0.9, 1.1) * RATE)
        return wave[: spans[-1][1]], 0, spans
    else:
        assert kind == 'bell', kind
        base, decay = R.uniform(350, 1500), R.uniform(2.0, 7.0)
        partials = [(1, 1), (2.0, 0.6), (2.76, 0.45), (4.07, 0.25), (5.4, 0.3)]
        wave = sum(a * np.exp(-decay * (0.6 + 0.4 * r) * t) * np.sin(2 * np.pi * base * r * R.uniform(0.99, 1.01) * t) for r, a in partials)
    return wave, 0, [(0, len(wave), -1)]


def draw_sound(bank, R, kind=None, clean=False):
    """A sound of the kind (drawn, two of three voices, when None), with what lies around it: silence, noise, an echo, a level."""
    kind = kind or ('voice' if R.random() < 0.68 else R.choice(SOUNDS[1:]))
    words, beeps, spans = [], 0, []
    if kind == 'silence':
        wave = np.zeros(int(R.uniform(0.3, 3) * RATE))
    elif kind == 'voice':
        wave, words, spans = _draw_speech(bank, R)
    else:
        wave, beeps, spans = draw_noise_maker(kind, R)
    speed = 1.0 if clean else R.uniform(0.93, 1.08)
    wave = np.interp(np.arange(0, len(wave) - 1, speed), np.arange(len(wave)), wave)
    before = int(R.choice([0.02, 0.06, 0.1, 0.2, R.uniform(0, 1.2)]) * RATE)
    behind = int(R.choice([0.02, 0.06, 0.1, 0.2, R.uniform(0, 0.8)]) * RATE)
    wave = np.concatenate([np.zeros(before), wave, np.zeros(behind)])
    spans = [(before + a / speed, before + b / speed, word) for a, b, word in spans]
    if not clean and R.random() < 0.3:
        tail = int(R.uniform(0.05, 0.35) * RATE)
        echo = _noise(tail, R, 'white') * np.exp(-np.linspace(0, 6, tail)) * R.uniform(0.02, 0.12)
        echo[0] = 1
        wave = fftconvolve(wave, echo)[: len(wave)]
    level = np.sqrt(np.mean(wave[wave != 0] ** 2)) if kind != 'silence' else 1.0
    wave = wave / level * 0.1
    if R.random() < (0.3 if clean else 0.75):  # at least some of the sounds come without any noise
        ratio = R.uniform(17, 45) if kind != 'noise' else R.uniform(25, 45)
        wave = wave + _noise(len(wave), R, R.choice(['white', 'pink', 'band'])) * 0.1 * 10 ** (-ratio / 20)
    wave = wave * 10 ** (R.uniform(-16, 6) / 20)
    return Sound(np.clip(wave, -1, 1).astype(np.float32), kind, words, beeps, spans)


def _draw_speech(bank, R):
    """One word, or two: a colour and a kind in one breath, or any two with a pause. Of a breath the border is where the words
    spoken alone would put it."""
    chance = R.random()
    if chance < 0.15:
        words = [R.choice(COLORS), R.choice(KINDS)]
        wave = bank.utterance(' '.join(words), R)
        lengths = [len(bank.utterance(word, R)) for word in words]
        border = len(wave) * lengths[0] / sum(lengths)
        return wave, words, [(0, border, WORDS.index(words[0])), (border, len(wave), WORDS.index(words[1]))]
    if chance < 0.75:
        word = R.choice(WORDS)
        wave = bank.utterance(word, R)
        return wave, [word], [(0, len(wave), WORDS.index(word))]
    words = R.sample(WORDS, 2)
    first, second = (bank.utterance(word, R) for word in words)
    pause = int(R.uniform(0.08, 0.4) * RATE)
    at = len(first) + pause
    spans = [(0, len(first), WORDS.index(words[0])), (at, at + len(second), WORDS.index(words[1]))]
    return np.concatenate([first / (first.std() + 1e-6), np.zeros(pause), second / (second.std() + 1e-6)]) * 0.1, words, spans


if __name__ == '__main__':
    write_bank(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 60)
