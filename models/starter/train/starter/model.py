"""The whole model: two towers → channel concat → projector → decoder, and beside them ears: sound tower → projector.

Parameter names are the checkpoint's names. A configuration without `audio_tower` makes a model without ears.
"""

import torch
from torch import nn

from .config import BOS, GRID
from .convnext import ConvNext
from .decoder import Decoder
from .hearing import SoundTower, build_projector, tokens_of_window
from .vit import Vit


class Starter(nn.Module):
    def __init__(self, config):
        super().__init__()
        vit, convnext = config['vision_towers']
        width = config['text_config']['hidden_size']
        fused = vit['hidden_size'] + convnext['hidden_sizes'][-1]
        self.vision_towers = nn.ModuleList([Vit(vit), ConvNext(convnext)])
        self.projector = nn.Sequential(
            nn.Linear(fused, config['projector_hidden_size']),
            nn.GELU(),
            nn.Linear(config['projector_hidden_size'], width),
        )
        self.image_row_embedding = nn.Parameter(torch.randn(GRID, width) / width**0.5)
        self.image_column_embedding = nn.Parameter(torch.randn(GRID, width) / width**0.5)
        self.model = Decoder(config['text_config'])
        if 'audio_tower' in config:
            tower = config['audio_tower']
            self.audio_tower = SoundTower(tower)
            self.audio_projector = build_projector(tower, config['audio_projector_hidden_size'], width)
            self.audio_position_embedding = nn.Parameter(torch.randn(tokens_of_window(tower), width) / width**0.5)
        self.apply(_initialise)
        for layer in self.model.layers:  # residual branches start small
            layer.self_attn.o_proj.weight.data.mul_(0.3)
            layer.mlp.down_proj.weight.data.mul_(0.3)
        nn.init.normal_(self.model.embed_tokens.weight, std=width**-0.5)

    def project(self, pixels):
        """pixels [B, 3, 160, 160] -> projected cells [B, 100, D], before their position is added."""
        return self.projector(torch.cat([tower(pixels) for tower in self.vision_towers], -1))

    def place(self, cells):
        """Adds the learned two-dimensional position to projected cells [B, 100, D]."""
        position = self.image_row_embedding[:, None] + self.image_column_embedding[None]
        return cells + position.reshape(GRID * GRID, -1)

    def listen(self, mel):
        """log-mel [windows, bins, frames] -> projected tokens [windows, tokens, D], before their position is added."""
        return self.audio_projector(self.audio_tower(mel))

    def place_sound(self, heard):
        """Adds the learned position in the window to projected tokens [windows, tokens, D]."""
        return heard + self.audio_position_embedding[: heard.shape[1]]

    def hidden(self, cells, ids, positions, mask):
        """Placed cells [B, C, D] behind <s> and before text ids [B, T] -> hidden states of the text [B, T, D].

        positions [B, 1 + C + T] and mask [B, 1, 1 + C + T, 1 + C + T] (additive) cover <s>, the cells and the text. C is 100
        but for training on symbols, which leaves empty cells out to save time.
        """
        start = self.model.embed_tokens.weight[BOS].expand(len(ids), 1, -1)
        x = torch.cat([start, cells, self.model.embed_tokens(ids)], 1)
        return self.model(x, positions, mask, first_query=1 + cells.shape[1])


def _initialise(module):
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.6 * module.in_features**-0.5)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def count_parameters(model):
    return sum(p.numel() for p in model.parameters())
