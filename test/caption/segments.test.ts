import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { cutSegments, parseSeconds, parseSegmentRule } from '../../src/caption/segments.ts'

const cut = (start: number, end: number, seconds: number) =>
  cutSegments({ start, end }, { seconds })?.map((span) => [span.start, span.end])

describe('segments', () => {
  it('follow each other from start to end, the last as long as what is left', () => {
    assert.deepEqual(cut(0, 25, 10), [
      [0, 10],
      [10, 20],
      [20, 25],
    ])
    assert.deepEqual(cut(3, 9, 2), [
      [3, 5],
      [5, 7],
      [7, 9],
    ])
  })

  it('take a rest of less than a tenth of a segment to the one before it', () => {
    assert.deepEqual(cut(0, 10.04, 10), [[0, 10.04]])
    assert.deepEqual(cut(0, 20.9, 10), [
      [0, 10],
      [10, 20.9],
    ])
    assert.deepEqual(cut(0, 21.5, 10), [
      [0, 10],
      [10, 20],
      [20, 21.5],
    ])
  })

  it('are one for a clip that is shorter, and for `whole`', () => {
    assert.deepEqual(cut(0, 0.04, 10), [[0, 0.04]])
    assert.deepEqual(cutSegments({ start: 1, end: 4000 }, 'whole'), [{ start: 1, end: 4000 }])
  })

  it('have times in whole milliseconds', () => {
    assert.deepEqual(cut(0, 1, 0.1)?.[3], [0.3, 0.4])
  })

  it('are refused where there would be more than a hundred thousand', () => {
    assert.equal(cut(0, 3_000_000, 0.1), undefined)
  })
})

describe('lengths', () => {
  it('are seconds, or have a unit', () => {
    const lengths = ['10', '10s', '7.5s', '500ms', '2m', '1h', '0.25'].map(parseSeconds)
    assert.deepEqual(lengths, [10, 10, 7.5, 0.5, 120, 3600, 0.25])
    for (const text of ['', 's', '-1s', '1d', '1e3', '10 s', 'whole', 'NaN'])
      assert.equal(parseSeconds(text), undefined, text)
  })

  it('of a segment begin at 100 ms', () => {
    assert.deepEqual(parseSegmentRule('100ms'), { seconds: 0.1 })
    assert.equal(parseSegmentRule('99ms'), undefined)
    assert.equal(parseSegmentRule('0'), undefined)
    assert.equal(parseSegmentRule('whole'), 'whole')
  })
})
