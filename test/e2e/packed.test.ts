/** Two servers of one package with packed weights: they answer as without, and have the weights in memory once. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { importCheckpoint } from '../../src/import/import-checkpoint.ts'
import { PACKED_FILE } from '../../src/package/store.ts'
import { skipOf } from '../support/backends.ts'
import { copyCheckpoint, scratchFolder } from '../support/checkpoint-folder.ts'
import { pictureUri } from '../support/server.ts'

const AERIE = resolve(import.meta.dirname, '../../bin/aerie.js')

interface Served {
  readonly url: string
  readonly pid: number
  /** Ends the server; what it logged. */
  stop(): Promise<string>
}

async function serve(model: string, modelsDir: string): Promise<Served> {
  const flags = ['--port', '0', '--backend', 'native', '--threads', '1', '--log-level', 'info']
  const child: ChildProcess = spawn(
    process.execPath,
    [AERIE, 'serve', model, '--models-dir', modelsDir, ...flags],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const log = text(child.stderr!)
  let said = ''
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout!.on('data', (piece: Buffer) => {
      said += piece
      const found = /(http:\/\/[\w.:[\]]+)\/v1/.exec(said)?.[1]
      if (found) resolve(found)
    })
    child.once('exit', (code) => reject(new Error(`the server ended with code ${code}`)))
  })
  return {
    url,
    pid: child.pid!,
    async stop() {
      const exit = once(child, 'exit')
      child.kill('SIGTERM')
      await exit
      return said + (await log)
    },
  }
}

async function answer(url: string, model: string): Promise<string> {
  const content = [
    { type: 'image_url', image_url: { url: await pictureUri('number-42.png') } },
    { type: 'text', text: 'What number is in the picture?' },
  ]
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model,
      messages: [{ role: 'user', content }],
      temperature: 0,
      max_tokens: 12,
      logprobs: true,
    }),
  })
  const body = (await response.json()) as { choices: { message: object; logprobs: object }[] }
  assert.equal(response.status, 200, JSON.stringify(body))
  return JSON.stringify([body.choices[0]!.message, body.choices[0]!.logprobs])
}

/** Kilobytes of a process's mappings of a file, by what the system calls them. */
function mapped(pid: number, path: string) {
  const sums: Record<string, number> = {}
  let isOurs = false
  for (const line of readFileSync(`/proc/${pid}/smaps`, 'utf8').split('\n')) {
    const [, name, kilobytes] = /^(\w+): +(\d+) kB$/.exec(line) ?? []
    if (name === undefined) isOurs = line.includes('-') ? line.endsWith(path) : isOurs
    else if (isOurs) sums[name] = (sums[name] ?? 0) + Number(kilobytes)
  }
  return sums
}

test('two servers share the packed weights of a package, and answer as one that packs them itself', {
  skip: skipOf('native') || (process.platform !== 'linux' && 'there is no /proc'),
}, async (t) => {
  const modelsDir = scratchFolder()
  t.after(() => rmSync(modelsDir, { recursive: true }))
  const checkpoint = copyCheckpoint('vila/vila15', join(modelsDir, 'vila15'))
  const make = (packed: boolean) => importCheckpoint(checkpoint, { modelsDir, packed })
  const [packed, without] = [await make(true), await make(false)]
  const { name } = packed.manifest
  const path = join(packed.directory, PACKED_FILE)

  const alone = await serve(without.directory, modelsDir)
  const expected = await answer(alone.url, name)
  assert.doesNotMatch(await alone.stop(), /packed weights/)

  const servers = [
    await serve(packed.directory, modelsDir),
    await serve(packed.directory, modelsDir),
  ]
  for (const { url } of servers) assert.equal(await answer(url, name), expected)
  const kilobytes = Math.floor(statSync(path).size / 1024)
  for (const { pid } of servers) {
    const { Rss = 0, Pss = 0, ...sums } = mapped(pid, path)
    assert.ok(Rss >= kilobytes, `${Rss} of ${kilobytes} kB are resident`)
    assert.ok(Pss <= 0.6 * Rss, `its share is ${Pss} of ${Rss} kB`)
    assert.equal((sums['Private_Clean'] ?? 0) + (sums['Private_Dirty'] ?? 0), 0)
  }
  for (const server of servers) {
    assert.match(await server.stop(), /decoder: \d+ packed weights \([\d.]+ MB\) are mapped from/)
  }
})
