import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Prompt } from '../../src/engine/prompt.ts'
import { PromptLookup } from '../../src/engine/prompt-lookup.ts'
import type { PromptPart } from '../../src/engine/types.ts'
import { tokenRun, tokens } from '../support/engine-driver.ts'

const lookup = (...parts: PromptPart[]) => new PromptLookup(new Prompt(parts))
/** Whatever may come, however unlikely. */
const ANYTHING = 0

describe('looking up what came before', () => {
  it('guesses what stood behind the last tokens the time before', () => {
    const text = lookup(tokens(1, 2, 3, 4, 5, 6, 9, 9, 2, 3))
    assert.deepEqual(text.draft(3, ANYTHING), [4, 5, 6])
    assert.deepEqual(text.draft(2, ANYTHING), [4, 5])
  })

  it('has no guess behind tokens that are new', () => {
    assert.deepEqual(lookup(tokens(1, 2, 3, 4)).draft(4, ANYTHING), [])
    assert.deepEqual(lookup(tokens(1)).draft(4, ANYTHING), [])
    // One token alone is no match.
    assert.deepEqual(lookup(tokens(1, 2, 3, 7, 2)).draft(4, ANYTHING), [])
  })

  it('follows the longest match, and of equal ones the latest', () => {
    const longest = lookup(tokens(1, 2, 3, 40), tokens(8, 2, 3, 50), tokens(1, 2, 3))
    assert.deepEqual(longest.draft(1, ANYTHING), [40])
    const latest = lookup(tokens(1, 2, 3, 40), tokens(1, 2, 3, 50), tokens(1, 2, 3))
    assert.deepEqual(latest.draft(1, ANYTHING), [50])
  })

  it('guesses no picture, and nothing through one', () => {
    const features = { key: 'a', rows: 2, data: new Float32Array(8) }
    const picture: PromptPart = { kind: 'features', features }
    assert.deepEqual(lookup(tokens(1, 2, 3), picture, tokens(1, 2)).draft(4, ANYTHING), [3])
    assert.deepEqual(
      lookup(tokens(1), picture, tokens(7), tokens(1), picture).draft(4, ANYTHING),
      [],
    )
    const behind = lookup(picture, tokens(5, 6, 7), picture, tokens(5, 6))
    assert.deepEqual(behind.draft(4, ANYTHING), [7])
  })

  it('finds what the answer itself said', () => {
    const text = lookup(tokenRun(5))
    for (const id of [50, 60, 70, 80, 50, 60]) text.push(id)
    assert.deepEqual(text.draft(2, ANYTHING), [70, 80])
  })

  it('guesses further the longer it has been right, and stops when it is wrong', () => {
    const passage = Array.from({ length: 40 }, (_, i) => 100 + i)
    const text = lookup(tokens(...passage, 1, 2, 3))
    const lengths: number[] = []
    for (const id of passage.slice(0, 30)) {
      text.push(id)
      lengths.push(text.draft(16, 0.4).length)
    }
    assert.deepEqual(lengths.slice(0, 2), [0, 0])
    assert.ok(lengths.at(-1)! > lengths[5]!, lengths.join())
    assert.ok(
      lengths.every((length, i) => i < 6 || length >= 2),
      lengths.join(),
    )
    text.push(7)
    assert.deepEqual(text.draft(16, 0.4), [])
  })

  it('gives up on a text whose repetitions never go on alike', () => {
    const text = lookup(tokens(1, 2, 3, 4))
    let drafted = 0
    for (let i = 0; i < 200; i++) {
      // Four tokens that are known, and one that is always new.
      for (const id of [1, 2, 3, 4, 1000 + i]) {
        text.push(id)
        // Guesses behind the known four alone.
        if (id === 4 && i > 50) drafted += text.draft(16, 0.4).length
      }
    }
    assert.equal(drafted, 0)
  })
})
