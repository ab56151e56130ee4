/** The models that are measured, made once into a folder and taken from it afterwards. */
import { access, copyFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { checkpointForm } from '../../import/checkpoint-form.ts'
import type { QuantiseOptions } from '../../quantise/methods.ts'
import { ModelQuantiser } from '../../quantise/model-quantiser.ts'
import { QUANTISER_VERSION } from '../../quantise/version.ts'
import { readGguf } from '../../weights/gguf.ts'
import { hubConfig } from '../../weights/gguf-config.ts'
import { openModelSource } from '../../weights/model-source.ts'
import { type TensorToStore, writeSafetensors } from '../../weights/safetensors-writer.ts'
import { writeRandomCheckpoint } from '../random-checkpoint.ts'
import { type DecoderShape, decoderConfig, type TowerShape } from '../random-configs.ts'
import { runToEnd } from './engine-process.ts'
import { convertProgram, type Peer, peerProgram } from './peers.ts'
import { writePictureModel } from './picture-model.ts'

/** Random weights in the hub's layout. */
export async function checkpointOf(
  cache: string,
  name: string,
  shape: DecoderShape,
): Promise<string> {
  return await once(join(cache, name, 'checkpoint'), async (folder) => {
    await writeRandomCheckpoint(folder, decoderConfig(shape))
  })
}

/** The decoder of a checkpoint with a tower before it, beside it. */
export async function seeingOf(
  checkpoint: string,
  decoder: DecoderShape,
  tower: TowerShape,
): Promise<string> {
  return await once(join(checkpoint, '../seeing'), async (folder) => {
    await writePictureModel(folder, { checkpoint, decoder, tower })
  })
}

/**
 * As `aerie import --quantize` writes it, without its measurement and its manifest, and made anew when another version of the
 * quantiser made it. What is rounded by `gptq` needs a tokenizer, of a folder or a GGUF file.
 */
export async function quantised(
  checkpoint: string,
  form: QuantiseOptions,
  { name = 'aerie', tokenizer }: { readonly name?: string; readonly tokenizer?: string } = {},
): Promise<string> {
  const folder = join(checkpoint, `../${name}-${formName(form)}`)
  if ((await quantiserOf(folder)) !== QUANTISER_VERSION)
    await rm(folder, { recursive: true, force: true })
  return await once(folder, async (folder) => {
    await writeFile(join(folder, MADE_BY), JSON.stringify({ quantiser: QUANTISER_VERSION }))
    await using quantiser = await ModelQuantiser.open(checkpoint, {
      ...form,
      scratch: folder,
      identity: checkpoint,
      ...(tokenizer !== undefined && { tokenizer }),
    })
    const { smallFiles, config, weights } = await checkpointForm(checkpoint)
    const read = await config()
    for (const { path, source } of [...(await smallFiles(read)), ...(await weights(read)).files]) {
      await mkdir(dirname(join(folder, path)), { recursive: true })
      if (quantiser.changes(path)) await quantiser.write(path, join(folder, path))
      else await copyFile(source, join(folder, path))
    }
  })
}

/** In the folder of a quantised model: the version that made it. */
const MADE_BY = 'made-by.json'

/** The version of the quantiser that made a folder; of one that does not say, and of none, the first. */
async function quantiserOf(folder: string): Promise<number> {
  const path = join(folder, MADE_BY)
  if (!(await isThere(path))) return 1
  return (JSON.parse(await readFile(path, 'utf8')) as { readonly quantiser: number }).quantiser
}

export function formName({ method, group, rounding }: QuantiseOptions): string {
  return `${method}-${group}${rounding === 'gptq' ? '-gptq' : ''}`
}

/** The weights of a GGUF file widened to float32, in the hub's layout; without a tokenizer. */
export async function widened(cache: string, gguf: string): Promise<string> {
  return await once(join(cache, basename(gguf), 'checkpoint'), async (folder) => {
    const config = hubConfig(await readGguf(gguf), undefined)
    await writeFile(join(folder, 'config.json'), JSON.stringify(config))
    await using weights = await (await openModelSource(gguf)).openWeights()
    const tensors: TensorToStore[] = []
    for (const tensor of weights.tensors.values()) {
      const { name, shape } = tensor
      tensors.push({ name, shape, dtype: 'F32', values: await weights.readFloats(tensor) })
    }
    await writeSafetensors(join(folder, 'model.safetensors'), tensors)
  })
}

export interface ConvertOptions {
  readonly python: string
  readonly limitMs: number
}

/** As the peer's own tools write it. Rejects with EngineFailure. */
export async function converted(
  checkpoint: string,
  peer: Peer,
  { python, limitMs }: ConvertOptions,
): Promise<string> {
  return await once(join(checkpoint, '..', peer), async (folder) => {
    await runToEnd(convertProgram(python, peer, checkpoint, folder), limitMs)
  })
}

/** Forms in which llama.cpp's projector file is written. */
const PROJECTOR_FORMS = ['q8_0', 'f16'] as const

/** A projector file of llama.cpp, in several forms, of a checkpoint of {@link seeingOf}. Rejects with EngineFailure. */
export async function projectorsOf(
  seeing: string,
  { python, limitMs }: ConvertOptions,
): Promise<{ readonly path: string; readonly form: string }[]> {
  const folder = await once(join(seeing, '../llama.cpp-projector'), async (folder) => {
    for (const form of PROJECTOR_FORMS) {
      const args = ['to_mmproj.py', seeing, join(folder, `${form}.gguf`), form] as const
      await runToEnd(peerProgram(python, `llama.cpp, projector in ${form}`, args), limitMs)
    }
  })
  return PROJECTOR_FORMS.map((form) => ({
    path: join(folder, `${form}.gguf`),
    form: form.toUpperCase(),
  }))
}

/** Nothing has the name before it is whole. */
async function once(folder: string, make: (folder: string) => Promise<void>): Promise<string> {
  if (await isThere(folder)) return folder
  const partial = `${folder}.partial`
  await rm(partial, { recursive: true, force: true })
  await mkdir(partial, { recursive: true })
  await make(partial)
  await rename(partial, folder)
  return folder
}

async function isThere(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    return false
  }
}
