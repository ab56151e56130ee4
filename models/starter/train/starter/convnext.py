"""Tower 1: a ConvNeXt that sees the full resolution, named as in timm. Activations are NHWC throughout."""

import torch
from torch import nn
from torch.nn import functional as F

from .vit import Mlp


def patchify_conv(x, conv):
    """A convolution whose stride is its kernel, as one matrix product. x [B, H, W, C] -> [B, H/p, W/p, C']."""
    batch, height, width, channels = x.shape
    p = conv.kernel_size[0]
    patches = x.view(batch, height // p, p, width // p, p, channels).permute(0, 1, 3, 5, 2, 4)
    return F.linear(patches.reshape(batch, height // p, width // p, -1), conv.weight.flatten(1), conv.bias)


class ConvNextBlock(nn.Module):
    def __init__(self, width, kernel, eps):
        super().__init__()
        self.conv_dw = nn.Conv2d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm = nn.LayerNorm(width, eps)
        self.mlp = Mlp(width, 4 * width)
        self.gamma = nn.Parameter(torch.full((width,), 0.1))

    def forward(self, x):
        y = self.conv_dw(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return x + self.gamma * self.mlp(self.norm(y))


class Stage(nn.Module):
    def __init__(self, width_in, width, depth, kernel, eps, is_first):
        super().__init__()
        self.downsample = (
            nn.Identity()
            if is_first
            else nn.Sequential(nn.LayerNorm(width_in, eps), nn.Conv2d(width_in, width, 2, stride=2))
        )
        self.blocks = nn.Sequential(*(ConvNextBlock(width, kernel, eps) for _ in range(depth)))

    def forward(self, x):
        if not isinstance(self.downsample, nn.Identity):
            x = patchify_conv(self.downsample[0](x), self.downsample[1])
        return self.blocks(x)


class ConvNext(nn.Module):
    """pixels [B, 3, 160, 160] -> tokens [B, 100, D], row-major (stride 16)."""

    def __init__(self, config):
        super().__init__()
        widths, eps = config['hidden_sizes'], config['layer_norm_eps']
        patch = config['patch_size']
        self.stem = nn.Sequential(nn.Conv2d(3, widths[0], patch, stride=patch), nn.LayerNorm(widths[0], eps))
        self.stages = nn.Sequential(
            *(
                Stage(widths[max(0, i - 1)], width, depth, config['kernel_size'], eps, i == 0)
                for i, (width, depth) in enumerate(zip(widths, config['depths'], strict=True))
            )
        )
        self.norm = nn.LayerNorm(widths[-1], eps)

    def forward(self, pixels):
        x = self.stem[1](patchify_conv(pixels.permute(0, 2, 3, 1).contiguous(), self.stem[0]))
        return self.norm(self.stages(x)).flatten(1, 2)
