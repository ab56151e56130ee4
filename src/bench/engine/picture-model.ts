/** A model that sees, made of a decoder that is there and a tower and a projector of random weights: a checkpoint in VILA's layout. */
import { link, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { modelConfig } from '../../../models/load-config.ts'
import { modelInitialisers } from '../../engine/backends/model-files.ts'
import { writeRandomWeights } from '../random-checkpoint.ts'
import { type DecoderShape, type TowerShape, vilaConfig } from '../random-configs.ts'

const SEEING = ['vision_tower', 'mm_projector'] as const
/** Stands for a picture; of the decoder's own vocabulary, which no text has. */
const IMAGE_TOKEN = '<image>'
const IMAGE_TOKEN_FROM = '<unused511>'

export interface PictureModel {
  /** A checkpoint that {@link DecoderShape} was written as. */
  readonly checkpoint: string
  readonly decoder: DecoderShape
  readonly tower: TowerShape
}

/** The decoder's weights are the very files of its checkpoint. */
export async function writePictureModel(
  folder: string,
  { checkpoint, decoder, tower }: PictureModel,
): Promise<void> {
  const config = vilaConfig(decoder, tower)
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'config.json'), JSON.stringify(config))
  const llm = join(folder, 'llm')
  await mkdir(llm)
  for (const name of await readdir(checkpoint)) {
    if (name !== 'tokenizer.json') await link(join(checkpoint, name), join(llm, name))
  }
  const tokenizer = await readFile(join(checkpoint, 'tokenizer.json'), 'utf8')
  await writeFile(join(llm, 'tokenizer.json'), withImageToken(tokenizer))
  // Published towers have their last layer too, which is not run.
  const whole = { ...config, mm_vision_select_layer: -1 }
  const initialisers = modelInitialisers(await modelConfig(whole, 'config.json'))
  const parts = {
    vision_tower: config['vision_tower_cfg'],
    mm_projector: config['mm_projector_cfg'],
  }
  for (const part of SEEING) {
    const path = join(folder, part)
    await mkdir(path)
    await writeFile(join(path, 'config.json'), JSON.stringify(parts[part]))
    const tensors = [...initialisers.values()]
      .filter(({ name, derived }) => !derived && name.startsWith(`${part}.`))
      .map(({ name, shape }) => ({ name: name.slice(part.length + 1), shape }))
    await writeRandomWeights(path, tensors)
  }
}

/** One of the tokens that no text has becomes the picture's. */
function withImageToken(tokenizer: string): string {
  const parsed = JSON.parse(tokenizer) as {
    readonly added_tokens: object[]
    readonly model: { readonly vocab: Record<string, number> }
  }
  const { vocab } = parsed.model
  const id = vocab[IMAGE_TOKEN_FROM]
  if (id === undefined) throw new Error(`the tokenizer has no ${IMAGE_TOKEN_FROM}`)
  delete vocab[IMAGE_TOKEN_FROM]
  vocab[IMAGE_TOKEN] = id
  const asWritten = { single_word: false, lstrip: false, rstrip: false, normalized: false }
  parsed.added_tokens.push({ id, content: IMAGE_TOKEN, special: true, ...asWritten })
  return JSON.stringify(parsed)
}
