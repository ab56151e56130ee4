import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ImagePreprocessing } from '../../models/preprocessing.ts'
import { ONE_TILE } from '../../models/tiling/layout.ts'
import { ByteBudget } from '../../src/media/byte-budget.ts'
import { Decoder } from '../../src/media/decoder.ts'
import { PICTURE_DECODER } from '../../src/media/decoder-kinds.ts'
import { DecoderPool } from '../../src/media/decoder-pool.ts'
import { type Call, type Opened, type Prepared, unwrap } from '../../src/media/decoder-protocol.ts'
import type { Frame } from '../../src/media/frames.ts'
import { Gate } from '../../src/media/gate.ts'
import { startMedia } from '../../src/media/media.ts'
import { type Color, dataUri, FETCH_LIMITS, LIMITS, NEVER, solid } from './pictures.ts'

const TO: ImagePreprocessing = {
  mode: 'pad',
  size: 16,
  padColor: [255, 255, 255],
  resample: 'bicubic',
  mean: [0, 0, 0],
  std: [1, 1, 1],
}

const COMMON = { param: 'picture', limits: LIMITS } as const

const OPTIONS = {
  ...PICTURE_DECODER,
  timeoutMs: 60_000,
  maxBodyBytes: 1e6,
  heapMb: 128,
  logger: { warn: () => {} },
} as const

/** What is sent in place of a file that should not be needed, and gives no picture where it is. */
const NOTHING = ''

const COLORS: readonly Color[] = [
  [255, 0, 0],
  [0, 255, 0],
  [0, 0, 255],
  [255, 255, 0],
]

const openCall = (picture: number): Call => ({ do: 'open', picture, from: 'data-uri', ...COMMON })

const prepareCall = (picture: number, { header }: Opened): Call => ({
  ...{ do: 'prepare', picture, from: 'data-uri', header, ...COMMON },
  ...{ preprocessing: TO, layout: ONE_TILE },
})

/** The colour of the middle, of 0…255. */
function middle(pixels: Float32Array): Color {
  const [r, g, b] = [0, 1, 2].map((c) => Math.round(pixels[c * 256 + 8 * 16 + 8]! * 255))
  return [r!, g!, b!]
}

function prepared({ head, body }: Frame): Color {
  unwrap<Prepared>(head)
  return middle(new Float32Array(body.buffer))
}

const uris: string[] = []
before(async () => {
  for (const color of COLORS) uris.push(dataUri(await solid(color, 40, 30).png().toBuffer()))
})

describe('a decoder’s last opened file', () => {
  const decoder = new Decoder(OPTIONS)
  before(() => decoder.start())
  after(() => decoder.dispose())

  async function run(call: Call, body: string): Promise<Frame> {
    const { reply, idle } = decoder.run(call, body, NEVER)
    await idle
    return reply
  }
  const open = async (i: number) => unwrap<Opened>((await run(openCall(i), uris[i]!)).head)
  const prepare = async (i: number, opened: Opened, body: string) =>
    prepared(await run(prepareCall(i, opened), body))

  it('need not be sent again to be prepared, once', async () => {
    const opened = await open(0)
    assert.equal(decoder.kept, 0)
    assert.deepEqual(await prepare(0, opened, NOTHING), COLORS[0])
    assert.equal(decoder.kept, undefined)
    await assert.rejects(prepare(0, opened, NOTHING), { code: 'invalid_media' })
    assert.deepEqual(await prepare(0, opened, uris[0]!), COLORS[0])
  })

  it('is sent where another was opened since', async () => {
    const first = await open(0)
    const second = await open(1)
    assert.deepEqual(await prepare(0, first, uris[0]!), COLORS[0])
    assert.equal(decoder.kept, undefined, 'one file at most, and not beside one that is at work')
    assert.deepEqual(await prepare(1, second, uris[1]!), COLORS[1])
  })

  it('is sent where another could not be opened since', async () => {
    const opened = await open(0)
    const { head } = await run(openCall(1), 'data:image/png;base64,AAAA')
    assert.throws(() => unwrap<Opened>(head), { code: 'invalid_media' })
    assert.equal(decoder.kept, undefined)
    assert.deepEqual(await prepare(0, opened, uris[0]!), COLORS[0])
  })

  it('is sent where the process is another by now', async () => {
    const { pid } = decoder
    const opened = await open(0)
    process.kill(pid!, 'SIGKILL')
    while (decoder.pid === pid || decoder.pid === undefined) await sleep(1)
    assert.equal(decoder.kept, undefined)
    assert.deepEqual(await prepare(0, opened, uris[0]!), COLORS[0])
  })

  it('is never taken for another, and is forgotten by the process too', async () => {
    const opened = await open(0)
    const kept = async (i: number) => {
      const { head } = await run({ ...prepareCall(i, opened), from: 'kept' } as Call, NOTHING)
      unwrap<Prepared>(head)
    }
    await assert.rejects(kept(1), /not kept/)
    await open(0)
    await kept(0)
    await assert.rejects(kept(0), /not kept/)
  })
})

describe('decoders that keep their last opened files', () => {
  it('are each asked for their own, and those that keep none are asked first', async () => {
    const workers = 3
    const gate = new Gate({ slots: workers, maxWaiting: 9, budget: new ByteBudget(1e9) })
    const pool = new DecoderPool({ ...OPTIONS, workers, gate })
    const entry = { bytes: 0, mayExceed: false, signal: NEVER }
    try {
      await pool.start()
      const opened: Opened[] = []
      // A place is free a little later than its answer is here.
      const free = async () => {
        while (gate.inside > 0) await sleep(1)
      }
      const open = async (i: number) => {
        const unwrapped = ({ head }: Frame) => unwrap<Opened>(head)
        opened[i] = await pool.run(openCall(i), uris[i]!, entry, unwrapped)
        await free()
      }
      const prepare = async (i: number) => {
        const color = await pool.run(prepareCall(i, opened[i]!), NOTHING, entry, prepared)
        assert.deepEqual(color, COLORS[i])
        await free()
      }
      for (const i of [0, 1, 2]) await open(i)
      await prepare(1)
      await open(3)
      for (const i of [0, 2, 3]) await prepare(i)
    } finally {
      await pool.dispose()
    }
  })

  it('prepare the right pictures in any order', async () => {
    const media = await startMedia({
      ...{ workers: 2, limits: LIMITS, fetch: FETCH_LIMITS, logger: OPTIONS.logger },
    })
    try {
      const both = [0, 1, 2, 3, 3, 2, 1, 0]
      const loaded = await Promise.all(
        both.map((i) => media.load({ from: { url: uris[i]! }, param: 'picture' }, NEVER)),
      )
      const order = [5, 0, 7, 2, 1, 6, 4, 3]
      const tiles = await Promise.all(
        order.map((i) => media.prepare(loaded[i]!, TO, ONE_TILE, 'picture', NEVER)),
      )
      assert.deepEqual(
        tiles.map(({ pixels }) => middle(pixels)),
        order.map((i) => COLORS[both[i]!]),
      )
    } finally {
      await media.dispose()
    }
  })
})
