/** Whole runs against a server that does as its clips say. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { copyFile, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
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

const PICTURE = fileURLToPath(new URL('../../docs/pictures/purple-heart.png', import.meta.url))

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

describe('a run', () => {
  it('tells of a URL that nobody answers why, at once', async () => {
    const closed = createServer().listen(0, '127.0.0.1')
    await once(closed, 'listening')
    const { port } = closed.address() as AddressInfo
    await new Promise((resolve) => closed.close(resolve))
    const list = join(folder.path, 'list.txt')
    await writeFile(list, `http://127.0.0.1:${port}/a.mp4\n`)
    assert.equal((await run(list)).code, 1)
    const [failure] = await failures()
    assert.equal(failure!.code, 'media_fetch_failed')
    assert.match(failure!.message, /ECONNREFUSED/)
  })

  it('steers no terminal by the name of a clip', async () => {
    server.refuse = (what) => (what === 'chat' ? { status: 400, code: 'invalid_media' } : undefined)
    const { err } = await run(await clips({ '\u001b]0;owned\u0007\u009b2J.mp4': 'clip 5' }))
    assert.match(err, /such as\s+\]0;owned/)
    assert.doesNotMatch(err.replaceAll('\n', ''), /\p{Cc}/u)
  })

  it('says of --out whose folder is not there that it is --out', async () => {
    const nowhere = join(folder.path, 'no/such/o.jsonl')
    const { code, err } = await caption([folder.path, '--out', nowhere, '--server', server.url])
    assert.deepEqual([code, err], [1, `aerie: --out ${nowhere}: its folder is not there\n`])
  })

  it('writes a line a segment with times, frames, model, prompt and usage, and leaves no file on the server', async () => {
    const input = await clips({ 'a.mp4': 'clip 25', 'sub/b.mkv': 'clip 4' })
    const { code, out: said, err } = await run(input, '--prompt', 'what happens?')
    assert.deepEqual([code, said], [0, `${out}\n`])
    assert.match(err, /^aerie: 2 clips captioned: 4 segments, 8 frames in .*clips\/s/)
    const lines = await captions()
    assert.deepEqual(keys(lines), ['a.mp4#0', 'a.mp4#1', 'a.mp4#2', 'sub/b.mkv#0'])
    const last = lines.find(({ id, segment }) => id === 'a.mp4' && segment === 2)!
    const { at, clip, ...rest } = last
    assert.deepEqual(rest, {
      id: 'a.mp4',
      source: join(input, 'a.mp4'),
      segment: 2,
      segments: 3,
      start: 20,
      end: 25,
      caption: 'clip 25 from 20 to 25',
      frames: [20, 22.5],
      model: 'fake',
      digest: 'd'.repeat(64),
      system_fingerprint: 'fp_1',
      prompt: 'what happens?',
      usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 },
      finish_reason: 'stop',
      aerie: '0.1.0',
    })
    assert.ok(Math.abs(Date.parse(String(at)) - Date.now()) < 60_000)
    const { mtimeMs } = await stat(join(input, 'a.mp4'))
    const sha256 = createHash('sha256').update('clip 25').digest('hex')
    assert.deepEqual(clip, { bytes: 7, modified: Math.trunc(mtimeMs), sha256 })
    assert.equal(server.files.size, 0)
    assert.deepEqual(
      [server.counts.uploads, server.counts.probes, server.counts.deletions],
      [2, 2, 2],
    )
  })

  it('asks for the frames and the answer that its flags say, behind live traffic', async () => {
    const input = await clips({ 'a.mp4': 'clip 4' })
    const flags = [
      '--fps',
      '0.5',
      '--max-frames',
      '3',
      '--sampling',
      'keyframes',
      '--segment',
      '2s',
    ]
    assert.equal((await run(input, ...flags)).code, 0)
    assert.deepEqual(
      server.asked.map(({ part: { file_id: _, ...sampling } }) => sampling),
      [
        { start: 0, end: 2, fps: 0.5, max_frames: 3, sampling: 'keyframes' },
        { start: 2, end: 4, fps: 0.5, max_frames: 3, sampling: 'keyframes' },
      ],
    )
  })

  it('shows pictures whole, as clips of one frame', async () => {
    const input = await clips({ 'a.mp4': 'clip 4' })
    await copyFile(PICTURE, join(input, 'b.mp4'))
    // The fake server reads texts alone.
    server.caption = ({ start }) => (start === undefined ? 'a heart' : 'a clip')
    assert.equal((await run(input)).code, 0)
    const picture = (await captions()).find(({ id }) => id === 'b.mp4')!
    assert.deepEqual(
      [picture.caption, picture.start, picture.end, picture.frames],
      ['a heart', 0, 0, [0]],
    )
    assert.equal(server.counts.probes, 1)
  })

  it('has no more requests at a time than --jobs, of one clip or of many', async () => {
    const input = await clips({
      'a.mp4': 'clip 100',
      ...Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`b${i}.mp4`, 'clip 1'])),
    })
    server.answerMs = 100
    assert.equal((await run(input, '--jobs', '3')).code, 0)
    assert.equal(server.counts.mostRunning, 3)
    assert.equal((await captions()).length, 18)
  })

  it('takes what a list says of each clip, from standard input too', async () => {
    const input = await clips({ 'a.mp4': 'clip 30' })
    const path = join(input, 'a.mp4')
    const list = [
      { path, id: 'middle', start: 10, end: 14, prompt: 'who?', segment: '2s' },
      { path, start: 28, end: 99 },
    ]
    const text = list.map((line) => JSON.stringify(line)).join('\n')
    const { code } = await caption(['-', '--out', out, '--server', server.url], text)
    assert.equal(code, 0)
    const lines = await captions()
    assert.deepEqual(lines.map(({ id, start, end, prompt }) => [id, start, end, prompt]).sort(), [
      [`${path}#t=28,99`, 28, 30, 'Describe what you see.'],
      ['middle', 10, 12, 'who?'],
      ['middle', 12, 14, 'who?'],
    ])
  })

  it('fetches URLs itself, hands them over, and asks a server that fails again', async (t) => {
    let requests = 0
    const web = createServer((request, response) => {
      if (request.url === '/moved.mp4') response.writeHead(302, { location: '/a.mp4' }).end()
      else if (request.url === '/a.mp4') response.end('clip 3')
      else if (request.url === '/cut.mp4') {
        response.writeHead(200, { 'content-length': 9 })
        response.write('clip', () => response.socket?.destroy())
      } else if (request.url === '/tired.mp4' && ++requests < 3) response.writeHead(503).end()
      else response.writeHead(request.url === '/tired.mp4' ? 200 : 404).end('clip 4')
    })
    web.listen(0, '127.0.0.1')
    t.after(() => web.close())
    await once(web, 'listening')
    const base = `http://127.0.0.1:${(web.address() as AddressInfo).port}`
    const list = join(folder.path, 'list.txt')
    const names = ['moved.mp4', 'tired.mp4', 'gone.mp4', 'cut.mp4']
    await writeFile(list, names.map((name) => `${base}/${name}`).join('\n'))
    assert.equal((await run(list)).code, 1)
    assert.deepEqual(keys(await captions()), [`${base}/moved.mp4#0`, `${base}/tired.mp4#0`])
    assert.equal(requests, 3)
    assert.deepEqual((await failures()).map(({ id, code }) => [id, code]).sort(), [
      [`${base}/cut.mp4`, 'media_fetch_failed'],
      [`${base}/gone.mp4`, 'media_refused'],
    ])
  })
})

describe('bad clips', () => {
  it('are written down with their reasons, stop nothing, and end with 1 and a summary', async () => {
    const input = await clips({ 'good.mp4': 'clip 4', 'text.mp4': 'hello', 'empty.mp4': '' })
    const list = join(input, 'list.jsonl')
    const paths = ['good.mp4', 'text.mp4', 'empty.mp4', 'gone.mp4', '.', '/dev/zero']
    const lines = [
      ...paths.map((path) => ({ path })),
      { path: 'good.mp4', id: 'late', start: 9 },
      { nothing: 1 },
    ]
    await writeFile(list, lines.map((line) => JSON.stringify(line)).join('\n'))
    const { code, err } = await run(list)
    assert.equal(code, 1)
    const failed = new Map((await failures()).map((line) => [line.id, line]))
    assert.deepEqual([...failed].map(([id, line]) => [id, line['code']]).sort(), [
      ['.', 'unreadable'],
      ['/dev/zero', 'unreadable'],
      ['empty.mp4', 'invalid_media'],
      ['gone.mp4', 'unreadable'],
      ['late', 'invalid_request'],
      ['line 8', 'invalid_line'],
      ['text.mp4', 'invalid_media'],
    ])
    assert.equal(failed.get('text.mp4')!.param, 'messages[0].content[0].input_video')
    assert.match(err, /^aerie: 7 failures, in .*failures\.jsonl:$/m)
    assert.match(err, /^aerie: {3}3 unreadable, such as .*$/m)
    assert.deepEqual(keys(await captions()), ['good.mp4#0'])
  })

  it('of which one segment fails have the captions of the others', async () => {
    const input = await clips({ 'a.mp4': 'clip 30' })
    let asked = 0
    server.refuse = (what) =>
      what === 'chat' && ++asked === 2 ? { status: 504, code: 'deadline_exceeded' } : undefined
    assert.equal((await run(input, '--jobs', '1')).code, 1)
    assert.deepEqual(keys(await captions()), ['a.mp4#0', 'a.mp4#2'])
    assert.deepEqual(
      (await failures()).map(({ segment, start, code }) => [segment, start, code]),
      [[1, 10, 'deadline_exceeded']],
    )
  })

  it('are not tried again unless --retry-failed says so', async () => {
    const input = await clips({ 'a.mp4': 'clip 20', 'b.mp4': 'hello' })
    server.refuse = (what, clip) =>
      what === 'chat' && clip === 'clip 20'
        ? { status: 400, code: 'context_length_exceeded' }
        : undefined
    assert.equal((await run(input)).code, 1)
    const before = await failures()
    server.refuse = () => undefined
    await writeFile(join(input, 'b.mp4'), 'clip 5')
    assert.equal((await run(input)).code, 1)
    assert.deepEqual(await failures(), before)
    assert.equal(server.asked.length, 0)
    const { code, err } = await run(input, '--retry-failed')
    assert.equal(code, 0, err)
    assert.deepEqual(keys(await captions()), ['a.mp4#0', 'a.mp4#1', 'b.mp4#0'])
    assert.deepEqual(await failures(), [])
  })
})

describe('a list that names a clip twice', () => {
  it('has it captioned once; two clips under one id are refused by name', async () => {
    const input = await clips({ 'a.mp4': 'clip 5', 'b.mp4': 'clip 5' })
    const list = join(input, 'list.jsonl')
    const lines = [
      { path: 'a.mp4' },
      { path: 'a.mp4' },
      { path: 'b.mp4', id: 'a.mp4' },
      { path: 'a.mp4', id: 'a.mp4', prompt: 'why?' },
    ]
    await writeFile(list, lines.map((line) => JSON.stringify(line)).join('\n'))
    server.answerMs = 50
    assert.equal((await run(list)).code, 1)
    assert.deepEqual(keys(await captions()), ['a.mp4#0'])
    assert.deepEqual(
      (await failures()).map(({ code }) => code),
      ['duplicate_id', 'duplicate_id'],
    )
  })
})

describe('subtitles', () => {
  it('are a file a clip, written when the clip is whole', async () => {
    const input = await clips({ 'a.mp4': 'clip 15', 'sub/b.mkv': 'clip 2', 'c.mp4': 'clip 20 bad' })
    let asked = 0
    server.refuse = (what, clip) =>
      what === 'chat' && clip.endsWith('bad') && ++asked === 2
        ? { status: 400, code: 'media_too_large' }
        : undefined
    const folderOut = join(folder.path, 'subs')
    const args = [
      input,
      '--out',
      folderOut,
      '--format',
      'vtt',
      '--jobs',
      '1',
      '--server',
      server.url,
    ]
    assert.equal((await caption(args)).code, 1)
    assert.deepEqual((await readdir(folderOut, { recursive: true })).sort(), [
      'a.mp4.vtt',
      'sub',
      'sub/b.mkv.vtt',
    ])
    const text = await readFile(join(folderOut, 'a.mp4.vtt'), 'utf8')
    assert.match(
      text,
      /^WEBVTT\n\n00:00:00\.000 --> 00:00:10\.000\nclip 15 from 0 to 10\n\n00:00:10\.000 --> 00:00:15\.000\n/,
    )
    server.refuse = () => undefined
    assert.equal((await caption([...args, '--retry-failed'])).code, 0)
    // Of words that were asked for in two runs.
    assert.match(
      await readFile(join(folderOut, 'c.mp4.vtt'), 'utf8'),
      /from 0 to 10\n[\s\S]*from 10 to 20\n/,
    )
    const starts = server.asked.filter(({ clip }) => clip.endsWith('bad')).map(({ start }) => start)
    assert.deepEqual(starts.sort(), [0, 10])
  })

  it('of one clip are the one file that is named', async () => {
    const input = await clips({ 'a.mp4': 'clip 15' })
    const file = join(folder.path, 'a.srt')
    assert.equal(
      (await caption([join(input, 'a.mp4'), '--out', file, '--server', server.url])).code,
      0,
    )
    assert.match(
      await readFile(file, 'utf8'),
      /^1\n00:00:00,000 --> 00:00:10,000\nclip 15 from 0 to 10\n/,
    )
    const { code, err } = await caption([
      input,
      '--out',
      join(folder.path, 'b.srt'),
      '--server',
      server.url,
    ])
    assert.equal(code, 2)
    assert.match(err, /expected a folder, as each clip has a file of its own/)
  })

  it('of somebody else are not written over, and those of an earlier run are with --restart alone', async () => {
    const input = await clips({ 'a.mp4': 'clip 5' })
    const file = join(folder.path, 'mine.srt')
    const inFolder = join(folder.path, 'subs')
    const flags = ['--server', server.url]
    await writeFile(file, 'written by hand')
    const one = await caption([join(input, 'a.mp4'), '--out', file, ...flags])
    assert.deepEqual([one.code, await readFile(file, 'utf8')], [1, 'written by hand'])
    assert.match(one.err, /mine\.srt is there, and was not begun by this command/)

    await writeClips(join(inFolder, 'deep'), { 'a.mp4.vtt': 'by hand, too' })
    const many = [input, '--out', inFolder, '--format', 'vtt', ...flags]
    assert.match((await caption([...many, '--restart'])).err, /deep\/a\.mp4\.vtt is there/)
    await rm(join(inFolder, 'deep'), { recursive: true })
    assert.equal((await caption(many)).code, 0)
    server.caption = () => 'anew'
    assert.equal((await caption([...many, '--restart'])).code, 0)
    assert.match(await readFile(join(inFolder, 'a.mp4.vtt'), 'utf8'), /anew/)
  })
})
