"""The model's shape, kept in the form of `config.json` so that training and serving read the same numbers."""

import json
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2]  # models/starter

SPECIAL_TOKENS = [
    '<pad>', '<s>', '<image>', '<|system|>', '<|user|>', '<|assistant|>', '<|end|>',
    # Kept free for later work on the same weights: other media, pictures as output, experts, tools.
    '<|audio|>', '<|frame|>', '<|time|>', '<|draw|>', '<|code|>', '<|expert|>', '<|tool|>', '<|result|>',
    *[f'<|reserved_{i}|>' for i in range(16)],
]
PAD, BOS, IMAGE, SYSTEM, USER, ASSISTANT, END, AUDIO = range(8)

GRID = 10  # cells a side, the resolution at which both towers meet
PICTURE = 160  # pixels a side of the padded square


def build_config(
    vit=(128, 4, 4, 512),
    kernel_size=7,
    convnext=((48, 96, 160), (2, 4, 4)),
    projector=384,
    text=(256, 512, 5, 8, 4),
    vocab_size=2048,
    audio=(128, 3, 4, 512),
    audio_projector=384,
    window_frames=512,
):
    """The `config.json` of a starter model; the defaults are the shipped one, tests pass smaller ones.

    vit: (width, layers, heads, intermediate); convnext: (widths, depths);
    text: (width, intermediate, layers, heads, KV heads); audio: (width, layers, heads, intermediate),
    or None for a model without ears.
    """
    hidden, intermediate, layers, heads, kv_heads = text
    config = {
        'model_type': 'aerie_starter',
        'architectures': ['AerieStarterForConditionalGeneration'],
        'torch_dtype': 'float16',
        'image_size': PICTURE,
        'image_aspect_ratio': 'pad',
        'image_pad_color': [122, 116, 104],
        'image_mean': [0.5, 0.5, 0.5],
        'image_std': [0.5, 0.5, 0.5],
        'resample': 'bicubic',
        'image_token': '<image>',
        'image_token_id': IMAGE,
        'tokens_per_image': GRID * GRID,
        'vision_towers': [
            {
                'type': 'vit',
                'image_size': PICTURE // 2,
                'patch_size': 8,
                'hidden_size': vit[0],
                'num_hidden_layers': vit[1],
                'num_attention_heads': vit[2],
                'intermediate_size': vit[3],
                'layer_norm_eps': 1e-6,
            },
            {
                'type': 'convnext',
                'image_size': PICTURE,
                'patch_size': 4,
                'kernel_size': kernel_size,
                'hidden_sizes': list(convnext[0]),
                'depths': list(convnext[1]),
                'layer_norm_eps': 1e-6,
            },
        ],
        'mm_projector_type': 'mlp2x_gelu',
        'projector_hidden_size': projector,
        'text_config': {
            'model_type': 'llama',
            'hidden_size': hidden,
            'intermediate_size': intermediate,
            'num_hidden_layers': layers,
            'num_attention_heads': heads,
            'num_key_value_heads': kv_heads,
            'head_dim': hidden // heads,
            'rms_norm_eps': 1e-5,
            'rope_theta': 1000000.0,
            'hidden_act': 'silu',
            'vocab_size': vocab_size,
            'max_position_embeddings': 2048,
            'tie_word_embeddings': True,
            'bos_token_id': BOS,
            'eos_token_id': END,
            'pad_token_id': PAD,
        },
    }
    return config if audio is None else config | _ears(audio, audio_projector, window_frames)


def _ears(audio, projector, window_frames):
    width, layers, heads, intermediate = audio
    return {
        'audio_token': SPECIAL_TOKENS[AUDIO],
        'audio_token_id': AUDIO,
        'audio_tower': {
            'type': 'whisper_encoder',
            'num_mel_bins': 80,
            'window_frames': window_frames,
            'hidden_size': width,
            'num_hidden_layers': layers,
            'num_attention_heads': heads,
            'intermediate_size': intermediate,
            'layer_norm_eps': 1e-5,
            'pooling': 4,
            'max_windows': 4,
        },
        'audio_projector_hidden_size': projector,
    }


def read_config(folder=FOLDER):
    return json.loads((Path(folder) / 'config.json').read_text())


def write(folder=FOLDER):
    """Writes config.json and generation_config.json."""
    generation = {'bos_token_id': BOS, 'eos_token_id': END, 'pad_token_id': PAD, 'do_sample': False, 'max_new_tokens': 256}
    (folder / 'config.json').write_text(json.dumps(build_config(), indent=2) + '\n')
    (folder / 'generation_config.json').write_text(json.dumps(generation, indent=2) + '\n')


if __name__ == '__main__':
    write()
