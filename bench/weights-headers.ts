#!/usr/bin/env node
/**
 * How long a thread is held up while a model's weights are looked at: `node bench/weights-headers.ts [tensors] [files]` writes
 * checkpoints of as many tensors (100 000) with headers and holes in place of weights, in as many files (163, as the largest published ones)
 * and in one. Prints for each how much processor time of this thread the longest stretch without a turn of the event loop took, and the whole:
 * `here`, with the headers read in this thread, and `survey`, as a server does it, by a thread of its own.
 */
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runTask } from '../src/task-thread.ts'
import { Checkpoint } from '../src/weights/checkpoint.ts'
import { heldUp } from './held-up.ts'

const tensors = Number(process.argv[2] ?? 100_000)
const files = Number(process.argv[3] ?? 163)
const ROUNDS = 3
const BYTES = 64
const SURVEY = new URL('../src/weights/survey-worker.ts', import.meta.url)

const folder = await mkdtemp(join(tmpdir(), 'aerie-headers-'))
try {
  console.log('files  tensors  how  longest ms  whole ms')
  for (const count of [files, 1]) {
    const directory = await checkpoint(count)
    const ways = {
      here: async () => (await Checkpoint.open(directory)).close(),
      survey: async () => void (await runTask(SURVEY, { path: directory })),
    }
    for (const [how, work] of Object.entries(ways)) {
      for (let round = 0; round < ROUNDS; round++) {
        const { longest, whole } = await heldUp(work)
        console.log(`${count}  ${tensors}  ${how}  ${longest.toFixed(1)}  ${whole.toFixed(1)}`)
      }
    }
  }
} finally {
  await rm(folder, { recursive: true })
}

/** Named as the experts of a large mixture are. */
function nameOf(i: number): string {
  const [layer, expert] = [Math.floor(i / 1000), Math.floor((i % 1000) / 3)]
  const part = ['gate_proj', 'up_proj', 'down_proj'][i % 3]
  return `model.layers.${layer}.mlp.experts.${expert}.${i % 1000}.${part}.weight`
}

async function checkpoint(count: number): Promise<string> {
  const directory = await mkdtemp(join(folder, 'checkpoint-'))
  const places: Record<string, string> = {}
  for (let file = 0; file < count; file++) {
    const name = count === 1 ? 'model.safetensors' : `model-${file}.safetensors`
    const header: Record<string, object> = {}
    for (let i = file, at = 0; i < tensors; i += count, at += BYTES) {
      header[nameOf(i)] = { dtype: 'F32', shape: [4, 4], data_offsets: [at, at + BYTES] }
      places[nameOf(i)] = name
    }
    const text = Buffer.from(JSON.stringify(header))
    const prefix = Buffer.alloc(8)
    prefix.writeBigUInt64LE(BigInt(text.length))
    await using handle = await open(join(directory, name), 'w')
    await handle.write(Buffer.concat([prefix, text]))
    await handle.truncate(8 + text.length + BYTES * Object.keys(header).length)
  }
  const index = JSON.stringify({ weight_map: places })
  if (count > 1) await writeFile(join(directory, 'model.safetensors.index.json'), index)
  return directory
}
