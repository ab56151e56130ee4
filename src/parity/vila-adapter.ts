/**
 * Cases of VILA-1.5, and of VILA-M3's whole models: requests with pictures or frames, each stage from the pixels over tower and
 * projector to the merged prompt and the logits of ten greedy steps.
 */
import { join } from 'node:path'
import { loadModelConfig } from '../../models/load-config.ts'
import { distinctFrames } from '../../models/vila/frame-sampling.ts'
import type { Segment } from '../engine/backend.ts'
import { createBackend } from '../engine/backends/create.ts'
import { openModelFiles } from '../engine/backends/model-files.ts'
import { Tokenizer } from '../tokenizer/tokenizer.ts'
import type { ParityAdapter, ParityRun } from './adapter.ts'
import { joinFloats, loadCasePicture } from './case-pictures.ts'
import type { ComputedTensor, Fact } from './compare.ts'
import { SESSION } from './decoding.ts'
import { decodeMerged } from './merged-sequence.ts'
import { encodeRecorded } from './recorded-encoder.ts'
import type { ReferenceCase } from './reference-case.ts'

/** As both kinds of cases write them. */
export interface VilaRequest {
  readonly id: string
  readonly prompt_text: string
  readonly 'input_ids_with_-200': readonly number[]
  readonly greedy_ids: readonly number[]
}

interface PictureRequest extends VilaRequest {
  readonly image_files: readonly string[]
}

interface SamplingCase {
  readonly frames_in_file: number
  readonly num_video_frames: number
  readonly max_fps: number
  readonly video_fps?: number
  readonly indices: readonly number[]
}

/** Stands for a picture among the ids of the published code. */
const PICTURE_ID = -200

export const vilaAdapter: ParityAdapter = {
  name: 'VILA-1.5',
  accepts: ({ expected }) => expected['family'] === 'vila' && expected['generation'] === 'VILA-1.5',
  async run(reference, backend) {
    const requests = reference.expected['requests'] as PictureRequest[]
    const run = await runRequests(reference, backend, requests, (request) => request.image_files)
    return { ...run, facts: [...(run.facts ?? []), ...samplingFacts(reference)] }
  },
}

/** Every request of a model of VILA-1.5's generation. */
export async function runRequests<Request extends VilaRequest>(
  reference: ReferenceCase,
  backend: string,
  requests: readonly Request[],
  picturesOf: (request: Request) => readonly string[],
): Promise<ParityRun> {
  const { checkpoint } = reference
  const tensors = new Map<string, ComputedTensor>()
  const facts: Fact[] = []
  const { family, preprocessing, picturePrompt } = await loadModelConfig(checkpoint)
  const tokenizer = await Tokenizer.load(join(checkpoint, family.textFolder ?? ''))
  const files = await openModelFiles(checkpoint)
  await using _checkpoint = files.checkpoint
  const session = await (await createBackend(backend)).loadDecoder(checkpoint, SESSION)
  try {
    for (const request of requests) {
      const set = (name: string, tensor: ComputedTensor) =>
        tensors.set(`${request.id}.${name}`, tensor)
      const names = picturesOf(request)
      const pictures = await Promise.all(
        names.map((file) => loadCasePicture(reference, file, preprocessing!, names.length === 1)),
      )
      let features: readonly Float32Array[] = []
      if (pictures.length > 0) {
        const { size } = preprocessing!
        const pixels = joinFloats(pictures.map((picture) => picture.pixels))
        set('pixel_values', { shape: [pictures.length, 3, size, size], values: pixels })
        const encoded = await encodeRecorded(files, backend, pictures)
        features = encoded.features
        for (const [name, stage] of encoded.stages)
          set(name === 'features' ? 'projector_output' : name, stage)
      }
      // Each piece is a text of its own; only the first one begins with <s>.
      const pieces = request.prompt_text.split(picturePrompt!.placeholder(1))
      const prompt = pieces.flatMap((piece, i): Segment[] => {
        if (i === 0) return [{ kind: 'tokens', ids: tokenizer.encodeWhole(piece) }]
        const data = features[i - 1]!
        const rows = data.length / files.limits.hiddenSize
        return [
          { kind: 'embeddings', rows, data },
          { kind: 'tokens', ids: tokenizer.encode(piece) },
        ]
      })
      const ids = prompt.flatMap((s) => (s.kind === 'tokens' ? [...s.ids] : [PICTURE_ID]))
      const theirs = request['input_ids_with_-200']
      facts.push({ name: `${request.id}.input_ids`, ours: ids, theirs })
      const decoded = await decodeMerged({ files, backend, session }, prompt, request.greedy_ids)
      for (const [name, tensor] of decoded.tensors) set(name, tensor)
      facts.push({ ...decoded.greedyIds, name: `${request.id}.greedy_ids` })
    }
  } finally {
    await session.dispose()
  }
  return { tensors, leftOut: new Map(), facts }
}

/** The frames that would be taken of files of other lengths. */
function samplingFacts({ expected }: ReferenceCase): Fact[] {
  const table = expected['sampling_file'] as { cases: readonly SamplingCase[] } | undefined
  return (table?.cases ?? []).map((row, i) => {
    const { frames_in_file, num_video_frames, max_fps, video_fps, indices } = row
    const rate = max_fps > 0 ? { maxFps: max_fps, videoFps: video_fps! } : undefined
    const ours = distinctFrames(frames_in_file, num_video_frames, rate)
    return { name: `sampling_file.${i}`, ours, theirs: indices }
  })
}
