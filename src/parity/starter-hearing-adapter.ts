/** Cases of the starter's ears (`models/starter/train/fixture.py`): one sound, a few tokens behind it. */
import { join } from 'node:path'
import type { Graph } from '../../models/graph/graph.ts'
import { loadModelConfig } from '../../models/load-config.ts'
import { soundTokens } from '../../models/sound/sound-tokens.ts'
import { runDecoderStages, runItemStages } from '../engine/backends/graph-stages.ts'
import { openModelFiles } from '../engine/backends/model-files.ts'
import { hearSound } from '../media/sound/hear-sound.ts'
import type { ParityAdapter, ParityRun } from './adapter.ts'
import type { ComputedTensor } from './compare.ts'
import { embed, lastRows } from './decoding.ts'
import type { ReferenceCase } from './reference-case.ts'

export const starterHearingAdapter: ParityAdapter = {
  name: 'starter, hearing',
  accepts: ({ expected, tensors }) => 'sound_tokens' in expected && tensors.has('mel'),
  run,
}

async function run(reference: ReferenceCase, backend: string): Promise<ParityRun> {
  const { checkpoint, expected, folder } = reference
  const { hearing, graphs } = await loadModelConfig(checkpoint)
  const files = await openModelFiles(checkpoint)
  await using _checkpoint = files.checkpoint
  const path = join(folder, String(expected['input']))
  // A WAV that needs no ffmpeg.
  const sound = { path, param: 'input', hearing: hearing!, maxSeconds: 60 }
  const { mel, windows, frames } = await hearSound(sound, new AbortController().signal)
  const { melBins, windowFrames } = hearing!
  const tensors = new Map<string, ComputedTensor>([
    ['mel', { shape: [windows, melBins, windowFrames], values: mel }],
  ])
  const graph = graphs.soundEncoder!
  const stages = await runItemStages(files, backend, graph, mel)
  for (const [name, values] of stages) tensors.set(name, inPlace(graph, name, values, windows))
  const tokens = soundTokens(hearing!, frames)
  const { hiddenSize } = files.limits
  const [first, text] = [expected['prompt_ids'], expected['text_ids']] as [number[], number[]]
  const features = stages.get('features')!.subarray(0, tokens * hiddenSize)
  const embeddings = await embed(files, [
    { kind: 'tokens', ids: Int32Array.of(first[0]!) },
    { kind: 'embeddings', rows: tokens, data: features },
    { kind: 'tokens', ids: Int32Array.from(text) },
  ])
  const logits = (await runDecoderStages(files, backend, embeddings)).get('logits')!
  tensors.set('logits', lastRows(logits, files.limits.vocabSize, text.length))
  const heard = { name: 'sound_tokens', ours: tokens, theirs: expected['sound_tokens'] }
  return { tensors, leftOut: new Map(), facts: [heard] }
}

/** As the published code has it: the first convolution's channels before its frames. */
function inPlace(
  { stages, outputs }: Graph,
  name: string,
  values: Float32Array,
  windows: number,
): ComputedTensor {
  const [, rows, width] = [...stages, ...outputs].find((named) => named.name === name)!.value
    .shape as [string, number, number]
  if (name !== 'conv1') return { shape: [windows, rows, width], values }
  const turned = new Float32Array(values.length)
  for (let i = 0; i < values.length; i++) {
    const [window, row, column] = [
      Math.floor(i / (rows * width)),
      Math.floor(i / width) % rows,
      i % width,
    ]
    turned[(window * width + column) * rows + row] = values[i]!
  }
  return { shape: [windows, width, rows], values: turned }
}
