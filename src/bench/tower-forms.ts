/**
 * The forms in which one and the same tower is run: as PyTorch's exporter wrote it, and as this server lowers it, to ONNX
 * Runtime and to the native runtime, with the weights as they are and quantised.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readSiglipConfig, siglip } from '../../models/blocks/siglip.ts'
import { ConfigReader } from '../../models/config-reader.ts'
import { GraphBuilder } from '../../models/graph/builder.ts'
import type { Graph } from '../../models/graph/graph.ts'
import { NativeSession } from '../engine/backends/native-session.ts'
import { OnnxSession } from '../engine/backends/onnx-session.ts'
import { Checkpoint } from '../weights/checkpoint.ts'
import { seededUniform } from './random.ts'

/** The first is what the others are compared with. */
export const TOWER_FORMS = ['pytorch', 'onnx', 'onnx-int8', 'native', 'native-int8'] as const

export type TowerForm = (typeof TOWER_FORMS)[number]

export function isInt8(form: TowerForm): boolean {
  return form.endsWith('-int8')
}

export function isNative(form: TowerForm): boolean {
  return form.startsWith('native')
}

export interface TowerJob {
  readonly form: TowerForm
  /** With what `bench/peers/tower/export.py` wrote. */
  readonly folder: string
  /** File of the folder with the input, float32. */
  readonly pixels: string
  readonly pictures: number
  readonly threads: number
}

/** Pixels [pictures, 3, side, side] → features [pictures, patches, hidden]. */
export type TowerRunner = (pixels: Float32Array) => Promise<Float32Array>

export interface TowerShape {
  readonly pictures: number
  readonly imageSize: number
  readonly layers: number
  readonly hiddenSize: number
}

/** Where the quantised weights are, below the exported folder. */
export const INT8_FOLDER = 'int8'

/** Loads one form for as many runs as are wanted; the process ends it. */
export async function towerRunner(job: TowerJob): Promise<TowerRunner> {
  if (job.form === 'pytorch') return await exportedRunner(job)
  return isNative(job.form) ? await nativeRunner(job) : await onnxRunner(job)
}

/** Of an exported folder. */
export function towerShape(folder: string): TowerShape {
  const raw = readConfig(folder)
  const { imageSize, layers, hiddenSize } = readSiglipConfig(raw)
  return { pictures: raw.size('pictures'), imageSize, layers, hiddenSize }
}

/** Noise between −1 and 1, the same every time. */
export function noisePixels(count: number): Float32Array<ArrayBuffer> {
  const uniform = seededUniform()
  return Float32Array.from({ length: count }, () => 2 * uniform() - 1)
}

/** `pixels` [tiles, 3, side, side] → `features` [tiles, patches, hidden], what leaves the last layer. */
export function towerGraph(folder: string): Graph {
  const config = readSiglipConfig(readConfig(folder))
  const g = new GraphBuilder('tower')
  const pixels = g.input('pixels', ['tiles', 3, config.imageSize, config.imageSize])
  g.output('features', siglip(g, pixels, 'vision_model', config, { layers: config.layers }))
  return g.build()
}

async function openWeights({ form, folder }: TowerJob): Promise<Checkpoint> {
  return await Checkpoint.open(isInt8(form) ? join(folder, INT8_FOLDER) : folder)
}

async function nativeRunner(job: TowerJob): Promise<TowerRunner> {
  await using checkpoint = await openWeights(job)
  const { folder, pictures: tiles, threads } = job
  const session = await NativeSession.load(
    towerGraph(folder),
    { checkpoint, tensors: checkpoint.tensors },
    { threads },
  )
  return async (pixels) => {
    const features = new Float32Array(session.sizeOf('features', { tiles }))
    session.run({ dims: { tiles }, inputs: { pixels }, outputs: { features } })
    return features
  }
}

async function onnxRunner(job: TowerJob): Promise<TowerRunner> {
  await using checkpoint = await openWeights(job)
  const { folder, pictures, threads } = job
  const session = await OnnxSession.load(towerGraph(folder), checkpoint.tensors, { threads })
  const { imageSize } = towerShape(folder)
  return async (data) => {
    const dims = [pictures, 3, imageSize, imageSize]
    return (await session.run({ pixels: { data, dims } }, ['features']))['features']!
  }
}

/** As whoever has the exported file would run it: ONNX Runtime with its own settings, but for the number of threads. */
async function exportedRunner({ folder, pictures, threads }: TowerJob): Promise<TowerRunner> {
  const ort = await import('onnxruntime-node')
  const session = await ort.InferenceSession.create(join(folder, 'pytorch.onnx'), {
    intraOpNumThreads: threads,
    logSeverityLevel: 3,
  })
  const { imageSize } = towerShape(folder)
  return async (data) => {
    const pixels = new ort.Tensor('float32', data, [pictures, 3, imageSize, imageSize])
    return (await session.run({ pixels }))['features']!.data as Float32Array
  }
}

function readConfig(folder: string): ConfigReader {
  return new ConfigReader(JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')))
}
