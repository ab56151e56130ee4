/** What a session promises to those who try tokens that may be wrong: logits of several positions, and a way back. */
import assert from 'node:assert/strict'
import type { DecoderSession } from '../../src/engine/backend.ts'
import { logitsOf, randomIds, row, tokens } from './decoder-rows.ts'
import { assertClose } from './relative-error.ts'

export interface DraftContractOptions {
  /** Open while the cases run, with blocks of 4 positions, and empty before each. */
  readonly session: () => DecoderSession
  readonly same: number
  readonly promise: (title: string, test: () => Promise<void>) => void
}

export function testDraftContract({ session: open, same, promise }: DraftContractOptions): void {
  promise('a row gives the logits of as many last positions as it asks for', async () => {
    const session = open()
    const { vocabSize } = session
    const [long, short] = [randomIds(31, 9), randomIds(32, 5)]
    const [first, second, third] = await session.step([
      { ...row(1, tokens(...long)), wantLast: 4 },
      row(2, tokens(...short), 'none'),
      { ...row(3, tokens(...short)), wantLast: 2 },
    ])
    assert.equal(second!.values, undefined)
    for (const [ids, wantLast, values] of [
      [long, 4, first!.values!],
      [short, 2, third!.values!],
    ] as const) {
      assert.equal(values.length, wantLast * vocabSize)
      for (let i = 0; i < wantLast; i++) {
        const end = ids.length - wantLast + 1 + i
        const [alone] = await logitsOf(session, [row(10 + i, tokens(...ids.slice(0, end)))])
        session.free(10 + i)
        assertClose(values.slice(i * vocabSize, (i + 1) * vocabSize), alone!, same, `end ${end}`)
      }
    }
  })

  promise('more positions than a row has, or none, are not wanted of it', async () => {
    const session = open()
    for (const wantLast of [0, 3, 1.5, Number.NaN]) {
      await assert.rejects(session.step([{ ...row(1, tokens(1, 2)), wantLast }]), {
        code: 'backend_failure',
      })
      assert.equal(session.length(1), 0)
    }
  })

  promise('a sequence that was cut back reads on as if it had never gone further', async () => {
    const session = open()
    const ids = randomIds(33, 10)
    for (const [sequence, left] of [
      [1, 9],
      [2, 8],
      [3, 3],
      [4, 0],
    ] as const) {
      await session.step([row(sequence, tokens(...ids), 'none')])
      session.truncate(sequence, left)
      assert.equal(session.length(sequence), left)
      assert.equal(session.kv.blocksUsed, Math.ceil(left / 4))
      const [after] = await logitsOf(session, [row(sequence, tokens(70, 71))])
      session.free(sequence)
      const [alone] = await logitsOf(session, [row(9, tokens(...ids.slice(0, left), 70, 71))])
      session.free(9)
      assertClose(after!, alone!, same, `${left} positions left`)
    }
  })

  promise('cutting a fork back leaves its parent as it was, and the other way round', async () => {
    const session = open()
    const ids = randomIds(34, 10)
    await session.step([row(1, tokens(...ids), 'none')])
    session.fork(2, 1, 10)
    session.truncate(2, 5)
    session.fork(3, 1, 10)
    const [fork, parent] = await logitsOf(session, [row(2, tokens(80)), row(1, tokens(81))])
    session.truncate(1, 2)
    const [other] = await logitsOf(session, [row(3, tokens(82))])
    for (const id of [1, 2, 3]) session.free(id)
    assert.equal(session.kv.blocksUsed, 0)
    const expected: readonly (readonly [Float32Array, readonly number[]])[] = [
      [fork!, [...ids.slice(0, 5), 80]],
      [parent!, [...ids, 81]],
      [other!, [...ids, 82]],
    ]
    for (const [got, all] of expected) {
      const [alone] = await logitsOf(session, [row(9, tokens(...all))])
      session.free(9)
      assertClose(got, alone!, same)
    }
  })

  promise(
    'a long past that was cut back far and grew again differently is the new one',
    async () => {
      const session = open()
      const [old, young] = [randomIds(35, 100), randomIds(36, 60)]
      await session.step([row(1, tokens(...old), 'none')])
      await session.step([row(1, tokens(7), 'none')])
      session.truncate(1, 30)
      await session.step([row(1, tokens(...young), 'none')])
      const [grown] = await logitsOf(session, [row(1, tokens(8))])
      session.free(1)
      const [alone] = await logitsOf(session, [row(2, tokens(...old.slice(0, 30), ...young, 8))])
      assertClose(grown!, alone!, same)
    },
  )

  promise('nothing is cut off that is not there', async () => {
    const session = open()
    await session.step([row(1, tokens(1, 2, 3), 'none')])
    for (const [sequence, length] of [
      [1, 4],
      [1, -1],
      [1, 1.5],
      [9, 1],
    ] as const)
      assert.throws(() => session.truncate(sequence, length), { code: 'backend_failure' })
    assert.equal(session.length(1), 3)
  })
}
