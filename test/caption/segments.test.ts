import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  cutAtScenes,
  cutSegments,
  parseSeconds,
  parseSegmentRule,
  segmentText,
} from '../../src/caption/segments.ts'

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

describe('segments at scenes', () => {
  const at = (end: number, changes: readonly number[], least: number, longest: number) =>
    cutAtScenes({ start: 0, end }, changes, { least, longest })?.map((span) => span.end)

  it('end where scenes change', () => {
    assert.deepEqual(at(10, [2, 4.04, 7], 1, 30), [2, 4.04, 7, 10])
    assert.deepEqual(at(10, [], 1, 30), [10])
  })

  it('are none shorter than the least: the first of two changes counts, and none just before the end', () => {
    assert.deepEqual(at(10, [0.4, 2, 2.5, 2.9, 3, 9.5], 1, 30), [2, 3, 10])
    assert.deepEqual(at(0.5, [0.2], 1, 30), [0.5])
  })

  it('are divided evenly where they are longer than the longest', () => {
    assert.deepEqual(at(40, [3], 1, 15), [3, 15.333, 27.667, 40])
    assert.deepEqual(at(30, [], 1, 15), [15, 30])
    assert.deepEqual(at(31, [], 1, 15), [10.333, 20.667, 31])
  })

  it('are refused where there would be more than a hundred thousand', () => {
    assert.equal(at(100_001, [], 0.1, 1), undefined)
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

  it('of scenes are the longest, or the least and the longest', () => {
    const rules = ['scenes', 'scenes:10s', 'scenes:500ms', 'scenes:2s-1m'].map(parseSegmentRule)
    assert.deepEqual(rules, [
      { least: 1, longest: 30 },
      { least: 1, longest: 10 },
      { least: 0.25, longest: 0.5 },
      { least: 2, longest: 60 },
    ])
    for (const text of [
      'scenes:',
      'scenes:x',
      'scenes:2s-3s',
      'scenes:1s-2s-3s',
      'scenes:0-5',
      'scenes:100ms',
      'scenes10s',
      'scenes:-5',
    ])
      assert.equal(parseSegmentRule(text), undefined, text)
  })

  it('are written as they are read', () => {
    for (const text of ['whole', '2.5s', 'scenes:1s-30s', 'scenes:0.25s-0.5s'])
      assert.equal(segmentText(parseSegmentRule(text)!), text)
  })
})
