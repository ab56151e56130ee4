import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ConfigReader } from '../../models/config-reader.ts'

const reader = (fields: unknown) => new ConfigReader(fields)

describe('the reader of configs', () => {
  it('gives the fields that are there, in their types', () => {
    const config = reader({
      width: 7,
      eps: 1e-6,
      tied: true,
      kind: 'vit',
      widths: [1, 2],
      mean: [0, 0.5, 1],
    })
    assert.equal(config.size('width'), 7)
    assert.equal(config.number('eps'), 1e-6)
    assert.equal(config.boolean('tied'), true)
    assert.equal(config.string('kind'), 'vit')
    assert.equal(config.oneOf('kind', ['vit', 'convnext']), 'vit')
    assert.deepEqual(config.sizes('widths'), [1, 2])
    assert.deepEqual(config.rgb('mean'), [0, 0.5, 1])
  })

  it('falls back where a field is absent or null, never where it is wrong', () => {
    const config = reader({ unset: null, wrong: '3' })
    assert.equal(config.size('absent', 3), 3)
    assert.equal(config.size('unset', 3), 3)
    assert.ok(!config.has('unset'))
    assert.throws(() => config.size('wrong', 3), {
      message: 'wrong: expected an integer from 1 to 16777216, got "3"',
    })
  })

  it('reads places in something, of which there may be none', () => {
    const config = reader({ some: [0, 3], none: [], beyond: [4] })
    assert.deepEqual(config.indexes('some', 4), [0, 3])
    assert.deepEqual(config.indexes('none', 4, [1]), [])
    assert.deepEqual(config.indexes('absent', 4, [1]), [1])
    assert.throws(() => config.indexes('beyond', 4), {
      message: 'beyond: expected a list of integers from 0 to 3, got [4]',
    })
  })

  it('names the path of a nested field', () => {
    const config = reader({ text: { layers: 0 }, towers: [{}, { size: 1.5 }] })
    assert.throws(() => config.object('text').repeats('layers'), {
      message: 'text.layers: expected an integer from 1 to 1024, got 0',
    })
    assert.throws(() => config.objects('towers')[1]!.size('size'), {
      message: /^towers\[1\]\.size: .* got 1\.5$/,
    })
    assert.throws(() => config.object('missing'), {
      message: 'missing: expected an object, got nothing',
    })
    assert.throws(() => reader([1]), { message: 'config: expected an object, got [1]' })
  })

  it('does not read what an object inherits', () => {
    assert.throws(() => reader({}).string('toString'), {
      message: 'toString: expected a string, got nothing',
    })
  })

  it('refuses numbers that no model has', () => {
    for (const value of [0, -1, 1.5, 2 ** 25, Number.NaN, '8', [8]]) {
      assert.throws(() => reader({ value }).size('value'), /expected an integer/)
    }
    assert.throws(
      () => reader({ layers: 1025 }).repeats('layers'),
      /expected an integer from 1 to 1024, got 1025/,
    )
    assert.throws(() => reader({ depths: [] }).listOfRepeats('depths'), /got \[\]/)
    assert.throws(() => reader({ eps: Number.POSITIVE_INFINITY }).number('eps'), /a finite number/)
    assert.throws(() => reader({ mean: [1, 2] }).rgb('mean'), /three numbers, got \[1,2\]/)
  })

  it('cuts a long value short in its error', () => {
    const message = (() => {
      try {
        return reader({ size: 'x'.repeat(1000) }).size('size')
      } catch (error) {
        return (error as Error).message
      }
    })()
    assert.match(String(message), /got "x+\.\.\.$/)
    assert.ok(String(message).length < 150)
  })
})
