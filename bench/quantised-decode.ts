#!/usr/bin/env node
/**
 * Decoders of several folders of the same model, and of several backends, against each other in one process:
 * `node bench/quantised-decode.ts [--backend native,onnx] [--threads n] <folder> …`. Every round runs each in turn. Shown are
 * the best round's milliseconds, and the processor's time, which says more where others use the machine; behind them, how
 * many times as fast the first is.
 */
import { parseArgs } from 'node:util'
import type { DecoderSession } from '../src/engine/backend.ts'
import { createBackend } from '../src/engine/backends/create.ts'

const PROMPT = 128
const TOKENS = 16
const MANY = 16

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    backend: { type: 'string', default: 'onnx' },
    threads: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '5' },
  },
})
const options = { threads: Number(values.threads), kvCacheBytes: 256 << 20, kvBlockSize: 16 }

interface Contender {
  readonly name: string
  readonly session: DecoderSession
  /** Milliseconds by what was run. */
  readonly best: Map<string, number>
}

const contenders: Contender[] = []
for (const folder of positionals) {
  for (const name of values.backend.split(',')) {
    const session = await (await createBackend(name)).loadDecoder(folder, options)
    contenders.push({ name: `${folder} on ${name}`, session, best: new Map() })
  }
}

for (let round = 0; round < Number(values.rounds); round++)
  for (const contender of contenders) await runRound(contender)

for (const { name, best, session } of contenders) {
  const cells = [...best].map(([what, ms]) => {
    const ratio = ms / contenders[0]!.best.get(what)!
    return `${what} ${ms.toFixed(2)} ms (${ratio.toFixed(2)})`
  })
  console.log(`${name}: ${cells.join(', ')}`)
  await session.dispose()
}

async function runRound({ session, best }: Contender): Promise<void> {
  const run = async (what: string, ids: Int32Array, rows: number, times: number) => {
    const [start, cpu] = [performance.now(), process.cpuUsage()]
    for (let i = 0; i < times; i++) {
      await session.step(
        Array.from({ length: rows }, (_, sequence) => ({
          sequence,
          input: [{ kind: 'tokens', ids }],
          want: 'logits',
        })),
      )
    }
    const { user, system } = process.cpuUsage(cpu)
    const keep = (key: string, ms: number) =>
      best.set(key, Math.min(best.get(key) ?? Number.POSITIVE_INFINITY, ms / times))
    keep(what, performance.now() - start)
    keep(`${what}, processor`, (user + system) / 1000)
  }
  const prompt = Int32Array.from({ length: PROMPT }, (_, i) => 10 + ((i * 37) % 300))
  await run(`prompt of ${PROMPT}`, prompt, 1, 1)
  await run('token', Int32Array.of(42), 1, TOKENS)
  for (let sequence = 1; sequence < MANY; sequence++) session.fork(sequence, 0, PROMPT)
  await run(`token of ${MANY}`, Int32Array.of(42), MANY, TOKENS)
  for (let sequence = 0; sequence < MANY; sequence++) session.free(sequence)
}
