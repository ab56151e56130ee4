/** What every backend promises: one suite, run over each of them. */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { after, before, beforeEach, describe, it } from 'node:test'
import { kvGeometry } from '../../models/graph/graph.ts'
import { loadModelConfig } from '../../models/load-config.ts'
import type {
  Backend,
  BackendOptions,
  DecoderSession,
  KvCacheType,
  Row,
  Segment,
} from '../../src/engine/backend.ts'
import { KvCacheFull } from '../../src/engine/backend.ts'
import { testAdapterContract } from './adapter-contract.ts'
import { embeddings, logitsOf, randomIds, row, tokens } from './decoder-rows.ts'
import { testDraftContract } from './draft-contract.ts'
import { testEncoderContract } from './encoder-contract.ts'
import { assertClose, relativeError } from './relative-error.ts'
import { writeRandomCheckpoint } from './starter-checkpoint.ts'

const BLOCK_SIZE = 4
const BLOCKS = 48
/** Unless told otherwise. */
const EXACT = 1e-5

export interface ContractOptions {
  /** Cases that the backend cannot do, by their titles, each with the reason. */
  readonly cannot?: Readonly<Record<string, string>>
  /** Makes of a random checkpoint's folder what is loaded, and says what it is. */
  readonly prepared?: { readonly as: string; prepare(folder: string): Promise<void> }
  /** Two ways of computing the same row may differ by this much of the largest logit. */
  readonly same?: number
  /** As `same`, of the towers; absent: the same. */
  readonly sameTiles?: number
  /** Absent: f32. */
  readonly kvCacheType?: KvCacheType
}

export function testBackendContract(
  backend: Backend,
  {
    cannot = {},
    prepared,
    same = EXACT,
    sameTiles = same,
    kvCacheType = 'f32',
  }: ContractOptions = {},
): void {
  const name = [
    backend.name,
    ...(prepared ? [prepared.as] : []),
    ...(kvCacheType === 'f32' ? [] : [`${kvCacheType} keys and values`]),
  ].join(', ')
  const checkpoint = async (seed: number) => {
    const folder = writeRandomCheckpoint({ seed })
    await prepared?.prepare(folder)
    return folder
  }
  const unmet = new Set(Object.keys(cannot))
  const promise = (title: string, test: () => Promise<void> | void) => {
    unmet.delete(title)
    it(title, cannot[title] === undefined ? {} : { skip: cannot[title] }, test)
  }

  describe(`${name}: the decoder's contract`, () => {
    let folder: string
    let options: BackendOptions
    let session: DecoderSession

    before(async () => {
      folder = await checkpoint(11)
      options = await optionsFor(folder, BLOCKS, kvCacheType)
      session = await backend.loadDecoder(folder, options)
    })
    after(async () => {
      await session.dispose()
      rmSync(folder, { recursive: true })
    })
    beforeEach(() => {
      for (let id = 0; id < 32; id++) session.free(id)
      assert.equal(session.kv.blocksUsed, 0, 'blocks are in use after every sequence was freed')
    })

    promise('a step that fits answers with one logit per vocabulary entry', async () => {
      const { vocabSize } = (await loadModelConfig(folder)).limits
      assert.equal(session.vocabSize, vocabSize)
      const [logits] = await logitsOf(session, [row(1, tokens(7, 8))])
      assert.equal(logits!.length, vocabSize)
    })

    promise('reading N positions equals reading N − 1 and decoding one', async () => {
      const ids = randomIds(1, 13)
      const [whole] = await logitsOf(session, [row(1, tokens(...ids))])
      await session.step([row(2, tokens(...ids.slice(0, -1)), 'none')])
      const [decoded] = await logitsOf(session, [row(2, tokens(ids.at(-1)!))])
      assertClose(decoded!, whole!, same)
    })

    promise('reading in chunks equals reading at once, whatever the chunks', async () => {
      const ids = randomIds(2, 23)
      const [whole] = await logitsOf(session, [row(1, tokens(...ids))])
      for (const [sequence, cuts] of [
        [2, [4, 8, 16]],
        [3, [1, 2, 22]],
        [4, [11]],
      ] as const) {
        let start = 0
        for (const cut of cuts) {
          await session.step([row(sequence, tokens(...ids.slice(start, cut)), 'none')])
          start = cut
        }
        const [chunked] = await logitsOf(session, [row(sequence, tokens(...ids.slice(start)))])
        assertClose(chunked!, whole!, same, `cut at ${cuts.join()}`)
      }
    })

    promise('ragged rows of tokens and embeddings give what each gives alone', async () => {
      const inputs: Segment[][] = [
        [tokens(...randomIds(3, 9))],
        [tokens(5), embeddings(4, 6, session.hiddenSize), tokens(9, 10)],
        [embeddings(5, 3, session.hiddenSize)],
        [tokens(...randomIds(6, 17))],
      ]
      const alone: Float32Array[] = []
      for (const [i, input] of inputs.entries())
        alone.push((await logitsOf(session, [row(i, input)]))[0]!)
      const together = await logitsOf(
        session,
        inputs.map((input, i) => row(10 + i, input)),
      )
      for (const [i, logits] of together.entries()) assertClose(logits, alone[i]!, same, `row ${i}`)
    })

    promise('decoding rows and reading rows may share a step', async () => {
      const first = randomIds(7, 6)
      const second = randomIds(8, 10)
      const [decodeAlone] = await logitsOf(session, [row(1, tokens(...first))])
      const [readAlone] = await logitsOf(session, [row(2, tokens(...second))])
      await session.step([row(3, tokens(...first.slice(0, -1)), 'none')])
      const [decoded, read] = await logitsOf(session, [
        row(3, tokens(first.at(-1)!)),
        row(4, tokens(...second)),
      ])
      assertClose(decoded!, decodeAlone!, same)
      assertClose(read!, readAlone!, same)
    })

    promise(
      'sequences keep apart while others join, leave and come back under the same id',
      async () => {
        const ids = randomIds(9, 12)
        const [undisturbed] = await logitsOf(session, [row(0, tokens(...ids))])
        await session.step([
          row(1, tokens(...ids.slice(0, 6)), 'none'),
          row(2, tokens(...randomIds(10, 6)), 'none'),
        ])
        await session.step([row(2, tokens(3), 'none'), row(1, tokens(ids[6]!), 'none')])
        session.free(2)
        await session.step([row(1, tokens(ids[7]!), 'none'), row(3, tokens(4, 5), 'none')])
        await session.step([
          row(2, tokens(...randomIds(11, 9)), 'none'),
          row(1, tokens(ids[8]!), 'none'),
        ])
        const results = await logitsOf(session, [
          row(3, tokens(6)),
          row(1, tokens(...ids.slice(9))),
          row(2, tokens(7)),
        ])
        assertClose(results[1]!, undisturbed!, same)
      },
    )

    promise('answers come in the order of the rows, and only to those that asked', async () => {
      const results = await session.step([
        row(5, tokens(1, 2, 3), 'none'),
        row(3, tokens(4), 'hidden'),
        row(4, tokens(5, 6), 'logits'),
      ])
      assert.deepEqual(
        results.map(({ sequence }) => sequence),
        [5, 3, 4],
      )
      assert.deepEqual(
        results.map(({ values }) => values?.length),
        [undefined, session.hiddenSize, session.vocabSize],
      )
    })

    promise('a fork reads on as its parent would, and both go their own ways', async () => {
      const ids = randomIds(12, 11)
      await session.step([row(1, tokens(...ids), 'none')])
      // 10 is in the middle of a block, so the two share it until one of them writes.
      session.fork(2, 1, 10)
      assert.equal(session.length(2), 10)
      const [child, parent] = await logitsOf(session, [row(2, tokens(40, 41)), row(1, tokens(50))])
      const [childAlone] = await logitsOf(session, [row(3, tokens(...ids.slice(0, 10), 40, 41))])
      const [parentAlone] = await logitsOf(session, [row(4, tokens(...ids, 50))])
      assertClose(child!, childAlone!, same, 'the fork')
      assertClose(parent!, parentAlone!, same, 'its parent')
      assert.ok(
        relativeError(child!, parent!) > 1e-3,
        'two different continuations gave the same logits',
      )
    })

    promise('a fork outlives its parent', async () => {
      const ids = randomIds(13, 9)
      await session.step([row(1, tokens(...ids), 'none')])
      session.fork(2, 1, 9)
      session.free(1)
      await session.step([row(3, tokens(...randomIds(14, 20)), 'none')])
      const [child] = await logitsOf(session, [row(2, tokens(60))])
      const [alone] = await logitsOf(session, [row(4, tokens(...ids, 60))])
      assertClose(child!, alone!, same)
    })

    promise('a fork takes no blocks until it writes', async () => {
      await session.step([row(1, tokens(...randomIds(15, 10)), 'none')])
      const { blocksUsed } = session.kv
      assert.equal(blocksUsed, 3)
      session.fork(2, 1, 10)
      session.fork(3, 1, 8)
      assert.equal(session.kv.blocksUsed, blocksUsed)
      // Two writes into a shared, half-filled block, and one into a block of its own.
      assert.equal(session.blocksNeeded(2, 1), 1)
      assert.equal(session.blocksNeeded(2, 3), 2)
      assert.equal(session.blocksNeeded(3, 1), 1)
      await session.step([row(2, tokens(1), 'none')])
      assert.equal(session.kv.blocksUsed, blocksUsed + 1)
      assert.equal(session.blocksNeeded(1, 1), 0)
    })

    testDraftContract({ session: () => session, same, promise })

    testAdapterContract({
      ...{ backend, same, promise, isFloat: !prepared && kvCacheType === 'f32' },
      folder: () => folder,
      options: () => options,
    })

    promise('an impossible fork is refused', async () => {
      await session.step([row(1, tokens(1, 2, 3), 'none'), row(2, tokens(4), 'none')])
      assert.throws(() => session.fork(3, 1, 4), { code: 'backend_failure' })
      assert.throws(() => session.fork(2, 1, 2), { code: 'backend_failure' })
      assert.throws(() => session.fork(3, 9, 1), { code: 'backend_failure' })
      assert.equal(session.length(3), 0)
    })

    promise('blocks are counted, foretold and given back', async () => {
      assert.deepEqual(session.kv, { blockSize: BLOCK_SIZE, blocksTotal: BLOCKS, blocksUsed: 0 })
      assert.equal(session.blocksNeeded(1, 9), 3)
      await session.step([row(1, tokens(...randomIds(16, 9)), 'none')])
      assert.equal(session.kv.blocksUsed, 3)
      assert.equal(session.blocksNeeded(1, 3), 0)
      assert.equal(session.blocksNeeded(1, 4), 1)
      session.free(1)
      assert.equal(session.kv.blocksUsed, 0)
      assert.equal(session.length(1), 0)
    })

    promise('a full cache refuses the whole step before it changes anything', async () => {
      const ids = randomIds(17, 100)
      await session.step([row(1, tokens(...ids), 'none')])
      const used = session.kv.blocksUsed
      const rows = [row(1, tokens(1), 'none'), row(2, tokens(...randomIds(18, 100)), 'none')]
      await assert.rejects(session.step(rows), (error) => {
        assert.ok(error instanceof KvCacheFull)
        assert.deepEqual([error.needed, error.free], [26, BLOCKS - used])
        return true
      })
      assert.deepEqual(
        [session.length(1), session.length(2), session.kv.blocksUsed],
        [100, 0, used],
      )
      const [after] = await logitsOf(session, [row(1, tokens(77))])
      session.free(1)
      const [expected] = await logitsOf(session, [row(3, tokens(...ids, 77))])
      assertClose(after!, expected!, same)
    })

    promise('no sequence grows past the longest context', async () => {
      assert.equal(session.maxContext, BLOCKS * BLOCK_SIZE)
      await session.step([row(1, tokens(...randomIds(19, session.maxContext)), 'none')])
      await assert.rejects(session.step([row(1, tokens(1), 'none')]), {
        code: 'context_length_exceeded',
      })
      assert.equal(session.length(1), session.maxContext)
    })

    promise('a long sequence decodes on as if it had been read at once', async () => {
      const roomy = await backend.loadDecoder(folder, await optionsFor(folder, 250, kvCacheType))
      const ids = randomIds(21, 264)
      await roomy.step([row(1, tokens(...ids.slice(0, 250)), 'none'), row(2, tokens(3), 'none')])
      for (const id of ids.slice(250, -1))
        await roomy.step([row(1, tokens(id), 'none'), row(2, tokens(id), 'none')])
      const [decoded] = await logitsOf(roomy, [row(1, tokens(ids.at(-1)!))])
      const [whole] = await logitsOf(roomy, [row(3, tokens(...ids))])
      assertClose(decoded!, whole!, same)
      await roomy.dispose()
    })

    promise('rows that cannot be computed are refused before anything changes', async () => {
      const refused: [string, Row[]][] = [
        ['a token id past the vocabulary', [row(1, tokens(1)), row(2, tokens(session.vocabSize))]],
        ['a negative token id', [row(1, tokens(-1))]],
        ['a sequence twice', [row(1, tokens(1)), row(1, tokens(2))]],
        ['no position', [row(1, tokens())]],
        [
          'embeddings of another width',
          [row(1, { kind: 'embeddings', data: new Float32Array(10), rows: 1 })],
        ],
      ]
      for (const [what, rows] of refused) {
        await assert.rejects(session.step(rows), { code: 'backend_failure' }, what)
        assert.deepEqual([session.kv.blocksUsed, session.length(1)], [0, 0], what)
      }
    })

    promise('an unknown sequence has no length and may be freed', () => {
      assert.equal(session.length(999), 0)
      session.free(999)
      assert.equal(session.blocksNeeded(999, BLOCK_SIZE + 1), 2)
    })

    promise('a disposed session refuses steps and may be disposed again', async () => {
      const other = await backend.loadDecoder(folder, options)
      await other.step([row(1, tokens(1), 'none')])
      await other.dispose()
      await other.dispose()
      await assert.rejects(other.step([row(1, tokens(2))]), { code: 'backend_failure' })
      assert.equal(other.kv.blocksUsed, 0)
    })

    promise('a cache too small for one block is refused by name', async () => {
      await assert.rejects(backend.loadDecoder(folder, { ...options, kvCacheBytes: 100 }), {
        code: 'invalid_config',
      })
    })
  })

  testEncoderContract({ name, backend, same: sameTiles, checkpoint, promise })

  it(`${name}: what it cannot do is part of the contract`, () => {
    assert.deepEqual([...unmet], [], 'reasons are given for cases that do not exist')
  })
}

/** Room for `blocks` blocks of the folder's decoder. */
async function optionsFor(
  folder: string,
  blocks: number,
  kvCacheType: KvCacheType,
): Promise<BackendOptions> {
  const { layers, kvHeads, headDim } = kvGeometry((await loadModelConfig(folder)).graphs.decoder!)
  // Four bytes of a scale behind each vector of int8.
  const vectorBytes = { f32: 4 * headDim, f16: 2 * headDim, int8: headDim + 4 }[kvCacheType]
  const blockBytes = BLOCK_SIZE * layers * 2 * kvHeads * vectorBytes
  return {
    threads: 1,
    kvCacheBytes: blocks * blockBytes,
    kvBlockSize: BLOCK_SIZE,
    kvCacheType,
  }
}
