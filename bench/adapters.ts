#!/usr/bin/env node
/**
 * What adapters cost: `node bench/adapters.ts [--batch 8] [--rank 16] [--rounds 8] [--threads 1] [model]` decodes with the native
 * runtime, in turns, a batch of rows without adapters loaded, with some loaded and none used, all rows with one, and each row with
 * its own; then reads a prompt likewise. Adapters are random bfloat16 for every linear. The model is a folder or a GGUF file, by
 * default the starter.
 */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type AdaptableLinear, adaptableLinears } from '../models/graph/adaptable.ts'
import type { AdapterMatrices, AdapterShape } from '../src/adapters/contract.ts'
import type { AdapterId, BackendOptions, DecoderSession, Row } from '../src/engine/backend.ts'
import { createBackend } from '../src/engine/backends/create.ts'
import { decoderGraph, openModelFiles } from '../src/engine/backends/model-files.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    batch: { type: 'string', default: '8' },
    rank: { type: 'string', default: '16' },
    rounds: { type: 'string', default: '8' },
    threads: { type: 'string', default: '1' },
    /** Positions that each row has read before it decodes. */
    context: { type: 'string', default: '64' },
    /** Positions of the prompt that is read. */
    prompt: { type: 'string', default: '256' },
  },
})
const number = (name: keyof typeof values) => {
  const value = Number(values[name])
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`--${name}: expected a number from 1 on`)
  return value
}
const [batch, rank, rounds, context] = [
  number('batch'),
  number('rank'),
  number('rounds'),
  number('context'),
]
const promptLength = number('prompt')
const model = resolve(positionals[0] ?? 'models/starter')
/** Tokens of a row in one turn. */
const STEPS = 8

const options: BackendOptions = {
  threads: number('threads'),
  kvBlockSize: 16,
  kvCacheBytes: 1 << 30,
  maxRunning: batch,
}

interface Mode {
  readonly name: string
  readonly session: DecoderSession
  /** Of the row of that number. */
  readonly adapter: (row: number) => AdapterId | undefined
}

const backend = await createBackend('native')
const linears = await linearsOf(model)
const plain = await backend.loadDecoder(model, options)
const adapted = await backend.loadDecoder(model, { ...options, adapters: true })
let bytes = 0
for (let id = 0; id < batch; id++) {
  const prepared = await backend.prepareAdapter!(linears.map(shapeOf), matrices(linears))
  bytes = prepared.memory.byteLength
  adapted.adapters!.add(id, prepared)
}
const modes: readonly Mode[] = [
  { name: 'no adapters', session: plain, adapter: () => undefined },
  { name: 'loaded, none used', session: adapted, adapter: () => undefined },
  { name: 'one for all', session: adapted, adapter: () => 0 },
  { name: `${batch} different`, session: adapted, adapter: (row) => row },
]
console.log(
  `${linears.length} linears, rank ${rank}, ${(bytes / 1e6).toFixed(1)} MB an adapter, ${options.threads} thread(s)`,
)
await table(`decoding, ${batch} rows behind ${context} positions`, batch * STEPS, decode)
await table(`reading a prompt of ${promptLength}`, promptLength, read)
await plain.dispose()
await adapted.dispose()

/** Best of all turns, modes in turns, so that what else the machine does meets all alike. */
async function table(
  title: string,
  tokens: number,
  turn: (mode: Mode) => Promise<number>,
): Promise<void> {
  const best = modes.map(() => Number.POSITIVE_INFINITY)
  for (const mode of modes) await turn(mode)
  for (let round = 0; round < rounds; round++)
    for (const [i, mode] of modes.entries()) best[i] = Math.min(best[i]!, await turn(mode))
  console.log(`\n${title}`)
  for (const [i, { name }] of modes.entries()) {
    const rate = (1e3 * tokens) / best[i]!
    const ratio = best[0]! / best[i]!
    console.log(`  ${name.padEnd(18)} ${rate.toFixed(1).padStart(9)} tokens/s  ${ratio.toFixed(3)}`)
  }
}

/** Milliseconds of the processor. */
async function decode({ session, adapter }: Mode): Promise<number> {
  const rows = Array.from({ length: batch }, (_, i) => i)
  await session.step(rows.map((i) => rowOf(i, tokens(context, i), 'none', adapter(i))))
  const before = process.cpuUsage()
  for (let step = 0; step < STEPS; step++)
    await session.step(rows.map((i) => rowOf(i, tokens(1, i + step), 'logits', adapter(i))))
  const { user, system } = process.cpuUsage(before)
  for (const i of rows) session.free(i)
  return (user + system) / 1e3
}

async function read({ session, adapter }: Mode): Promise<number> {
  const before = process.cpuUsage()
  await session.step([rowOf(0, tokens(promptLength, 3), 'logits', adapter(0))])
  const { user, system } = process.cpuUsage(before)
  session.free(0)
  return (user + system) / 1e3
}

function rowOf(
  sequence: number,
  ids: Int32Array,
  want: Row['want'],
  adapter: AdapterId | undefined,
): Row {
  return { sequence, input: [{ kind: 'tokens', ids }], want, adapter }
}

function tokens(count: number, seed: number): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => 5 + ((seed * 31 + i * 17) % 200))
}

async function linearsOf(path: string): Promise<AdaptableLinear[]> {
  const files = await openModelFiles(path)
  await using _checkpoint = files.checkpoint
  return adaptableLinears(decoderGraph(files))
}

function shapeOf({ number: linear, weight, rows }: AdaptableLinear): AdapterShape {
  const [all, width] = weight.shape as [number, number]
  const out = rows ? rows[1] - rows[0] : all
  return { linear, rank, in: width, out, types: { down: 'bf16', up: 'bf16' } }
}

async function* matrices(of: readonly AdaptableLinear[]): AsyncIterable<AdapterMatrices> {
  for (const linear of of) {
    const { in: width, out } = shapeOf(linear)
    yield {
      ...{ linear: linear.number, scale: 1, rank },
      down: { type: 'bf16', shape: [rank, width], values: small(rank * width) },
      up: { type: 'bf16', shape: [out, rank], values: small(out * rank) },
    }
  }
}

/** Numbers around ±0.01 as bfloat16. */
function small(count: number): Uint8Array {
  const halves = Uint16Array.from(
    { length: count },
    (_, i) => 0x3c00 + ((i * 2654435761) % 64) + (i % 3 === 0 ? 0x8000 : 0),
  )
  return new Uint8Array(halves.buffer)
}
