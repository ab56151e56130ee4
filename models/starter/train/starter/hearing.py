"""The sound tower: Whisper's encoder on short windows, pooled, and a projector into the decoder's width."""

import torch
from torch import nn
from torch.nn import functional as F


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width, bias=False)
        self.v_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, x):  # [B, N, D] -> [B, N, D]
        batch, tokens, width = x.shape
        q, k, v = (
            proj(x).view(batch, tokens, self.heads, -1).transpose(1, 2) for proj in (self.q_proj, self.k_proj, self.v_proj)
        )
        attended = F.scaled_dot_product_attention(q, k, v)
        return self.out_proj(attended.transpose(1, 2).reshape(batch, tokens, width))


class Layer(nn.Module):
    def __init__(self, width, heads, hidden, eps):
        super().__init__()
        self.self_attn_layer_norm = nn.LayerNorm(width, eps)
        self.self_attn = Attention(width, heads)
        self.final_layer_norm = nn.LayerNorm(width, eps)
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x):
        x = x + self.self_attn(self.self_attn_layer_norm(x))
        return x + self.fc2(F.gelu(self.fc1(self.final_layer_norm(x))))


class SoundTower(nn.Module):
    """log-mel [B, bins, frames] of a window -> [B, frames / 2 / pooling, D]; training also shows it shorter windows."""

    def __init__(self, config):
        super().__init__()
        width, eps = config['hidden_size'], config['layer_norm_eps']
        self.pooling = config['pooling']
        self.conv1 = nn.Conv1d(config['num_mel_bins'], width, 3, padding=1)
        self.conv2 = nn.Conv1d(width, width, 3, stride=2, padding=1)
        self.embed_positions = nn.Embedding(config['window_frames'] // 2, width)
        nn.init.normal_(self.embed_positions.weight, std=0.05)  # no louder than what the convolutions hear
        for convolution in (self.conv1, self.conv2):
            nn.init.kaiming_normal_(convolution.weight, nonlinearity='relu')
        self.layers = nn.ModuleList(
            Layer(width, config['num_attention_heads'], config['intermediate_size'], eps)
            for _ in range(config['num_hidden_layers'])
        )
        self.layer_norm = nn.LayerNorm(width, eps)

    def stages(self, mel):
        """Every intermediate result by name, in order; `pooled` is the last."""
        out = {'conv1': F.gelu(self.conv1(mel))}
        out['conv2'] = F.gelu(self.conv2(out['conv1'])).transpose(1, 2)
        x = out['conv2'] + self.embed_positions.weight[: out['conv2'].shape[1]]
        for number, layer in enumerate(self.layers):
            x = out[f'layer{number}'] = layer(x)
        out['normed'] = self.layer_norm(x)
        batch, positions, width = x.shape
        out['pooled'] = out['normed'].reshape(batch, positions // self.pooling, self.pooling, width).mean(2)
        return out

    def forward(self, mel):
        return self.stages(mel)['pooled']


def build_projector(tower, hidden, width):
    return nn.Sequential(nn.Linear(tower['hidden_size'], hidden), nn.GELU(), nn.Linear(hidden, width))


def tokens_of_window(tower):
    return tower['window_frames'] // 2 // tower['pooling']
