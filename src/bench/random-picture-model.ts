/**
 * Writes a model that sees and answers, with the shapes of a common one and random weights: towers of SigLIP-base's width and
 * 384 pixels, as whose patches a picture takes 576 positions, and a decoder of a hundred million weights. It speaks with the
 * starter's tokenizer; nobody would want to read what it says.
 */
import { randomFillSync } from 'node:crypto'
import { copyFile, mkdir, open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { loadModelConfig } from '../../models/load-config.ts'

const STARTER = new URL('../../models/starter/', import.meta.url)
const TEXT_FILES = [
  'tokenizer.json',
  'tokenizer_config.json',
  'chat_template.jinja',
  'generation_config.json',
]

export interface PictureModelShape {
  /** Of a picture as it is seen, in pixels; a multiple of 16. */
  readonly imageSize: number
  readonly layers: number
  /** A multiple of 64. */
  readonly hidden: number
}

/** Parameters: 120 million in the towers, 60 million in the decoder. */
const COMMON: PictureModelShape = { imageSize: 384, layers: 12, hidden: 768 }

/** Written over and over; odd in elements, so that no two rows are alike. */
const BLOCK_ELEMENTS = 4 * 2 ** 20 - 1

/** Bytes of its weights. */
export async function writeRandomPictureModel(
  folder: string,
  { imageSize, layers, hidden }: PictureModelShape = COMMON,
): Promise<number> {
  await mkdir(folder, { recursive: true })
  const starter = JSON.parse(await readFile(new URL('config.json', STARTER), 'utf8')) as {
    readonly text_config: object
    readonly vision_towers: readonly [object, object]
  }
  const [vit, convNext] = starter.vision_towers
  const config = {
    ...starter,
    image_size: imageSize,
    tokens_per_image: (imageSize / 16) ** 2,
    vision_towers: [
      {
        ...vit,
        image_size: imageSize,
        patch_size: 16,
        hidden_size: hidden,
        num_hidden_layers: layers,
        num_attention_heads: hidden / 64,
        intermediate_size: 4 * hidden,
      },
      {
        ...convNext,
        image_size: imageSize,
        hidden_sizes: [hidden / 8, hidden / 4, hidden / 2],
        depths: [3, 3, 9],
      },
    ],
    projector_hidden_size: hidden,
    text_config: {
      ...starter.text_config,
      hidden_size: hidden,
      intermediate_size: 3 * hidden,
      num_hidden_layers: Math.max(1, Math.floor(layers / 2)),
      num_attention_heads: hidden / 64,
      num_key_value_heads: hidden / 64,
      head_dim: 64,
      max_position_embeddings: 65_536,
    },
  }
  await writeFile(join(folder, 'config.json'), JSON.stringify(config))
  for (const name of TEXT_FILES) await copyFile(new URL(name, STARTER), join(folder, name))
  return await writeWeights(folder)
}

/** Every tensor that the graphs ask for, in half precision. */
async function writeWeights(folder: string): Promise<number> {
  const { graphs, limits, family } = await loadModelConfig(folder)
  const shapes = new Map<string, readonly number[]>()
  if (family.embeddingName !== undefined)
    shapes.set(family.embeddingName, [limits.vocabSize, limits.hiddenSize])
  for (const graph of [graphs.encoder, graphs.soundEncoder, graphs.decoder])
    for (const { name, shape } of graph?.weights ?? []) shapes.set(name, shape)
  const header: Record<string, unknown> = {}
  let end = 0
  for (const [name, shape] of shapes) {
    const bytes = shape.reduce((product, extent) => product * extent, 2)
    header[name] = { dtype: 'F16', shape, data_offsets: [end, end + bytes] }
    end += bytes
  }
  const text = Buffer.from(JSON.stringify(header))
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(BigInt(text.length))
  const block = randomHalves()
  await using file = await open(join(folder, 'model.safetensors'), 'w')
  await file.writeFile(Buffer.concat([prefix, text]))
  for (let done = 0; done < end; done += block.length) {
    await file.writeFile(block.subarray(0, Math.min(block.length, end - done)))
  }
  return end
}

/** Numbers of either sign between 2⁻⁶ and 2⁻⁴: deep stacks of them neither vanish nor overflow. */
function randomHalves(): Buffer {
  const halves = randomFillSync(new Uint16Array(BLOCK_ELEMENTS))
  for (const [i, bits] of halves.entries()) {
    const exponent = 9 + ((bits >> 10) & 1)
    halves[i] = (bits & 0x83ff) | (exponent << 10)
  }
  return Buffer.from(halves.buffer)
}
