/** `aerie caption` as a process of its own: signals, kills, locks, a disk that is full. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { after, afterEach, beforeEach, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type CaptionLine, keys, linesOf, writeClips } from '../support/caption-run.ts'
import { type FakeServer, startFakeServer } from '../support/caption-server.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'

const AERIE = resolve(import.meta.dirname, '../../bin/aerie.js')

let folder: TemporaryFolder
let server: FakeServer
let out: string
beforeEach(async () => {
  folder = await temporaryFolder()
  server = await startFakeServer()
  out = join(folder.path, 'captions.jsonl')
  server.answerMs = 20
})
afterEach(async () => {
  await server.close()
  await folder[Symbol.asyncDispose]()
})

const started: ChildProcess[] = []
after(() => {
  for (const child of started) child.kill('SIGKILL')
})

/** A started command, what it has said so far and how it ends. */
function start(args: readonly string[], shell?: string) {
  const argv = [AERIE, 'caption', ...args, '--server', server.url]
  const child = shell
    ? spawn('bash', ['-c', `${shell}; exec "$@"`, 'bash', process.execPath, ...argv])
    : spawn(process.execPath, argv)
  started.push(child)
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  child.stdout.resume()
  const exit = once(child, 'exit') as Promise<[number | null, string | null]>
  return { child, exit, said: () => said }
}

const captions = () => linesOf<CaptionLine>(out)

async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await what())) await delay(10)
}

const some = (count: number, seconds: number) =>
  Object.fromEntries(
    Array.from({ length: count }, (_, i) => [
      `clip-${String(i).padStart(3, '0')}.mp4`,
      `clip ${seconds}`,
    ]),
  )

describe('a run that is interrupted', () => {
  it('ten times, by kills and by Ctrl-C, has every segment once in the end and asked none that it had', async () => {
    const input = await writeClips(join(folder.path, 'clips'), {
      ...some(60, 25),
      'bad.mp4': 'no clip',
    })
    const total = 180
    let seen = 0
    for (let i = 0; i < 10; i++) {
      const run = start([input, '--out', out, '--jobs', '3'])
      const signal = i % 2 === 0 ? 'SIGKILL' : 'SIGINT'
      const enough = seen + 5 + i
      await until(async () => run.child.exitCode !== null || (await captions()).length >= enough)
      assert.equal(run.child.exitCode, null, run.said())
      run.child.kill(signal)
      const [code, killedBy] = await run.exit
      if (signal === 'SIGINT') {
        assert.deepEqual([code, killedBy], [130, null], run.said())
        assert.match(run.said(), /interrupted; the same command goes on where it was\n$/)
      }
      const lines = keys(await captions())
      assert.equal(new Set(lines).size, lines.length)
      assert.ok(lines.length > seen)
      seen = lines.length
    }
    const last = start([input, '--out', out, '--jobs', '3'])
    assert.deepEqual(await last.exit, [1, null], last.said())
    const lines = keys(await captions())
    assert.equal(lines.length, total)
    assert.equal(new Set(lines).size, total)
    // What a killed process had asked, or had the answer of and not yet written, is asked again.
    assert.ok(server.asked.length <= total + 5 * (3 + 3), String(server.asked.length))
    assert.deepEqual(keys(await linesOf(`${out}.failures.jsonl`)), ['bad.mp4'])
  })

  it('takes no longer than what it has asked, and nothing new, and leaves no file on the server', async () => {
    const input = await writeClips(join(folder.path, 'clips'), some(30, 100))
    server.answerMs = 300
    const run = start([input, '--out', out, '--jobs', '4'])
    await until(() => server.asked.length > 0)
    run.child.kill('SIGINT')
    await until(() => run.said().includes('once more ends at once'))
    const { length } = server.asked
    assert.deepEqual(await run.exit, [130, null])
    assert.ok(server.asked.length <= length + 4 + 4, `${server.asked.length} after ${length}`)
    assert.equal((await captions()).length, server.asked.length)
    assert.equal(server.files.size, 0)
  })

  it('twice ends at once, by the signal, and loses nothing that was written', async () => {
    const input = await writeClips(join(folder.path, 'clips'), some(3, 100))
    server.answerMs = 60_000
    const run = start([input, '--out', out])
    await until(() => server.counts.running > 0)
    run.child.kill('SIGINT')
    await until(() => run.said().includes('once more ends at once'))
    run.child.kill('SIGINT')
    assert.deepEqual(await run.exit, [null, 'SIGINT'])
  })
})

describe('two runs on one file', () => {
  it('are one too many: the second names the first, and a lock of one that is gone is taken over', async () => {
    const input = await writeClips(join(folder.path, 'clips'), some(3, 10))
    server.answerMs = 60_000
    const first = start([input, '--out', out])
    await until(() => server.counts.running > 0)
    const second = start([input, '--out', out])
    assert.deepEqual(await second.exit, [1, null])
    assert.match(
      second.said(),
      new RegExp(`captions\\.jsonl: process ${first.child.pid} on \\S+ is captioning here`),
    )
    first.child.kill('SIGKILL')
    await first.exit
    server.answerMs = 0
    const third = start([input, '--out', out])
    assert.deepEqual(await third.exit, [0, null], third.said())
    assert.equal((await captions()).length, 3)
  })
})

describe('a disk that takes no more', () => {
  it('stops the run with a word, and the same command goes on when there is room', {
    skip: process.platform !== 'linux' && 'file sizes are bounded by a shell of Linux',
  }, async () => {
    const input = await writeClips(join(folder.path, 'clips'), some(40, 10))
    server.answerMs = 0
    // In pieces of 1 KiB; a line has about half of one.
    const run = start([input, '--out', out], "trap '' XFSZ; ulimit -f 8")
    const [code] = await run.exit
    assert.equal(code, 1, run.said())
    assert.match(run.said(), /^aerie: EFBIG: file too large, write$/m)
    const kept = (await captions()).length
    assert.ok(kept > 0 && kept < 40)
    const text = await readFile(out, 'utf8')
    assert.ok(!text.endsWith('\n'), 'the last line is torn')
    assert.deepEqual(await start([input, '--out', out]).exit, [0, null])
    assert.equal(new Set(keys(await captions())).size, 40)
    assert.equal((await captions()).length, 40)
  })
})

describe('what is said meanwhile', () => {
  it('is nothing but the summary for a short run that nobody watches', async () => {
    const input = await writeClips(join(folder.path, 'clips'), some(3, 10))
    const run = start([input, '--out', out])
    await run.exit
    assert.match(run.said(), /^aerie: 3 clips captioned: 3 segments, 6 frames in [^\n]*\n$/)
  })
})

it('a key comes from OPENAI_API_KEY and is in no file', async () => {
  const input = await writeClips(join(folder.path, 'clips'), some(1, 10))
  const child = spawn(
    process.execPath,
    [AERIE, 'caption', input, '--out', out, '--server', server.url],
    {
      env: { ...process.env, OPENAI_API_KEY: 'sk-secret' },
    },
  )
  started.push(child)
  assert.deepEqual(await once(child, 'exit'), [0, null])
  assert.deepEqual(server.keys, new Set(['Bearer sk-secret']))
  for (const file of [out, `${out}.job.json`])
    assert.ok(!(await readFile(file, 'utf8')).includes('sk-secret'))
})
