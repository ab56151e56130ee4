/**
 * `aerie caption` with real clips and the starter: a folder in which anything may lie, interrupted again and again.
 * `PROPERTY_RUNS=10000` puts a thousand good clips into it.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir, readdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { DRAWINGS, drawClip, drawPicture, isTold } from '../../bench/drawn-clips.ts'
import type { RunningServer } from '../../src/main.ts'
import { type CaptionLine, type FailureLine, keys, linesOf } from '../support/caption-run.ts'
import { startTestServer } from '../support/server.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'

const AERIE = resolve(import.meta.dirname, '../../bin/aerie.js')
const NO_FFMPEG = spawnSync('ffmpeg', ['-version']).error ? 'ffmpeg is not installed' : false
const KINDS = ['mp4', 'mkv', 'avi', 'mov'] as const
const GOOD = Math.max(30, Math.ceil(Number(process.env['PROPERTY_RUNS'] ?? 0) / 10))
/** Lines between two interruptions, at least. */
const LINES_BETWEEN = GOOD / 15

/** One after the other, in this process group: as if a shell had started it. */
function start(args: readonly string[]) {
  const child = spawn(process.execPath, [AERIE, 'caption', ...args])
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  child.stdout.resume()
  return {
    child,
    exit: once(child, 'exit') as Promise<[number | null, string | null]>,
    said: () => said,
  }
}

const ffmpeg = (...args: string[]) =>
  execFileSync('ffmpeg', ['-v', 'error', '-nostdin', '-y', ...args])

describe('a folder of clips', { skip: NO_FFMPEG }, () => {
  let folder: TemporaryFolder
  let server: RunningServer
  let clips: string
  /** Good clip → what it shows in each segment of a second. */
  const shown = new Map<string, (typeof DRAWINGS)[number][]>()
  before(async () => {
    folder = await temporaryFolder()
    clips = join(folder.path, 'clips')
    await mkdir(join(clips, 'deep/er'), { recursive: true })
    // Encoded once for each container, and then told apart by a word of metadata.
    for (const [i, kind] of KINDS.entries()) {
      const drawings = [DRAWINGS[i]!, DRAWINGS[(i + 7) % DRAWINGS.length]!]
      const first = join(folder.path, `first.${kind}`)
      await drawClip(first, drawings, 1)
      for (let n = i; n < GOOD; n += KINDS.length) {
        const name = `${n % 3 === 0 ? 'deep/er/' : ''}good-${n}.${kind}`
        ffmpeg('-i', first, '-c', 'copy', '-metadata', `title=${n}`, join(clips, name))
        shown.set(name, drawings)
      }
    }
    const first = join(folder.path, 'first.mp4')
    const drawings = shown.get('good-4.mp4')!
    ffmpeg(
      '-i',
      first,
      '-f',
      'lavfi',
      '-i',
      'anullsrc',
      '-shortest',
      '-c:v',
      'copy',
      join(clips, 'silence.mp4'),
    )
    shown.set('silence.mp4', drawings)
    ffmpeg('-i', first, '-c', 'copy', '-metadata:s:v', 'rotate=90', join(clips, 'rotated.mp4'))
    shown.set('rotated.mp4', drawings)
    await copyFile(first, join(clips, 'cut.mp4'))
    await truncate(join(clips, 'cut.mp4'), 5000)
    await writeFile(join(clips, 'empty.mp4'), '')
    await writeFile(join(clips, 'text.mp4'), 'this is no clip\n'.repeat(100))
    ffmpeg(
      '-f',
      'lavfi',
      '-i',
      'color=size=12000x9000:rate=1:duration=1',
      '-c:v',
      'gif',
      '-f',
      'avi',
      join(clips, 'huge.avi'),
    )
    ffmpeg('-f', 'lavfi', '-i', 'sine=duration=1', join(clips, 'sound.mkv'))
    await writeFile(join(clips, 'notes.txt'), 'no clip either')
    await symlink('/etc/passwd', join(clips, 'passwd.mp4'))
    await drawPicture(join(clips, 'picture.png'), DRAWINGS[5]!)
    server = await startTestServer()
  })
  after(async () => {
    await server?.close()
    await folder?.[Symbol.asyncDispose]()
  })

  it('is captioned whole, each segment once, with ten interruptions on the way', async () => {
    const out = join(folder.path, 'captions.jsonl')
    const args = [clips, '--out', out, '--server', server.url, '--segment', '1s', '--jobs', '3']
    const lines = () => linesOf<CaptionLine>(out)
    let seen = 0
    for (let i = 0; i < 10; i++) {
      const run = start(args)
      while (run.child.exitCode === null && (await lines()).length < seen + LINES_BETWEEN)
        await delay(20)
      run.child.kill(i % 2 === 0 ? 'SIGKILL' : 'SIGINT')
      const [code, signal] = await run.exit
      assert.ok(signal === 'SIGKILL' || code === 130, `${code} ${run.said()}`)
      seen = (await lines()).length
    }
    const run = start(args)
    assert.deepEqual(await run.exit, [1, null], run.said())

    const written = await lines()
    const expected = [...shown.keys()].flatMap((id) => [`${id}#0`, `${id}#1`])
    assert.deepEqual(keys(written), [...expected, 'picture.png#0'].sort())
    const failures = await linesOf<FailureLine>(`${out}.failures.jsonl`)
    assert.deepEqual(failures.map(({ id, code }) => [id, code]).sort(), [
      ['cut.mp4', 'invalid_media'],
      ['empty.mp4', 'invalid_media'],
      ['huge.avi', 'media_too_large'],
      ['sound.mkv', 'invalid_media'],
      ['text.mp4', 'invalid_media'],
    ])
    for (const { message } of failures) assert.ok(message.length > 10)

    const wrong = written.filter(
      ({ id, segment, caption }) => !isTold(caption, shown.get(id)?.[segment] ?? DRAWINGS[5]!),
    )
    // The starter reads shapes that lie on their side as well as others.
    assert.deepEqual(
      wrong.map(({ id, segment, caption }) => [id, segment, caption]),
      [],
    )
    for (const { id, start: from, end, frames } of written) {
      assert.equal(frames.length, 1)
      assert.ok(id === 'picture.png' || (frames[0]! >= from && frames[0]! < end), `${id} ${frames}`)
    }
    // What a killed run left is the server's to drop when it expires; what ended itself left nothing.
    const { data } = (await (await fetch(`${server.url}/v1/files`)).json()) as {
      data: { expires_at: number; created_at: number }[]
    }
    for (const { expires_at, created_at } of data) assert.equal(expires_at - created_at, 3600)
    assert.ok(data.length <= 5 * 5, String(data.length))
  })

  it('becomes subtitles, with a model that the command opens itself', async () => {
    const out = join(folder.path, 'subtitles')
    const list = join(folder.path, 'list.txt')
    await writeFile(list, 'clips/good-4.mp4\nclips/good-5.mkv\n')
    const dataDir = join(folder.path, 'data')
    const run = start([
      list,
      '--out',
      out,
      '--format',
      'srt',
      '--segment',
      '1s',
      '--data-dir',
      dataDir,
    ])
    assert.deepEqual(await run.exit, [0, null], run.said())
    assert.deepEqual((await readdir(join(out, 'clips'))).sort(), [
      'good-4.mp4.srt',
      'good-5.mkv.srt',
    ])
    const [one, two] = shown.get('good-4.mp4')!
    const text = await readFile(join(out, 'clips/good-4.mp4.srt'), 'utf8')
    const cues = text.split('\n\n')
    assert.match(cues[0]!, /^1\n00:00:00,000 --> 00:00:01,000\n/)
    assert.match(cues[1]!, /^2\n00:00:01,000 --> 00:00:02,\d{3}\n/)
    assert.ok(isTold(cues[0]!, one!) && isTold(cues[1]!, two!), text)
  })
})
