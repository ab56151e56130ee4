#!/usr/bin/env node
/**
 * Decoders of several folders of the same model against each other in one process: `node bench/quantised-decode.ts <folder> …`.
 * One thread; every round runs each in turn. Shown are the best round's milliseconds, and the processor's time, which says more
 * where others use the machine.
 */
import { openModelFiles } from '../src/engine/backends/model-files.ts'
import { onnxDecoder } from '../src/engine/backends/onnx.ts'

const ROUNDS = 5
const PROMPT = 128
const TOKENS = 16

const sessions = await Promise.all(
  process.argv.slice(2).map(async (folder) => {
    const files = await openModelFiles(folder)
    await using _checkpoint = files.checkpoint
    const options = { threads: 1, kvCacheBytes: 256 << 20, kvBlockSize: 16 }
    return { folder, session: await onnxDecoder(files, options), best: new Map<string, number>() }
  }),
)

for (let round = 0; round < ROUNDS; round++) {
  for (const { session, best } of sessions) {
    const run = async (name: string, ids: Int32Array, times: number) => {
      const [start, cpu] = [performance.now(), process.cpuUsage()]
      for (let i = 0; i < times; i++)
        await session.step([{ sequence: 1, input: [{ kind: 'tokens', ids }], want: 'logits' }])
      const { user, system } = process.cpuUsage(cpu)
      const keep = (key: string, ms: number) =>
        best.set(key, Math.min(best.get(key) ?? Number.POSITIVE_INFINITY, ms / times))
      keep(name, performance.now() - start)
      keep(`${name}, processor`, (user + system) / 1000)
    }
    const prompt = Int32Array.from({ length: PROMPT }, (_, i) => 10 + ((i * 37) % 900))
    await run(`prompt of ${PROMPT}`, prompt, 1)
    await run('token', Int32Array.of(42), TOKENS)
    session.free(1)
  }
}

for (const { folder, best, session } of sessions) {
  const cells = [...best].map(([name, ms]) => `${name} ${ms.toFixed(1)} ms`)
  console.log(`${folder}: ${cells.join(', ')}`)
  await session.dispose()
}
