import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { Decoder } from '../../src/media/decoder.ts'
import { PICTURE_DECODER } from '../../src/media/decoder-kinds.ts'
import { type Opened, unwrap } from '../../src/media/decoder-protocol.ts'
import { LIMITS, NEVER, solid } from './pictures.ts'

const CALL = { do: 'open', picture: 1, from: 'file', param: 'picture', limits: LIMITS } as const

describe('a decoder', { skip: process.platform !== 'linux' && 'looks into /proc' }, () => {
  const deaths: object[] = []
  const logger = { warn: (details: object) => deaths.push(details) }
  const options = { ...PICTURE_DECODER, maxBodyBytes: 1e6, heapMb: 128, logger }
  const decoder = new Decoder({ ...options, timeoutMs: 60_000 })
  let png: Buffer
  before(async () => {
    png = await solid([1, 2, 3], 40, 30).png().toBuffer()
    await decoder.start()
  })
  after(() => decoder.dispose())

  async function works(one = decoder): Promise<void> {
    const { reply, idle } = one.run(CALL, png, NEVER)
    assert.equal(unwrap<Opened>((await reply).head).header.width, 40)
    await idle
  }

  /** Stops the process in its tracks, as a codec in an endless loop would. */
  async function hang({ pid } = decoder): Promise<void> {
    process.kill(pid!, 'SIGSTOP')
    while (!/^\d+ \(.*\) T/.test(await readFile(`/proc/${pid}/stat`, 'utf8'))) await turn()
  }

  it('does one task after another in one process', async () => {
    await works()
    const { pid } = decoder
    await works()
    assert.equal(decoder.pid, pid)
  })

  it('that a picture crashes fails that picture alone', async () => {
    const { pid } = decoder
    await hang()
    const { reply, idle } = decoder.run(CALL, png, NEVER)
    process.kill(pid!, 'SIGABRT')
    process.kill(pid!, 'SIGCONT')
    await assert.rejects(reply, { code: 'invalid_media', message: /made its decoder crash/ })
    await idle
    await works()
    assert.notEqual(decoder.pid, pid)
    assert.equal(deaths.length, 1)
  })

  it('that somebody else kills is a defect, not the picture’s fault', async () => {
    await hang()
    const { reply, idle } = decoder.run(CALL, png, NEVER)
    process.kill(decoder.pid!, 'SIGKILL')
    await assert.rejects(
      reply,
      (error: Error) => !('code' in error) && /SIGKILL/.test(error.message),
    )
    await idle
    await works()
  })

  it('that hangs is replaced after its time', async () => {
    const impatient = new Decoder({ ...options, timeoutMs: 200 })
    try {
      await impatient.start()
      const { pid } = impatient
      await hang(impatient)
      const { reply, idle } = impatient.run(CALL, png, NEVER)
      await assert.rejects(reply, {
        code: 'media_too_large',
        message: /longer than 200 ms.*decodeTimeoutMs/,
      })
      await idle
      // On a machine that does other things, a healthy one may take as long.
      while (
        !(await works(impatient).then(
          () => true,
          () => false,
        ))
      );
      assert.notEqual(impatient.pid, pid)
    } finally {
      await impatient.dispose()
    }
  })

  it('answers an abort at once and is given a second to come back by itself', async () => {
    for (let tries = 1; ; tries++) {
      const { pid } = decoder
      const abort = new AbortController()
      await hang()
      const { reply, idle } = decoder.run(CALL, png, abort.signal)
      await turn()
      const tooLate = turn('too late')
      abort.abort()
      const end = reply.then(unwrap, ({ code }) => code)
      assert.equal(await Promise.race([end, tooLate]), 'cancelled')
      process.kill(pid!, 'SIGCONT')
      await idle
      await works()
      if (decoder.pid === pid) return
      // The second may be over before it has a turn, where the machine does other things.
      assert.ok(tries < 10, 'it was quick enough to keep')
    }
  })

  it('is killed when it is still at an aborted picture after that', async () => {
    const { pid } = decoder
    const abort = new AbortController()
    await hang()
    const { reply, idle } = decoder.run(CALL, png, abort.signal)
    await turn()
    abort.abort()
    await assert.rejects(reply, { code: 'cancelled' })
    await idle
    await works()
    assert.notEqual(decoder.pid, pid)
  })

  it('takes a task while its next process is still starting', async () => {
    const { pid } = decoder
    process.kill(pid!, 'SIGKILL')
    while (decoder.pid === pid) await turn()
    await works()
  })

  it('runs without the environment of the server', async () => {
    const environment = await readFile(`/proc/${decoder.pid}/environ`, 'utf8')
    assert.equal(environment.replaceAll('\0', ''), 'MALLOC_ARENA_MAX=1')
  })

  it('fails its task when it is disposed of, and is gone', async () => {
    const { pid } = decoder
    await hang()
    const { reply } = decoder.run(CALL, png, NEVER)
    const refused = assert.rejects(reply, { code: 'shutting_down' })
    await decoder.dispose()
    await refused
    assert.throws(() => process.kill(pid!, 0), { code: 'ESRCH' })
  })
})
