import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parsePages, selectPages } from '../../src/chat/page-selection.ts'

const select = (pages: string | undefined, count: number) =>
  selectPages(pages === undefined ? undefined : parsePages(pages, 'p'), count, 'p')

describe('pages', () => {
  it('are all of them where none are named', () => {
    assert.deepEqual(select(undefined, 3), [1, 2, 3])
  })

  for (const [pages, numbers] of [
    ['1', [1]],
    ['2-4', [2, 3, 4]],
    ['1-2,4,6-6', [1, 2, 4, 6]],
    ['007', [7]],
  ] as const) {
    it(`${pages} are ${numbers}`, () => assert.deepEqual(select(pages, 9), numbers))
  }

  for (const [pages, message] of [
    ['', /expected pages as in "1-3,7"/],
    ['a', /expected pages as in "1-3,7"/],
    ['1,', /expected pages as in "1-3,7"/],
    ['1 - 2', /expected pages as in "1-3,7"/],
    ['-2', /expected pages as in "1-3,7"/],
    ['9999999999', /expected pages as in "1-3,7"/],
    ['0', /from 1 on, in rising order and each once/],
    ['3-2', /from 1 on, in rising order and each once/],
    ['2,2', /from 1 on, in rising order and each once/],
    ['1-3,3', /from 1 on, in rising order and each once/],
    ['8-10', /expected pages up to 9, got 10/],
    ['1-999999999', /expected pages up to 9, got 999999999/],
  ] as const) {
    it(`${JSON.stringify(pages)} are refused`, () => {
      assert.throws(() => select(pages, 9), { code: 'invalid_request', param: 'p', message })
    })
  }
})
