"""Cheap changes to pixels that leave every label true: light, colour cast, softness, noise, a slight warp."""

import torch
from torch.nn import functional as F


def augment(pixels, R):
    """pixels [B, 3, 160, 160] in -1…1."""
    batch, device = len(pixels), pixels.device
    if R.random() < 0.5:
        pixels = warp(pixels, R.uniform(0.5, 2.5))
    pixels = pixels * (torch.rand(batch, 1, 1, 1, device=device) * 0.2 + 0.88) + (torch.rand(batch, 3, 1, 1, device=device) - 0.5) * 0.08
    if R.random() < 0.15:
        pixels = F.avg_pool2d(F.pad(pixels, (1, 1, 1, 1), mode='replicate'), 3, 1) * 0.6 + pixels * 0.4
    if R.random() < 0.4:
        pixels = pixels + torch.randn_like(pixels) * (torch.rand(batch, 1, 1, 1, device=device) * 0.06)
    return pixels.clamp(-1, 1)


def warp(pixels, reach):
    """Bends pictures smoothly by up to about `reach` pixels, an eighth of a cell: other letters and shapes in the same places."""
    size = pixels.shape[-1]
    bend = F.interpolate(torch.randn(len(pixels), 2, 6, 6, device=pixels.device), size=(size, size), mode='bicubic', align_corners=True)
    still = F.affine_grid(torch.eye(2, 3, device=pixels.device).expand(len(pixels), 2, 3), pixels.shape, align_corners=False)
    grid = still + bend.permute(0, 2, 3, 1) * (reach / size)
    return F.grid_sample(pixels, grid, padding_mode='border', align_corners=False)
