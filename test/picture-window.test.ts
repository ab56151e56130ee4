import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { inWindow, PICTURES_AT_ONCE } from '../src/picture-window.ts'

const NEVER = new AbortController().signal
const items = Array.from({ length: 200 }, (_, i) => i)

describe('the pictures of one request', () => {
  it('are under way a few at a time, and come back in their order', async () => {
    let running = 0
    let most = 0
    const results = await inWindow(items, NEVER, async (item) => {
      most = Math.max(most, ++running)
      await sleep(item % 3)
      running -= 1
      return item * 2
    })
    assert.equal(most, PICTURES_AT_ONCE)
    assert.deepEqual(
      results,
      items.map((item) => item * 2),
    )
  })

  it('end with the first failure: no later one begins, those under way are aborted, finished ones are given back', async () => {
    const begun: number[] = []
    const aborted: number[] = []
    const discarded: number[] = []
    await assert.rejects(
      inWindow(
        items,
        NEVER,
        async (item, signal) => {
          begun.push(item)
          if (item === 20) throw new Error('picture 20 is broken')
          if (item < 10) return item
          await sleep(60_000, undefined, { signal }).catch((error: unknown) => {
            aborted.push(item)
            throw error
          })
          return item
        },
        (result) => discarded.push(result),
      ),
      /picture 20 is broken/,
    )
    assert.deepEqual(
      discarded,
      items.filter((item) => item < 10),
    )
    assert.deepEqual(
      aborted.sort((a, b) => a - b),
      begun.filter((item) => item >= 10 && item !== 20).sort((a, b) => a - b),
    )
    assert.ok(begun.length <= 10 + PICTURES_AT_ONCE)
  })

  it('end when the client leaves', async () => {
    const leave = new AbortController()
    const waiting = inWindow(items, leave.signal, async (_, signal) => {
      await sleep(60_000, undefined, { signal })
    })
    leave.abort()
    await assert.rejects(waiting, { name: 'AbortError' })
  })

  it('may be none', async () => {
    assert.deepEqual(await inWindow([], NEVER, async () => 1), [])
  })
})
