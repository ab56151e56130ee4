/** Servers that are busy, restart, go away, change, or die of a clip. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import {
  type CaptionLine,
  caption,
  type FailureLine,
  keys,
  linesOf,
  writeClips,
} from '../support/caption-run.ts'
import { type FakeServer, startFakeServer } from '../support/caption-server.ts'
import { freePort } from '../support/free-port.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'

const CLIPS = Object.fromEntries(
  Array.from({ length: 6 }, (_, i) => [`clip-${i}.mp4`, `clip ${10 * (i + 1)}`]),
)
const SEGMENTS = 21

let folder: TemporaryFolder
let server: FakeServer
let input: string
let out: string
beforeEach(async () => {
  folder = await temporaryFolder()
  // One that starts again needs its own port, which nobody else may have got meanwhile.
  server = await startFakeServer(await freePort())
  input = await writeClips(join(folder.path, 'clips'), CLIPS)
  out = join(folder.path, 'captions.jsonl')
})
afterEach(async () => {
  await server.close()
  await folder[Symbol.asyncDispose]()
})

const run = (...flags: string[]) => caption([input, '--out', out, '--server', server.url, ...flags])
const captions = () => linesOf<CaptionLine>(out)
const failures = () => linesOf<FailureLine>(`${out}.failures.jsonl`)

async function assertWhole(): Promise<void> {
  const lines = keys(await captions())
  assert.equal(lines.length, SEGMENTS)
  assert.equal(new Set(lines).size, SEGMENTS)
  assert.deepEqual(await failures(), [])
}

describe('a server', () => {
  it('that is full is asked again after the time that it says', async () => {
    let refusals = 0
    const busy = { status: 429, code: 'queue_full', headers: { 'retry-after-ms': '10' } }
    server.refuse = (what) => (what !== 'models' && ++refusals % 2 === 1 ? busy : undefined)
    const { code, err } = await run()
    assert.equal(code, 0, err)
    await assertWhole()
  })

  it('that drops connections or fails now and then loses no segment, and has none twice', async () => {
    let requests = 0
    const failures = new Map<string, number>()
    server.refuse = (what, clip) => {
      if (what === 'models') return undefined
      requests += 1
      const times = failures.get(clip) ?? 0
      // What fails four times is given up, and lanes come back in any order.
      if (times === 3 || (requests % 5 !== 0 && requests % 7 !== 0)) return undefined
      failures.set(clip, times + 1)
      return requests % 5 === 0 ? 'hang up' : { status: 500, code: 'internal_error' }
    }
    const { code, err } = await run()
    assert.equal(code, 0, err)
    await assertWhole()
  })

  it('that restarts and has lost the files is waited for, and gets them again', async () => {
    const { url } = server
    const port = Number(new URL(url).port)
    server.answerMs = 20
    server.refuse = (what) => {
      if (what === 'chat' && server.asked.length >= 8) {
        void server.close()
        return 'hang up'
      }
      return undefined
    }
    const waits = Promise.withResolvers<void>()
    const args = [input, '--out', out, '--server', url, '--jobs', '2']
    const running = caption(args, '', (text) => text.includes('waiting for') && waits.resolve())
    await waits.promise
    server = await startFakeServer(port)
    const { code, err } = await running
    assert.equal(code, 0, err)
    assert.match(err, /^aerie: waiting for http:.*$/m)
    assert.match(err, /^aerie: the server is back$/m)
    await assertWhole()
  })

  it('that stays away stops the run, which fails no clip and goes on later', async () => {
    const { url } = server
    server.refuse = (what) => {
      if (what === 'chat' && server.asked.length >= 3) {
        void server.close()
        return 'hang up'
      }
      return undefined
    }
    const { code, err } = await run('--wait', '500ms', '--jobs', '1')
    assert.equal(code, 1)
    assert.match(err, /did not come back within 1 s: .*; the same command goes on\n$/)
    assert.deepEqual(await failures(), [])
    assert.equal((await captions()).length, 3)
    server = await startFakeServer(Number(new URL(url).port))
    assert.equal((await run()).code, 0)
    await assertWhole()
    assert.equal(server.asked.length, SEGMENTS - 3)
  })

  it('that dies of one clip each time loses that clip alone', async () => {
    server.refuse = (what, clip) => (what === 'chat' && clip === 'clip 20' ? 'hang up' : undefined)
    assert.equal((await run()).code, 1)
    const failed = await failures()
    assert.deepEqual(keys(failed), ['clip-1.mp4#0', 'clip-1.mp4#1'])
    assert.deepEqual(new Set(failed.map(({ code }) => code)), new Set(['server_lost']))
    assert.equal((await captions()).length, SEGMENTS - 2)
  })

  it('that loses every file it is given fails the clips by name', async () => {
    server.refuse = (what) => {
      if (what === 'tokenize') server.files.clear()
      return undefined
    }
    assert.equal((await run()).code, 1)
    assert.deepEqual(new Set((await failures()).map(({ code }) => code)), new Set(['not_found']))
  })

  it('that begins to serve another model stops the run', async () => {
    server.refuse = (what) => {
      if (what === 'chat' && server.asked.length >= 2) {
        server.digest = 'e'.repeat(64)
        server.fingerprint = 'fp_2'
      }
      return undefined
    }
    const { code, err } = await run('--jobs', '1')
    assert.equal(code, 1)
    assert.match(err, /serves another fake now/)
    assert.deepEqual(
      new Set((await captions()).map((line) => line['digest'])),
      new Set(['d'.repeat(64)]),
    )
  })

  it('that was restarted with the same weights in another version goes on', async () => {
    server.refuse = (what) => {
      if (what === 'chat' && server.asked.length >= 2) server.fingerprint = 'fp_2'
      return undefined
    }
    assert.equal((await run()).code, 0)
    await assertWhole()
    const fingerprints = (await captions()).map((line) => line['system_fingerprint'])
    assert.deepEqual(new Set(fingerprints), new Set(['fp_1', 'fp_2']))
  })

  it('that refuses the key, or a field, is told at once and fails no clip', async () => {
    for (const [what, status, code] of [
      ['models', 401, 'invalid_api_key'],
      ['upload', 401, 'invalid_api_key'],
      ['chat', 400, 'unsupported_parameter'],
    ] as const) {
      server.refuse = (asked) =>
        asked === what ? { status, code, message: `no: ${code}` } : undefined
      const { code: exit, err } = await run()
      assert.equal(exit, 1)
      assert.match(err, new RegExp(`^aerie: http:\\S+: no: ${code}$`, 'm'))
      assert.deepEqual(await failures(), [])
    }
  })

  it('that is not there is a wrong address, and said at once', async () => {
    await server.close()
    const { code, err } = await run()
    assert.equal(code, 1)
    assert.match(err, /^aerie: cannot reach http:\S+: .*ECONNREFUSED.*\n$/)
  })
})
