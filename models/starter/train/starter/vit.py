"""Tower 0: a small vision transformer that sees the whole picture at half resolution."""

import torch
from torch import nn
from torch.nn import functional as F


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, x):  # [B, N, D] -> [B, N, D]
        batch, tokens, width = x.shape
        q, k, v = (
            proj(x).view(batch, tokens, self.heads, -1).transpose(1, 2)
            for proj in (self.q_proj, self.k_proj, self.v_proj)
        )
        attended = F.scaled_dot_product_attention(q, k, v)
        return self.out_proj(attended.transpose(1, 2).reshape(batch, tokens, width))


class Mlp(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    def __init__(self, width, heads, hidden, eps):
        super().__init__()
        self.layer_norm1 = nn.LayerNorm(width, eps)
        self.self_attn = Attention(width, heads)
        self.layer_norm2 = nn.LayerNorm(width, eps)
        self.mlp = Mlp(width, hidden)

    def forward(self, x):
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class Vit(nn.Module):
    """pixels [B, 3, 160, 160] -> tokens [B, 100, D], row-major."""

    def __init__(self, config):
        super().__init__()
        width, patch, eps = config['hidden_size'], config['patch_size'], config['layer_norm_eps']
        self.patch_embedding = nn.Conv2d(3, width, patch, stride=patch)
        self.position_embedding = nn.Parameter(
            torch.randn((config['image_size'] // patch) ** 2, width) * 0.02
        )
        self.layers = nn.ModuleList(
            Block(width, config['num_attention_heads'], config['intermediate_size'], eps)
            for _ in range(config['num_hidden_layers'])
        )
        self.post_layernorm = nn.LayerNorm(width, eps)

    def forward(self, pixels):
        half = F.avg_pool2d(pixels, 2)
        x = self.patch_embedding(half).flatten(2).transpose(1, 2) + self.position_embedding
        for layer in self.layers:
            x = layer(x)
        return self.post_layernorm(x)
