"""Cheap changes to pixels that leave every label true: light, colour cast, softness, noise."""

import torch
from torch.nn import functional as F


def augment(pixels, R):
    """pixels [B, 3, 160, 160] in -1…1."""
    batch = len(pixels)
    pixels = pixels * (torch.rand(batch, 1, 1, 1) * 0.2 + 0.88) + (torch.rand(batch, 3, 1, 1) - 0.5) * 0.08
    if R.random() < 0.15:
        pixels = F.avg_pool2d(F.pad(pixels, (1, 1, 1, 1), mode='replicate'), 3, 1) * 0.6 + pixels * 0.4
    if R.random() < 0.4:
        pixels = pixels + torch.randn_like(pixels) * (torch.rand(batch, 1, 1, 1) * 0.06)
    return pixels.clamp(-1, 1)
