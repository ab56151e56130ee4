/** Cases of the starter's architecture (`models/starter/train/fixture.py`): one picture, a few tokens behind it. */
import { join } from 'node:path'
import { loadModelConfig } from '../../models/load-config.ts'
import { runDecoderStages, runEncoderStages } from '../engine/backends/graph-stages.ts'
import { openModelFiles } from '../engine/backends/model-files.ts'
import { preprocess } from '../media/preprocess.ts'
import type { ParityAdapter, ParityRun } from './adapter.ts'
import type { ComputedTensor } from './compare.ts'
import { embed, lastRows } from './decoding.ts'
import { readPicture } from './read-picture.ts'
import type { ReferenceCase } from './reference-case.ts'

export const starterAdapter: ParityAdapter = {
  name: 'starter',
  accepts: ({ expected, tensors }) => 'text_ids' in expected && tensors.has('convnext_tokens'),
  run,
}

async function run(reference: ReferenceCase, backend: string): Promise<ParityRun> {
  const { checkpoint, expected, folder } = reference
  const { preprocessing } = await loadModelConfig(checkpoint)
  const files = await openModelFiles(checkpoint)
  await using _checkpoint = files.checkpoint
  const picture = await readPicture(join(folder, String(expected['input'])))
  const { pixels } = preprocess(picture, preprocessing!)
  const { size } = preprocessing!
  const tensors = new Map<string, ComputedTensor>([
    ['pixels', { shape: [1, 3, size, size], values: pixels }],
  ])
  const stages = await runEncoderStages(files, backend, pixels)
  for (const [name, values] of stages) {
    const { tokensPerTile } = files.limits
    tensors.set(name, { shape: [1, tokensPerTile, values.length / tokensPerTile], values })
  }
  const [first, text] = [expected['prompt_ids'], expected['text_ids']] as [number[], number[]]
  const features = stages.get('features')!
  const embeddings = await embed(files, [
    { kind: 'tokens', ids: Int32Array.of(first[0]!) },
    { kind: 'embeddings', rows: files.limits.tokensPerTile, data: features },
    { kind: 'tokens', ids: Int32Array.from(text) },
  ])
  const logits = (await runDecoderStages(files, backend, embeddings)).get('logits')!
  tensors.set('logits', lastRows(logits, files.limits.vocabSize, text.length))
  return { tensors, leftOut: new Map() }
}
