/** Runs whose segments begin where scenes do, against a server that says where that is. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import {
  type CaptionLine,
  caption,
  type FailureLine,
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
  server.scenes = []
  server.refuse = () => undefined
  server.counts.probes = 0
})
afterEach(() => folder[Symbol.asyncDispose]())

const clips = (content: Readonly<Record<string, string>>) =>
  writeClips(join(folder.path, 'clips'), content)
const run = (input: string, ...flags: string[]) =>
  caption([input, '--out', out, '--server', server.url, ...flags])
const spans = async () =>
  (await linesOf<CaptionLine>(out))
    .toSorted((a, b) => a.id.localeCompare(b.id) || a.segment - b.segment)
    .map(({ start, end }) => [start, end])

describe('segments at scenes', () => {
  it('are asked about one by one, and the server is asked for scenes in pieces that it can decode in time', async () => {
    const input = await clips({ 'a.mp4': 'clip 75' })
    // One on the border of two pieces, one too close to the one before it.
    server.scenes = [12, 30, 30.4, 70]
    assert.equal((await run(input, '--segment', 'scenes:1s-25s')).code, 0)
    assert.deepEqual(await spans(), [
      [0, 12],
      [12, 30],
      [30, 50],
      [50, 70],
      [70, 75],
    ])
    // Its length, and three pieces.
    assert.equal(server.counts.probes, 4)
  })

  it('lie in the part that a line of a list names, and by its own rule', async () => {
    const input = await clips({ 'a.mp4': 'clip 40', 'b.mp4': 'clip 4' })
    server.scenes = [2, 12, 20, 33]
    const list = join(input, 'list.jsonl')
    const lines = [{ path: 'a.mp4', start: 10, end: 25, segment: 'scenes' }, { path: 'b.mp4' }]
    await writeFile(list, lines.map((line) => JSON.stringify(line)).join('\n'))
    assert.equal((await run(list)).code, 0)
    assert.deepEqual(await spans(), [
      [10, 12],
      [12, 20],
      [20, 25],
      [0, 4],
    ])
  })

  it('are the cues of subtitles', async () => {
    const input = await clips({ 'a.mp4': 'clip 9' })
    server.scenes = [2.5]
    const file = join(folder.path, 'a.srt')
    const args = [
      join(input, 'a.mp4'),
      '--out',
      file,
      '--server',
      server.url,
      '--segment',
      'scenes',
    ]
    assert.equal((await caption(args)).code, 0)
    assert.match(
      await readFile(file, 'utf8'),
      /00:00:00,000 --> 00:00:02,500\n[\s\S]*00:00:02,500 --> 00:00:09,000\n/,
    )
  })

  it('go on where they were, wherever the captions were cut off', async () => {
    const input = await clips({ 'a.mp4': 'clip 40' })
    server.scenes = [3, 9, 21]
    await run(input, '--segment', 'scenes')
    const whole = await readFile(out)
    const expected = await spans()
    for (const share of [0, 0.3, 0.6, 0.9]) {
      const kept = whole.subarray(0, Math.floor(whole.length * share))
      await writeFile(out, kept)
      server.asked.length = 0
      assert.equal((await run(input, '--segment', 'scenes')).code, 0)
      assert.deepEqual(await spans(), expected)
      assert.equal(server.asked.length, expected.length - kept.toString().split('\n').length + 1)
    }
  })

  it('that are found elsewhere than before are refused, and nothing is mixed', async () => {
    const input = await clips({ 'a.mp4': 'clip 40' })
    server.scenes = [3, 9]
    await run(input, '--segment', 'scenes', '--jobs', '1')
    const [first] = (await readFile(out, 'utf8')).split('\n')
    await writeFile(out, `${first}\n`)
    server.scenes = [4, 9]
    assert.equal((await run(input, '--segment', 'scenes')).code, 1)
    const [failure] = await linesOf<FailureLine>(`${out}.failures.jsonl`)
    assert.equal(failure?.code, 'clip_changed')
    assert.match(failure.message, /segment 0 is from 0 to 4 s now and was from 0 to 3 s/)
    assert.equal(await readFile(out, 'utf8'), `${first}\n`)
  })

  it('of a clip that is too much to decode are its failure', async () => {
    const input = await clips({ 'a.mp4': 'clip 40', 'b.mp4': 'clip 8' })
    server.refuse = (what, clip) =>
      what === 'tokenize' && clip === 'clip 40' && server.counts.probes > 2
        ? { status: 400, code: 'media_too_large', message: 'takes longer than videoTimeoutMs' }
        : undefined
    assert.equal((await run(input, '--segment', 'scenes', '--jobs', '1')).code, 1)
    const failures = await linesOf<FailureLine>(`${out}.failures.jsonl`)
    assert.deepEqual(
      failures.map(({ id, code }) => [id, code]),
      [['a.mp4', 'media_too_large']],
    )
    assert.deepEqual(await spans(), [[0, 8]])
  })

  it('are refused by name where the rule makes no sense', async () => {
    const input = await clips({ 'a.mp4': 'clip 40' })
    const { code, err } = await run(input, '--segment', 'scenes:2s-3s')
    assert.equal(code, 2)
    assert.match(err, /--segment: expected .*scenes:1s-30s.*got 'scenes:2s-3s'/)
  })
})
