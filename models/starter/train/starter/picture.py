"""From a picture of any shape to the model's pixels: pad to a square, shrink, normalise."""

import numpy as np
import torch
from PIL import Image

from .config import PICTURE

PAD_COLOUR = (122, 116, 104)


def pad_to_square(image):
    """An RGB picture on a square of its longer side, floor-centred, as Eagle does."""
    side = max(image.size)
    square = Image.new('RGB', (side, side), PAD_COLOUR)
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return square


def to_model_size(image):
    """An RGB picture of any size -> uint8 [160, 160, 3]."""
    return np.asarray(pad_to_square(image).resize((PICTURE, PICTURE), Image.Resampling.BICUBIC))


def to_pixels(batch):
    """uint8 [B, 160, 160, 3] -> float32 [B, 3, 160, 160] in -1…1."""
    tensor = torch.from_numpy(np.array(batch)).permute(0, 3, 1, 2).float()
    return (tensor / 255 - 0.5) / 0.5
