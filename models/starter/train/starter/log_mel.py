"""Sound -> log-mel spectrogram as transformers' `WhisperFeatureExtractor` computes it (80 Slaney bins, hop 160, window 400)."""

import math

import numpy as np
import torch

RATE = 16_000
HOP, WINDOW = 160, 400


def _slaney_filters(bins):
    """[bins, 201]: triangles on the Slaney mel scale, each of area one."""
    step, bend, log_step = 200 / 3, 15.0, math.log(6.4) / 27
    to_mel = lambda f: f / step if f < 1000 else bend + math.log(f / 1000) / log_step
    mels = np.linspace(0, to_mel(RATE / 2), bins + 2)
    edges = np.where(mels < bend, mels * step, 1000 * np.exp(log_step * (mels - bend)))
    frequencies = np.linspace(0, RATE / 2, WINDOW // 2 + 1)
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (frequencies - low) / (centre - low), (high - frequencies) / (high - centre)
    return np.maximum(0, np.minimum(rising, falling)) * (2 / (high - low))


FILTERS = torch.from_numpy(_slaney_filters(80)).float()
HANN = torch.hann_window(WINDOW)


def log_mel(samples, frames):
    """Mono samples at 16 kHz (numpy, -1…1) and silence behind them -> float32 [80, frames], scaled by the loudest value."""
    padded = np.zeros(frames * HOP, np.float32)
    padded[: len(samples)] = samples
    spectrum = torch.stft(torch.from_numpy(padded), WINDOW, HOP, window=HANN, return_complex=True)[..., :-1]
    mel = (FILTERS @ spectrum.abs().pow(2)).clamp_min(1e-10).log10()
    return (torch.maximum(mel, mel.max() - 8) + 4) / 4


def windows_of(samples, tower):
    """Samples -> (log-mel [windows, bins, window_frames], tokens that are kept of all windows)."""
    size = tower['window_frames']
    frames = max(1, -(-len(samples) // HOP))
    count = -(-frames // size)
    if count > tower['max_windows']:
        raise ValueError(f'{len(samples) / RATE:.1f} s of sound, at most {tower["max_windows"] * size * HOP / RATE:.2f} s')
    mel = log_mel(samples, count * size)
    return mel.reshape(len(mel), count, size).transpose(0, 1), -(-frames // (2 * tower['pooling']))
