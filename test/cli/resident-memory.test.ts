/** What a server keeps resident before anyone asked it anything, and what its processes load. Linux tells. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { FASTER_ON_ONNX, findNativeAddon } from '../../src/engine/backends/native-addon.ts'

const AERIE = resolve(import.meta.dirname, '../../bin/aerie.js')
const search = findNativeAddon()
const runsTowers = 'addon' in search && !FASTER_ON_ONNX.has(search.addon.isas()[0]!)
const MIB = 2 ** 20
/** It was 148 MiB on 2026-11-27; a compiler for types in each thread takes 39 more, and so does ONNX Runtime. */
const MOST = 168 * MIB

/** Bytes that are in memory for this process alone: how much of a program's file is resident is the system's choice, by the huge page. */
function anonymousMemory(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)![1]) * 1024
}

/** When what starting has used is collected, which is just behind the line that says that the server is there. */
async function settledMemory(pid: number): Promise<number> {
  let [before, now] = [Number.POSITIVE_INFINITY, anonymousMemory(pid)]
  for (let tries = 0; tries < 20 && Math.abs(before - now) > MIB; tries++) {
    await delay(500)
    before = now
    now = anonymousMemory(pid)
  }
  return now
}

/** Files that the server or one of its child processes has mapped. */
function mapped(pid: number): string[] {
  const children = globSync(`/proc/${pid}/task/*/children`).flatMap((file) =>
    readFileSync(file, 'utf8').split(' ').filter(Boolean).map(Number),
  )
  return [pid, ...children].flatMap((process) =>
    [...readFileSync(`/proc/${process}/maps`, 'utf8').matchAll(/\/.*$/gm)].map(([file]) => file),
  )
}

describe('a server of the starter at rest', {
  skip: process.platform === 'linux' ? !runsTowers && 'its towers run elsewhere' : 'Linux only',
}, () => {
  let server: ChildProcess
  before(async () => {
    server = spawn(process.execPath, [AERIE, 'serve', '--port', '0', '--log-level', 'error'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    for await (const text of server
      .stdout!.setEncoding('utf8')
      .iterator({ destroyOnReturn: false }))
      if (/http:\S+\/v1$/m.test(text)) break
  })
  after(() => server.kill('SIGKILL'))

  it('has no more than its weights and what it runs in', async (t) => {
    const own = await settledMemory(server.pid!)
    t.diagnostic(`${(own / MIB).toFixed(0)} MiB`)
    assert.ok(own > 80 * MIB, `${own} bytes: is this the server?`)
    assert.ok(own < MOST, `${(own / MIB).toFixed(0)} MiB`)
  })

  it('computes pictures and text without ONNX Runtime, which it has not loaded', () => {
    const files = mapped(server.pid!)
    assert.ok(files.some((file) => file.endsWith('/aerie-cpu.node')))
    assert.deepEqual(
      files.filter((file) => file.includes('onnxruntime')),
      [],
    )
  })
})
