/** What `aerie bench encoder` runs: a model's whole encoder as a server has it, or one of its towers alone. */
import { setImmediate } from 'node:timers/promises'
import { partUpTo } from '../../models/graph/part.ts'
import { layoutPictures } from '../../models/preprocessing.ts'
import { openModelFiles } from '../engine/backends/model-files.ts'
import { OnnxSession } from '../engine/backends/onnx-session.ts'
import { withPlainWeights } from '../engine/backends/plain-weights.ts'
import { encoderGraph } from '../engine/backends/tile-encoder.ts'
import { startEncoder } from '../engine/encoder.ts'
import type { EncodeRequest } from '../engine/types.ts'
import { decode } from '../media/decode.ts'
import { readHeader } from '../media/header.ts'
import { preprocess } from '../media/preprocess.ts'
import type { MediaLimits } from '../media/types.ts'
import { openModelSource } from '../weights/model-source.ts'
import { type Runner, timed } from './measured-program.ts'
import { basePictures } from './pictures.ts'
import { noisePixels } from './tower-forms.ts'

export interface EncoderJob {
  readonly folder: string
  readonly threads: number
  /** Of the tower that is run alone; absent: the whole encoder, in its worker. */
  readonly stage?: string
}

/** Those of a server. */
const MOST_TILES = 8
const NO_LIMITS: MediaLimits = {
  maxImageBytes: 1e9,
  maxImagePixels: 1e9,
  maxImageSide: 1e5,
  maxAspectRatio: 1e5,
  allowSvg: false,
}

/** Pictures that come at the same time, each of a request of its own, on their way through the queue and the worker. */
export async function encoderRunner({ folder, threads }: EncoderJob): Promise<Runner> {
  const { model } = await openModelSource(folder)
  const { bytes } = (await basePictures(1))[0]!
  const encoder = await startEncoder({
    modelDir: folder,
    backend: 'onnx',
    threads,
    cacheBytes: 0,
    maxBatch: MOST_TILES,
    maxWaiting: Number.MAX_SAFE_INTEGER,
    logger: console,
  })
  let number = 0
  const prepare = async (): Promise<EncodeRequest> => {
    const preprocessing = model.preprocessing!
    const header = await readHeader(bytes, NO_LIMITS, 'picture')
    const [layout] = layoutPictures(preprocessing, [{ size: header, detail: 'auto' }])
    const { picture } = await decode(bytes, header, NO_LIMITS, 'picture', preprocessing.alpha)
    const { pixels } = preprocess(picture, preprocessing, layout)
    return { key: String(number++), pixels, layout: layout! }
  }
  return async (pictures) => {
    const requests: EncodeRequest[] = []
    const prepared = await timed(async () => {
      for (let i = 0; i < pictures; i++) requests.push(await prepare())
    })
    // Whatever preparing left to do is not the towers' time.
    await setImmediate()
    const before = encoder.stats().runs
    const signal = new AbortController().signal
    const { seconds, cpuSeconds } = await timed(() =>
      Promise.all(requests.map((request) => encoder.encode(request, signal))),
    )
    const runs = encoder.stats().runs - before
    return { seconds, cpuSeconds, prepareSeconds: prepared.seconds / pictures, runs }
  }
}

/** Tiles in one run of a tower alone, of noise. */
export async function towerRunner({ folder, threads }: EncoderJob, stage: string): Promise<Runner> {
  const files = await openModelFiles(folder)
  await using _checkpoint = files.checkpoint
  const graph = partUpTo(encoderGraph(files), stage)
  const session = await withPlainWeights(graph, files, (tensors) =>
    OnnxSession.load(graph, tensors, { threads }),
  )
  const { name, value } = graph.inputs[0]!
  const [, ...tile] = value.shape as [string, ...number[]]
  return async (pictures) => {
    const dims = [pictures, ...tile]
    const data = noisePixels(dims.reduce((product, extent) => product * extent))
    const { seconds, cpuSeconds } = await timed(() =>
      session.run({ [name]: { data, dims } }, [stage]),
    )
    return { seconds, cpuSeconds }
  }
}
