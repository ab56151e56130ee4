/**
 * Cases of PHI-S: features standardised and restored, Hadamard matrices, and a RADIO checkpoint whose adaptor speaks the
 * standardised language, as it is and with the inverse folded into its heads.
 */
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RadioConfig } from '../../models/blocks/radio-config.ts'
import { loadModelConfig } from '../../models/load-config.ts'
import { openModelFiles } from '../engine/backends/model-files.ts'
import { Checkpoint } from '../weights/checkpoint.ts'
import { hadamard } from '../weights/hadamard.ts'
import { foldInverse, type PhiS, phiOf, restore, standardise } from '../weights/phi-s.ts'
import { type TensorToStore, writeSafetensors } from '../weights/safetensors-writer.ts'
import type { ParityAdapter, ParityRun } from './adapter.ts'
import type { ComputedTensor } from './compare.ts'
import { baseName, computeTower, plainPixels } from './radio-adapter.ts'
import { readPicture } from './read-picture.ts'
import type { ReferenceCase } from './reference-case.ts'

type Tensors = Map<string, ComputedTensor>
/** `summary` and `features` in the cases; `head_mlp` and `feat_mlp` in checkpoints. */
const HEADS = [
  { output: 'summary', stored: 'summary', module: 'head_mlp' },
  { output: 'features', stored: 'feature', module: 'feat_mlp' },
] as const
/** The last layer of a head, whichever its kind. */
const LAST_LAYERS = ['final.2', 'mlp.final.2', 'fc2']

export const phiSAdapter: ParityAdapter = {
  name: 'PHI-S',
  accepts: ({ expected }) => 'phi_s_file' in expected,
  run,
}

async function run(reference: ReferenceCase, backend: string): Promise<ParityRun> {
  const { expected, checkpoint, folder } = reference
  const tensors: Tensors = new Map()
  const leftOut = addData(reference, tensors)
  for (const name of reference.tensors.keys()) {
    const size = /^hadamard(\d+)$/.exec(name)?.[1]
    if (size) tensors.set(name, { shape: [Number(size), Number(size)], values: hadamard(+size) })
  }
  const adaptor = String(expected['adaptor'])
  const phiS = await readPhiS(checkpoint, adaptor)
  const config = (await loadModelConfig(checkpoint)).config as RadioConfig
  const folded = await mkdtemp(join(tmpdir(), 'aerie-phi-s-'))
  try {
    await foldCheckpoint(checkpoint, folded, { adaptor, phiS, tensors })
    for (const [where, space] of [
      [checkpoint, 'normalised'],
      [folded, 'folded'],
    ] as const) {
      const files = await openModelFiles(where)
      await using _checkpoint = files.checkpoint
      for (const { file } of expected['images'] as { file: string }[]) {
        const picture = plainPixels(await readPicture(join(folder, 'inputs', file), 'dropped'))
        const computed = await computeTower(files, backend, config, picture)
        const name = baseName(file)
        for (const stage of ['pixel_values', 'backbone.summary', 'backbone.features'])
          tensors.set(`${name}.${stage}`, computed.get(stage)!)
        for (const { output } of HEADS) {
          const { shape, values } = computed.get(`${adaptor}.${output}`)!
          tensors.set(`${name}.${adaptor}.${output}.${space}`, { shape, values })
          if (space === 'normalised') {
            const restored = restore(values, phiS[output])
            tensors.set(`${name}.${adaptor}.${output}.inverse`, { shape, values: restored })
          }
        }
      }
    }
  } finally {
    await rm(folded, { recursive: true })
  }
  return { tensors, leftOut }
}

/** Teacher features `dataN.x`, standardised by the recorded matrix and brought back. */
function addData(
  { expected, tensors: recorded }: ReferenceCase,
  tensors: Tensors,
): Map<string, string> {
  const leftOut = new Map<string, string>()
  for (const channels of expected['data_dims'] as number[]) {
    const data = `data${channels}`
    const { shape, values: x } = recorded.get(`${data}.x`)!
    const tx = recorded.get(`${data}.w`)!.values
    leftOut.set(`${data}.x`, 'input')
    leftOut.set(`${data}.w`, 'input: its rows have the signs and order of an eigensolver')
    const rows = x.length / channels
    const mean = new Float64Array(channels)
    for (const [i, value] of x.entries()) mean[i % channels]! += value / rows
    const y = standardise(x, { mean, tx })
    tensors.set(`${data}.mean`, { shape: [channels], values: mean })
    tensors.set(`${data}.y`, { shape, values: y })
    tensors.set(`${data}.phi`, { shape: [1], values: [phiOf({ mean, tx })] })
    tensors.set(`${data}.inverse`, { shape, values: restore(y, { mean, tx }) })
  }
  return leftOut
}

type PhiSOfHeads = Readonly<Record<(typeof HEADS)[number]['output'], PhiS>>

/** How an adaptor's teacher was standardised. */
async function readPhiS(checkpoint: string, adaptor: string): Promise<PhiSOfHeads> {
  await using file = await Checkpoint.openFile(checkpoint, 'phi_s.safetensors')
  const read = async (name: string) => file.readFloats(file.tensors.get(`${adaptor}.${name}`)!)
  const [summary, features] = await Promise.all(
    HEADS.map(async ({ stored }) => ({
      mean: await read(`${stored}.mean`),
      tx: await read(`${stored}.tx`),
    })),
  )
  return { summary: summary!, features: features! }
}

/** Writes the checkpoint with the inverse folded into the adaptor's heads, and takes down their last layers. */
async function foldCheckpoint(
  checkpoint: string,
  folded: string,
  { adaptor, phiS, tensors }: { adaptor: string; phiS: PhiSOfHeads; tensors: Tensors },
): Promise<void> {
  await using source = await Checkpoint.open(checkpoint)
  const stored = new Map<string, TensorToStore>()
  for (const tensor of source.tensors.values()) {
    const { name, shape, dtype } = tensor
    const values = await source.readFloats(tensor)
    stored.set(name, { name, shape, values, dtype: dtype === 'I64' ? 'I64' : 'F32' })
  }
  for (const { output, module } of HEADS) {
    const head = `radio_model.adaptors.${adaptor}.${module}`
    const last = LAST_LAYERS.find((layer) => stored.has(`${head}.${layer}.bias`))!
    const [weight, bias] = (['weight', 'bias'] as const).map(
      (part) => stored.get(`${head}.${last}.${part}`)!,
    ) as [TensorToStore, TensorToStore]
    const layer = foldInverse({ weight: weight.values, bias: bias.values }, phiS[output])
    for (const [part, { name, shape }] of [
      ['weight', weight],
      ['bias', bias],
    ] as const) {
      stored.set(name, { name, shape, values: layer[part], dtype: 'F32' })
      tensors.set(`folded.${module}.${last}.${part}`, { shape, values: layer[part] })
    }
  }
  await writeSafetensors(join(folded, 'model.safetensors'), stored.values())
  await copyFile(join(checkpoint, 'config.json'), join(folded, 'config.json'))
}
