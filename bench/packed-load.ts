#!/usr/bin/env node
/**
 * What packed weights in a package are worth: `node bench/packed-load.ts [--rounds n] <package>` loads its decoder on the
 * native backend in processes of their own, in turns with weights that are mapped and with weights that are packed at the
 * start, then two processes at once, and then lets both kinds decode in turns in one process. Linux only.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { DecoderSession } from '../src/engine/backend.ts'
import { createBackend } from '../src/engine/backends/create.ts'
import { readManifest } from '../src/package/manifest.ts'
import { modelPath, packedPath, type StoredPackage } from '../src/package/store.ts'

const KINDS = ['packed at the start', 'mapped'] as const
type Kind = (typeof KINDS)[number]

/** Of a process: bytes by the name in /proc/self/smaps_rollup. */
interface Memory {
  readonly Rss: number
  readonly Pss: number
  readonly Private: number
}

interface Loaded {
  readonly seconds: number
  /** Of the processor. */
  readonly busy: number
  readonly memory: Memory
}

const TOKENS = 16
const OPTIONS = { threads: 1, kvCacheBytes: 64 << 20, kvBlockSize: 16 }

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '5' }, load: { type: 'string' } },
})
const directory = resolve(positionals[0] ?? '.')
const manifest = await readManifest(directory)
if (!manifest?.packed) throw new Error(`${directory} is no package with packed weights`)
const found: StoredPackage = { directory, manifest }
const rounds = Number(values.rounds)

if (values.load !== undefined) await stayLoaded(values.load as Kind)
else {
  const { blocks, bytes } = manifest.packed
  console.log(`${manifest.name}: ${blocks} packed weights, ${megabytes(bytes)}`)
  await compareLoads()
  await compareTogether()
  await compareDecoding()
}

async function compareLoads(): Promise<void> {
  const loads = new Map(KINDS.map((kind) => [kind, [] as Loaded[]]))
  // The first fills the page cache.
  for (let round = 0; round <= rounds; round++) {
    for (const kind of KINDS) {
      const { child, first } = await start(kind)
      await end(child)
      if (round > 0) loads.get(kind)!.push(first)
    }
  }
  for (const [kind, runs] of loads) {
    const least = (of: (run: Loaded) => number) => Math.min(...runs.map(of))
    const [seconds, busy] = [least((run) => run.seconds), least((run) => run.busy)]
    const { memory } = runs[0]!
    console.log(
      `${kind}: loaded in ${seconds.toFixed(2)} s, ${busy.toFixed(2)} s of the processor (least of ${rounds}); ${text(memory)}`,
    )
  }
}

async function compareTogether(): Promise<void> {
  for (const kind of KINDS) {
    const both = [await start(kind), await start(kind)]
    const memory = await Promise.all(both.map(({ ask }) => ask()))
    console.log(`two processes, ${kind}: ${memory.map(text).join('; ')}`)
    for (const { child } of both) await end(child)
  }
}

async function compareDecoding(): Promise<void> {
  const sessions = new Map<Kind, DecoderSession>()
  for (const kind of KINDS) sessions.set(kind, await load(kind))
  const best = new Map<Kind, number>()
  for (let round = 0; round < 4 * rounds; round++) {
    for (const [kind, session] of sessions) {
      const cpu = process.cpuUsage()
      for (let i = 0; i < TOKENS; i++) await decode(session)
      const { user, system } = process.cpuUsage(cpu)
      best.set(kind, Math.min(best.get(kind) ?? Number.POSITIVE_INFINITY, (user + system) / TOKENS))
      session.free(1)
    }
  }
  for (const [kind, microseconds] of best)
    console.log(`${kind}: a token in ${(microseconds / 1000).toFixed(2)} ms of one processor`)
}

async function load(kind: Kind): Promise<DecoderSession> {
  const native = await createBackend('native')
  const packedWeights = kind === 'mapped' ? packedPath(found) : undefined
  return await native.loadDecoder(modelPath(found), { ...OPTIONS, packedWeights })
}

async function decode(session: DecoderSession): Promise<void> {
  const input = [{ kind: 'tokens' as const, ids: Int32Array.of(42) }]
  await session.step([{ sequence: 1, input, want: 'logits' }])
}

/** In a process of its own: loads, says what that took, and says what memory it has when it is asked. */
async function stayLoaded(kind: Kind): Promise<void> {
  const [start, cpu] = [performance.now(), process.cpuUsage()]
  const session = await load(kind)
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(cpu)
  await decode(session)
  // What was read for packing is let go of.
  for (let i = 0; i < 3; i++) await delay(100).then(() => globalThis.gc?.())
  process.on('message', () => process.send!({ memory: memoryNow() }))
  process.send!({ seconds, busy: (user + system) / 1e6, memory: memoryNow() } satisfies Loaded)
}

async function start(kind: Kind): Promise<{
  readonly child: ChildProcess
  readonly first: Loaded
  ask(): Promise<Memory>
}> {
  const child = spawn(
    process.execPath,
    ['--expose-gc', import.meta.filename, '--load', kind, directory],
    { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
  )
  const [first] = (await once(child, 'message')) as [Loaded]
  return {
    child,
    first,
    async ask() {
      const answer = once(child, 'message') as Promise<[{ memory: Memory }]>
      child.send('memory')
      return (await answer)[0].memory
    },
  }
}

async function end(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit')
  child.kill()
  await exit
}

function memoryNow(): Memory {
  const rollup = readFileSync('/proc/self/smaps_rollup', 'utf8')
  const bytes = (name: string) =>
    1024 * Number(new RegExp(`^${name}: +(\\d+)`, 'm').exec(rollup)![1])
  return {
    Rss: bytes('Rss'),
    Pss: bytes('Pss'),
    Private: bytes('Private_Clean') + bytes('Private_Dirty'),
  }
}

function text({ Rss, Pss, Private }: Memory): string {
  return `resident ${megabytes(Rss)}, its share ${megabytes(Pss)}, private ${megabytes(Private)}`
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`
}
