"""The language model: a Llama decoder with grouped queries and half-split rope, named as on the Hugging Face hub."""

import torch
from torch import nn
from torch.nn import functional as F


def rope_tables(positions, head_dim, theta):
    """positions [B, T] -> cos, sin [B, 1, T, head_dim/2]."""
    inverse = theta ** (-torch.arange(0, head_dim, 2, dtype=torch.float32, device=positions.device) / head_dim)
    angles = positions[:, None, :, None].float() * inverse
    return angles.cos(), angles.sin()


def rotate(x, cos, sin):
    first, second = x.chunk(2, -1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.heads, self.kv_heads, self.head_dim = c['num_attention_heads'], c['num_key_value_heads'], c['head_dim']
        width = c['hidden_size']
        self.q_proj = nn.Linear(width, self.heads * self.head_dim, bias=False)
        self.k_proj = nn.Linear(width, self.kv_heads * self.head_dim, bias=False)
        self.v_proj = nn.Linear(width, self.kv_heads * self.head_dim, bias=False)
        self.o_proj = nn.Linear(self.heads * self.head_dim, width, bias=False)

    def forward(self, x, rope, mask, first_query):
        """x [B, T, D], mask [B, 1, T, T] additive -> [B, T - first_query, D]."""
        batch, tokens, _ = x.shape
        cos, sin = rope
        split = lambda y, heads: y.view(batch, -1, heads, self.head_dim).transpose(1, 2)
        q = split(self.q_proj(x[:, first_query:]), self.heads)
        q = rotate(q, cos[:, :, first_query:], sin[:, :, first_query:])
        k = rotate(split(self.k_proj(x), self.kv_heads), cos, sin)
        v = split(self.v_proj(x), self.kv_heads)
        repeat = self.heads // self.kv_heads
        k, v = k.repeat_interleave(repeat, 1), v.repeat_interleave(repeat, 1)
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, :, first_query:])
        return self.o_proj(attended.transpose(1, 2).reshape(batch, tokens - first_query, -1))


class Mlp(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.gate_proj = nn.Linear(c['hidden_size'], c['intermediate_size'], bias=False)
        self.up_proj = nn.Linear(c['hidden_size'], c['intermediate_size'], bias=False)
        self.down_proj = nn.Linear(c['intermediate_size'], c['hidden_size'], bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.input_layernorm = nn.RMSNorm(c['hidden_size'], c['rms_norm_eps'])
        self.self_attn = Attention(c)
        self.post_attention_layernorm = nn.RMSNorm(c['hidden_size'], c['rms_norm_eps'])
        self.mlp = Mlp(c)

    def forward(self, x, rope, mask, first_query=0):
        x = x[:, first_query:] + self.self_attn(self.input_layernorm(x), rope, mask, first_query)
        return x + self.mlp(self.post_attention_layernorm(x))


class Decoder(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.head_dim, self.theta = c['head_dim'], c['rope_theta']
        self.embed_tokens = nn.Embedding(c['vocab_size'], c['hidden_size'])
        self.layers = nn.ModuleList(Layer(c) for _ in range(c['num_hidden_layers']))
        self.norm = nn.RMSNorm(c['hidden_size'], c['rms_norm_eps'])

    def forward(self, x, positions, mask, first_query=0):
        """Embeddings [B, T, D] -> hidden states of the tokens from `first_query` on (the last layer skips the rest)."""
        rope = rope_tables(positions, self.head_dim, self.theta)
        self.layer_inputs = []  # for `attending.pointing_loss`
        for layer in self.layers[:-1]:
            self.layer_inputs.append(x)
            x = layer(x, rope, mask)
        self.layer_inputs.append(x)
        return self.norm(self.layers[-1](x, rope, mask, first_query))

    def logits(self, hidden):
        return F.linear(hidden, self.embed_tokens.weight)
