/** What of a conversation is kept over a reload. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { pageModule } from '../support/page-modules.ts'

interface Exchange {
  readonly text: string
  readonly media: readonly { readonly blob: Blob }[]
}

describe('what is kept', () => {
  let within: (exchanges: readonly Exchange[], mostBytes?: number) => readonly Exchange[]
  before(async () => {
    // What the browser has of its own, as far as the modules look for it as they load.
    Object.assign(globalThis, { sessionStorage: new Map(), localStorage: new Map() })
    Object.assign(globalThis.sessionStorage, { getItem: () => null })
    Object.assign(globalThis.localStorage, { getItem: () => null })
    ;({ within } = await pageModule<{ within: typeof within }>('conversation/keep.js'))
  })

  it('is every word, and media of the newest turns up to a bound', () => {
    const turn = (text: string, bytes: number): Exchange => ({
      text,
      media: bytes === 0 ? [] : [{ blob: new Blob([new Uint8Array(bytes)]) }],
    })
    const kept = within([turn('a', 40), turn('b', 50), turn('c', 0), turn('d', 50)], 100)
    assert.deepEqual(
      kept.map(({ text, media }) => [text, media.length]),
      [
        ['a', 0],
        ['b', 1],
        ['c', 0],
        ['d', 1],
      ],
    )
  })
})
