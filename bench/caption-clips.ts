#!/usr/bin/env node
/**
 * Captions many short clips in one run that can be resumed: `node bin/node.js bench/caption-clips.ts [--clips 10000] [--jobs 4] [--kills 3] [--seconds 1]`.
 * It draws the clips, serves the starter in a process of its own, and starts `aerie caption` as a user would; so many times the command is
 * killed (SIGKILL) on its way and started again. It prints clips a second, failures, how many captions say what was drawn, whether
 * each clip has exactly one line, and the memory of server and command. Needs ffmpeg.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { treeMemory } from '../src/bench/process-tree.ts'
import { startServerProcess } from '../src/bench/server-process.ts'
import { clipName, DRAWINGS, drawManyClips, isTold } from './drawn-clips.ts'

const AERIE = fileURLToPath(new URL('../bin/aerie.js', import.meta.url))
const MiB = 2 ** 20

const { values } = parseArgs({
  options: {
    clips: { type: 'string', default: '10000' },
    jobs: { type: 'string', default: '4' },
    kills: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '1' },
  },
})
const [clips, jobs, kills, seconds] = [values.clips, values.jobs, values.kills, values.seconds].map(
  Number,
) as [number, number, number, number]

const folder = await mkdtemp(join(tmpdir(), 'aerie-captions-'))
try {
  await measure()
} finally {
  await rm(folder, { recursive: true, force: true })
}

async function measure(): Promise<void> {
  console.log(
    `${new Date().toISOString().slice(0, 10)}, ${cpus().length} × ${cpus()[0]?.model}, Node ${process.versions.node}`,
  )
  const drawn = performance.now()
  const input = await mkdtemp(join(folder, 'clips-'))
  await drawManyClips(input, clips, seconds)
  console.log(`${clips} clips of ${seconds} s drawn in ${took(drawn)}`)
  const server = await startServerProcess(['--data-dir', join(folder, 'data')])
  const out = join(folder, 'captions.jsonl')
  try {
    const memory: number[] = [resident(server.memory())]
    const begun = performance.now()
    let most = 0
    for (let run = 0; run <= kills; run++) {
      const child = spawn(
        process.execPath,
        [AERIE, 'caption', input, '--out', out, '--server', server.url, '--jobs', String(jobs)],
        {
          stdio: ['ignore', 'ignore', 'pipe'],
        },
      )
      let said = ''
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        said += text
      })
      const exit = once(child, 'exit')
      while (child.exitCode === null && child.signalCode === null) {
        await Promise.race([exit, delay(500)])
        most = Math.max(most, treeMemory(child.pid!)?.own ?? 0)
        if (run < kills && (await linesIn(out)) >= ((run + 1) * clips) / (kills + 1))
          child.kill('SIGKILL')
      }
      memory.push(resident(server.memory()))
      const end =
        child.signalCode === null
          ? `ended with ${child.exitCode}`
          : `was ended by ${child.signalCode}`
      console.log(
        `run ${run + 1} ${end} after ${took(begun)} with ${await linesIn(out)} lines; the server has ${memory.at(-1)} MiB`,
      )
      if (child.signalCode === null) process.stdout.write(said)
      if (child.exitCode === 0) break
    }
    const total = (performance.now() - begun) / 1000
    const { lines, told, repeated, missing } = await judge(out)
    console.log(
      `${lines} lines in ${total.toFixed(0)} s: ${(lines / total).toFixed(2)} clips/s; ${missing} clips without a line, ${repeated} with two; ` +
        `${told} captions (${((100 * told) / lines).toFixed(1)} %) say what was drawn`,
    )
    console.log(
      `resident: server and decoders ${memory[0]} MiB before, ${memory.at(-1)} MiB after; command at most ${Math.round(most / MiB)} MiB`,
    )
    if (missing > 0 || repeated > 0) process.exitCode = 1
  } finally {
    await server.stop()
  }
}

async function judge(out: string) {
  const seen = new Set<string>()
  let [lines, told, repeated] = [0, 0, 0]
  for await (const text of createInterface({ input: createReadStream(out) })) {
    const { id, caption } = JSON.parse(text) as { id: string; caption: string }
    lines += 1
    if (seen.has(id)) repeated += 1
    seen.add(id)
    if (isTold(caption, DRAWINGS[Number.parseInt(id, 10) % Math.min(clips, DRAWINGS.length)]!))
      told += 1
  }
  let missing = 0
  for (let n = 0; n < clips; n++) if (!seen.has(clipName(n))) missing += 1
  return { lines, told, repeated, missing }
}

/** Whole lines of the file. */
async function linesIn(out: string): Promise<number> {
  const { size } = await stat(out).catch(() => ({ size: 0 }))
  if (size === 0) return 0
  let lines = 0
  for await (const piece of createReadStream(out))
    for (const byte of piece as Buffer) if (byte === 10) lines += 1
  return lines
}

function resident(memory: ReturnType<typeof treeMemory>): number {
  return memory ? Math.round((memory.own + memory.descendants) / MiB) : 0
}

function took(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(0)} s`
}
