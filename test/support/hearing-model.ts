/** A starter that hears, with small ears of random weights: what is said of a sound is nonsense, and all around it is real. */
import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { family } from '../../models/aerie_starter.ts'
import {
  readSafetensors,
  safetensorsBytes,
  type TensorToWrite,
  writeSafetensors,
} from './safetensors-file.ts'
import { seededRandom } from './seeded-random.ts'

const STARTER = resolve(import.meta.dirname, '../../models/starter')

/** Windows of 0.64 s with 8 tokens each, at most 4 of them. */
export const EARS = {
  audio_token: '<|audio|>',
  audio_token_id: 7,
  audio_tower: {
    ...{ type: 'whisper_encoder', num_mel_bins: 80, window_frames: 64, hidden_size: 32 },
    ...{ num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 64 },
    ...{ layer_norm_eps: 1e-5, pooling: 4, max_windows: 4 },
  },
  audio_projector_hidden_size: 48,
}

/** Writes the folder; the caller removes it. */
export function writeHearingModel(): string {
  const folder = mkdtempSync(join(tmpdir(), 'aerie-hearing-'))
  const name = 'model.safetensors'
  const texts = ['tokenizer.json', 'tokenizer_config.json', 'chat_template.jinja']
  for (const file of [...texts, 'generation_config.json'])
    cpSync(join(STARTER, file), join(folder, file))
  const shipped = JSON.parse(readFileSync(join(STARTER, 'config.json'), 'utf8'))
  const config = { ...shipped, ...EARS }
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config))
  const shapes = safetensorsBytes(join(STARTER, name))
  const tensors: Record<string, TensorToWrite> = {}
  for (const [tensor, values] of readSafetensors(join(STARTER, name))) {
    if (!tensor.startsWith('audio_'))
      tensors[tensor] = { shape: shapes.get(tensor)!.shape, values, dtype: 'F16' }
  }
  const random = seededRandom(7)
  const { soundEncoder } = family.graphs(family.parseConfig(config))
  for (const { name: tensor, shape } of soundEncoder!.weights) {
    const size = shape.reduce((product, extent) => product * extent, 1)
    const values = Float32Array.from({ length: size }, () => (random() - 0.5) / 2)
    tensors[tensor] = { shape, values }
  }
  writeSafetensors(join(folder, name), tensors)
  return folder
}
