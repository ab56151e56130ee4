/** Runs that go on from what an earlier one wrote, against a server that does as its clips say. */
import assert from 'node:assert/strict'
import { appendFile, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import {
  type CaptionLine,
  caption,
  type FailureLine,
  keys,
  linesOf,
  writeClips,
} from '../support/caption-run.ts'
import { type FakeServer, startFakeServer } from '../support/caption-server.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'

let folder: TemporaryFolder
let server: FakeServer
let out: string
before(async () => {
  server = await startFakeServer()
})
after(() => server.close())
beforeEach(async () => {
  folder = await temporaryFolder()
  out = join(folder.path, 'captions.jsonl')
  server.asked.length = 0
  server.refuse = () => undefined
  server.answerMs = 0
  server.caption = ({ clip, start, end }) => `${clip} from ${start} to ${end}`
  server.digest = 'd'.repeat(64)
  server.fingerprint = 'fp_1'
  Object.assign(server.counts, { uploads: 0, probes: 0, deletions: 0, mostRunning: 0 })
})
afterEach(() => folder[Symbol.asyncDispose]())

const clips = (content: Readonly<Record<string, string>>) =>
  writeClips(join(folder.path, 'clips'), content)
const run = (input: string, ...flags: string[]) =>
  caption([input, '--out', out, '--server', server.url, ...flags])
const captions = () => linesOf<CaptionLine>(out)
const failures = () => linesOf<FailureLine>(`${out}.failures.jsonl`)

describe('a run that is repeated', () => {
  it('asks nothing again, uploads nothing again, and ends with 0', async () => {
    const input = await clips({ 'a.mp4': 'clip 25', 'b.mp4': 'clip 3' })
    await run(input)
    const first = await readFile(out, 'utf8')
    Object.assign(server.counts, { uploads: 0, probes: 0 })
    const { code, err } = await run(input)
    assert.equal(code, 0)
    assert.match(err, /^aerie: 0 clips captioned/)
    assert.equal(await readFile(out, 'utf8'), first)
    assert.deepEqual([server.counts.uploads, server.counts.probes], [0, 0])
  })

  it('goes on where a kill left it, in whichever byte of the captions', async () => {
    const input = await clips({ 'a.mp4': 'clip 45', 'b.mp4': 'clip 12' })
    await run(input)
    const whole = await readFile(out)
    const expected = keys(await captions())
    for (const share of [0, 0.1, 0.37, 0.5, 0.81, 1]) {
      const end = Math.floor(whole.length * share)
      await writeFile(out, whole.subarray(0, end))
      const kept = whole.subarray(0, end).toString().split('\n').length - 1
      server.asked.length = 0
      assert.equal((await run(input)).code, 0)
      assert.deepEqual(keys(await captions()), expected, `cut at ${end}`)
      assert.equal(server.asked.length, expected.length - kept, `cut at ${end}`)
    }
  })

  it('takes what came to the folder meanwhile, and lets what was moved away rest', async () => {
    const input = await clips({ 'a.mp4': 'clip 5', 'b.mp4': 'clip 5' })
    await run(input)
    await rm(join(input, 'a.mp4'))
    await clips({ 'c.mp4': 'clip 5' })
    assert.equal((await run(input)).code, 0)
    assert.deepEqual(keys(await captions()), ['a.mp4#0', 'b.mp4#0', 'c.mp4#0'])
  })

  it('knows a clip that was copied, and refuses one that was changed', async () => {
    const input = await clips({ 'a.mp4': 'clip 5', 'b.mp4': 'clip 5' })
    await run(input)
    await utimes(join(input, 'a.mp4'), 1, 1)
    assert.equal((await run(input)).code, 0)
    await writeFile(join(input, 'b.mp4'), 'clip 6')
    const { code } = await run(input)
    assert.equal(code, 1)
    const [failure, ...more] = await failures()
    assert.deepEqual([failure?.id, failure?.code, more.length], ['b.mp4', 'clip_changed', 0])
    // Told once, however often it is run.
    await run(input)
    assert.equal((await failures()).length, 1)
    // Its captions stand until their lines are taken out.
    const kept = (await captions()).filter(({ id }) => id !== 'b.mp4')
    await writeFile(out, kept.map((line) => `${JSON.stringify(line)}\n`).join(''))
    assert.equal((await run(input, '--retry-failed')).code, 0)
    assert.equal((await captions()).find(({ id }) => id === 'b.mp4')?.['end'], 6)
  })

  it('refuses another prompt, segment, model or input by name, and begins anew with --restart', async () => {
    const input = await clips({ 'a.mp4': 'clip 5' })
    await run(input)
    const cases: [string[], RegExp][] = [
      [
        ['--prompt', 'why?'],
        /begun with prompt "Describe what you see\.", not "why\?"; name another file/,
      ],
      [['--segment', '2s'], /begun with segment "10s", not "2s"/],
      [['--max-frames', '2'], /begun with max-frames null, not 2/],
    ]
    for (const [flags, message] of cases) {
      const { code, err } = await run(input, ...flags)
      assert.equal(code, 2)
      assert.match(err, message)
    }
    server.digest = 'e'.repeat(64)
    assert.match((await run(input)).err, /begun with digest "d{64}", not "e{64}"/)
    assert.match(
      (await run(join(input, 'a.mp4'))).err,
      /begun with input ".*clips", not ".*a\.mp4"/,
    )
    assert.equal((await run(input, '--restart')).code, 0)
    assert.deepEqual(
      (await captions()).map((line) => line['digest']),
      ['e'.repeat(64)],
    )
  })

  it('never touches a file that it did not begin, nor goes on behind lines that it did not write', async () => {
    const input = await clips({ 'a.mp4': 'clip 5' })
    await writeFile(out, 'my notes\n')
    for (const flags of [[], ['--restart']]) {
      const { code, err } = await run(input, ...flags)
      assert.equal(code, 1)
      assert.match(err, /was not begun by this command/)
    }
    assert.equal(await readFile(out, 'utf8'), 'my notes\n')
    await rm(out)
    await run(input)
    await appendFile(out, 'my notes\n')
    const { code, err } = await run(input)
    assert.equal(code, 1)
    assert.match(err, /captions\.jsonl: line 2 is none that this command wrote/)
  })
})
