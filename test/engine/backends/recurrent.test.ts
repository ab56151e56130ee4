/** Decoders with recurrent states: chunks, batches, forks and failures, on the native and the reference backend. */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { lowerToOnnx } from '../../../models/graph/onnx/lower.ts'
import type { BackendOptions, DecoderSession } from '../../../src/engine/backend.ts'
import { nativeDecoder } from '../../../src/engine/backends/native.ts'
import { referenceDecoder } from '../../../src/engine/backends/reference.ts'
import { skipOf } from '../../support/backends.ts'
import { logitsOf, row, tokens } from '../../support/decoder-rows.ts'
import { HYBRID_VOCAB, hybridFiles, hybridGraph } from '../../support/hybrid-decoder.ts'
import { assertClose, relativeError } from '../../support/relative-error.ts'
import { seededRandom } from '../../support/seeded-random.ts'

const OPTIONS: BackendOptions = { threads: 2, kvCacheBytes: 4 << 20, kvBlockSize: 4 }
const random = seededRandom(5)
const PROMPT = Array.from({ length: 37 }, () => Math.floor(random() * HYBRID_VOCAB))

type Open = (options?: Partial<BackendOptions>) => Promise<DecoderSession>

let files: Awaited<ReturnType<typeof hybridFiles>>
before(async () => {
  files = await hybridFiles()
})
after(async () => {
  await files.checkpoint.close()
  rmSync(files.folder, { recursive: true })
})

/** The logits behind a prompt that is read in pieces of these sizes, the last of what is left. */
async function readIn(
  session: DecoderSession,
  sequence: number,
  sizes: readonly number[],
): Promise<Float32Array> {
  let at = 0
  for (const size of sizes) {
    await session.step([row(sequence, tokens(...PROMPT.slice(at, at + size)), 'none')])
    at += size
  }
  const [logits] = await logitsOf(session, [row(sequence, tokens(...PROMPT.slice(at)))])
  return logits!
}

const CUTS: Readonly<Record<string, readonly number[]>> = {
  'one by one': new Array<number>(PROMPT.length - 1).fill(1),
  'shorter than the kernel': [2, 1, 2, 3],
  'as long as a block': [4, 4, 4],
  uneven: [11, 1, 17],
}

function testRecurrences(open: Open, same: number): void {
  let session: DecoderSession
  before(async () => {
    session = await open()
  })
  after(async () => {
    await session.dispose()
  })

  for (const [how, sizes] of Object.entries(CUTS)) {
    it(`reads a prompt ${how} as it does at once`, async () => {
      const whole = await readIn(session, 1, [])
      const cut = await readIn(session, 2, sizes)
      assert.ok(relativeError(cut, whole) <= same)
      for (const sequence of [1, 2]) session.free(sequence)
    })
  }

  it('forgets nothing of the beginning: another first token gives other logits', async () => {
    const one = await readIn(session, 1, [])
    const other = [(PROMPT[0]! + 1) % HYBRID_VOCAB, ...PROMPT.slice(1)]
    const [changed] = await logitsOf(session, [row(2, tokens(...other))])
    assert.ok(relativeError(changed!, one) > 1e-4)
    for (const sequence of [1, 2]) session.free(sequence)
  })

  it('lets two forks go on from one state, and their parent from where it was', async () => {
    await readIn(session, 1, [20])
    session.fork(2, 1, PROMPT.length)
    session.fork(3, 1, PROMPT.length)
    const [one, two] = await logitsOf(session, [row(2, tokens(7)), row(3, tokens(7))])
    assert.ok(relativeError(two!, one!) <= same)
    const [other] = await logitsOf(session, [row(2, tokens(8))])
    const [parent] = await logitsOf(session, [row(1, tokens(7))])
    assert.ok(relativeError(parent!, one!) <= same)
    const [again] = await logitsOf(session, [row(3, tokens(8))])
    assert.ok(relativeError(again!, other!) <= same)
    for (const sequence of [1, 2, 3]) session.free(sequence)
  })

  it('refuses to fork where no state is, and names the nearest before', async () => {
    await readIn(session, 1, [])
    assert.throws(() => session.fork(2, 1, 20), {
      code: 'backend_failure',
      message:
        /sequence 1 has no recurrent state after 20 positions, the nearest before is after 0/,
    })
    assert.equal(session.length(2), 0)
    session.free(1)
  })

  it('keeps a state where a run ends at every sixteenth block', async () => {
    const long = Array.from({ length: 64 }, (_, i) => PROMPT[i % PROMPT.length]!)
    await session.step([row(1, tokens(...long), 'none')])
    const [straight] = await logitsOf(session, [row(1, tokens(5, 6))])
    session.fork(2, 1, 64)
    const [forked] = await logitsOf(session, [row(2, tokens(5, 6))])
    assert.ok(relativeError(forked!, straight!) <= same)
    for (const sequence of [1, 2]) session.free(sequence)
  })

  it('leaves sequences as they were when a step is refused', async () => {
    await readIn(session, 1, [20])
    await assert.rejects(session.step([row(1, tokens(3)), row(2, tokens(HYBRID_VOCAB))]))
    const [after] = await logitsOf(session, [row(1, tokens(3))])
    session.free(1)
    await readIn(session, 1, [20])
    const [straight] = await logitsOf(session, [row(1, tokens(3))])
    assert.ok(relativeError(after!, straight!) <= same)
    session.free(1)
  })
}

describe('recurrent states on the reference backend', () => {
  testRecurrences(async () => await referenceDecoder(files, OPTIONS), 1e-6)
})

describe('recurrent states on the native backend', { skip: skipOf('native') }, () => {
  const open: Open = async (options) => await nativeDecoder(files, { ...OPTIONS, ...options })
  testRecurrences(open, 0)

  it('gives what the reference gives, for a prompt and for tokens behind it', async () => {
    const [native, truth] = [await open(), await referenceDecoder(files, OPTIONS)]
    assertClose(await readIn(native, 1, [9]), await readIn(truth, 1, []), 1e-5)
    for (const id of [3, 1, 30]) {
      const [ours, theirs] = [native, truth].map((s) => logitsOf(s, [row(1, tokens(id))]))
      assertClose((await ours!)[0]!, (await theirs!)[0]!, 1e-5)
    }
    await native.dispose()
    await truth.dispose()
  })

  it('gives the same bits alone and among others of any length, on one thread and two', async () => {
    const [one, two] = [await open({ threads: 1 }), await open({ threads: 2 })]
    const lengths = [1, 37, 2, 16, 5]
    const prompts = lengths.map((length) => tokens(...PROMPT.slice(0, length)))
    const together = await logitsOf(
      two,
      prompts.map((prompt, i) => row(i, prompt)),
    )
    for (const [i, prompt] of prompts.entries())
      assert.deepEqual(await logitsOf(one, [row(i, prompt)]), [together[i]])
    const next = lengths.map((_, i) => row(i, tokens(i)))
    const behind = await logitsOf(two, next)
    for (const [i, single] of next.entries())
      assert.deepEqual(await logitsOf(one, [single]), [behind[i]])
    await one.dispose()
    await two.dispose()
  })

  it('gives kept states up before it refuses a sequence, and refuses before anything is changed', async () => {
    const stateBytes = 4 * 2 * (3 + 5) * 70
    const blockBytes = 4 * 2 * 2 * 2 * 6 * 4
    // Two of one that runs, and three that 96 blocks may keep.
    const session = await open({ kvCacheBytes: 5 * stateBytes + 96 * blockBytes })
    assert.deepEqual([session.states!.slotsTotal, session.kv.blocksTotal], [5, 96])
    const block = tokens(...PROMPT.slice(0, 4))
    for (let i = 0; i < 16; i++) await session.step([row(1, block, 'none')])
    await session.step([row(1, tokens(1), 'none')])
    // 1 has a kept state and its own; 2 and 3 come to it, and 4 finds no room.
    await session.step([row(2, block, 'none')])
    await session.step([row(3, block, 'none')])
    await session.step([row(2, tokens(1), 'none')])
    await session.step([row(4, block, 'none')])
    await assert.rejects(session.step([row(5, block, 'none'), row(6, block, 'none')]), {
      name: 'KvCacheFull',
    })
    assert.equal(session.length(5), 0)
    assert.throws(() => session.fork(7, 1, 64), /no recurrent state after 64 positions/)
    session.free(1)
    await session.step([row(5, block, 'none')])
    await session.dispose()
  })

  it('sets two states aside for each sequence that may run, and says so', async () => {
    const remarks: string[] = []
    const remark = (text: string) => remarks.push(text)
    const session = await open({ kvCacheBytes: 1 << 20, maxRunning: 16, remark })
    assert.deepEqual(remarks, [
      `${session.states!.slotsTotal} recurrent states of 4480 bytes, two for each of 16 sequences at once; ${(1 << 20) - 4480 * session.states!.slotsTotal} of 1048576 bytes are for keys and values`,
    ])
    assert.ok(session.states!.slotsTotal > 32)
    await session.dispose()
  })

  it('refuses memory that does not hold the states of one sequence', async () => {
    await assert.rejects(open({ kvCacheBytes: 9000 }), {
      code: 'invalid_config',
      message:
        /^kvCacheBytes 9000: half of it does not hold the two recurrent states, of 4480 bytes/,
    })
  })
})

describe('recurrences on ONNX Runtime', () => {
  it('are refused by name', () => {
    assert.throws(
      () => lowerToOnnx(hybridGraph(), { locate: () => ({ type: 'float32' }) as never }),
      {
        code: 'invalid_package',
        message: /^causalConv1d of \[batch, steps, 70\]: ONNX Runtime has no operator/,
      },
    )
  })
})
