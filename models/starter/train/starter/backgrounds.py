"""Backgrounds of the skia renderer: plain, gradient, stripes, checker, noise, photo-like. Arrays float32 [H, W, 3]."""

import cv2
import numpy as np

STYLES = ['plain', 'gradient', 'stripes', 'checker', 'noise', 'photo']
WEIGHTS = [0.28, 0.24, 0.1, 0.08, 0.12, 0.18]


def low_frequency(rng, height, width, cells, strength):
    """Smooth colour noise: a few random cells a side, enlarged."""
    seed = rng.normal(0, strength, (cells, cells, 3)).astype(np.float32)
    return cv2.resize(seed, (width, height), interpolation=cv2.INTER_CUBIC)


def paint_background(colour, height, width, R, rng):
    """A background that still reads as `colour` (RGB) everywhere."""
    base = np.array(colour, np.float32) + rng.integers(-9, 10, 3)
    image = np.broadcast_to(base, (height, width, 3)).copy()
    style = R.choices(STYLES, WEIGHTS)[0]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / max(height, width)
    x, y = x - x[0, -1] / 2, y - y[-1, 0] / 2
    if style in ('gradient', 'photo'):
        angle = rng.uniform(0, 2 * np.pi)
        image += ((np.cos(angle) * x + np.sin(angle) * y) * rng.uniform(-60, 60))[..., None]
    if style == 'stripes':
        angle, frequency = rng.uniform(0, np.pi), rng.uniform(4, 14)
        wave = np.sin((np.cos(angle) * x + np.sin(angle) * y) * frequency * 2 * np.pi)
        image += ((wave > 0) * rng.uniform(-20, 20))[..., None]
    elif style == 'checker':
        cells = int(rng.integers(4, 14))
        image += ((np.floor(x * cells) + np.floor(y * cells)) % 2 * rng.uniform(-20, 20))[..., None]
    elif style == 'noise':
        image += low_frequency(rng, height, width, int(rng.integers(6, 40)), 9)
    elif style == 'photo':
        image += low_frequency(rng, height, width, int(rng.integers(2, 6)), 8)
        for _ in range(rng.integers(0, 5)):  # soft blobs, as out-of-focus things behind
            cx, cy, spread = rng.uniform(-0.5, 0.5), rng.uniform(-0.5, 0.5), rng.uniform(0.004, 0.05)
            blob = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / spread)
            image += blob[..., None] * rng.normal(0, 9, 3).astype(np.float32)
        image *= (1 - rng.uniform(0, 0.35) * (x**2 + y**2))[..., None]
    return np.clip(image, 0, 255)
