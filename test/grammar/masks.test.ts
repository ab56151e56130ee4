import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import type { Constraint } from '../../src/engine/constraint.ts'
import { type ClassTokens, classTokens } from '../../src/grammar/class-tokens.ts'
import { computeMask, repetitionAt, repetitionMask } from '../../src/grammar/masks.ts'
import type { Position } from '../../src/grammar/positions.ts'
import {
  buildTree,
  longestToken,
  tokenBytes,
  type Vocabulary,
  vocabularySize,
} from '../../src/grammar/vocabulary.ts'
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts'
import { vocabularyOf } from '../../src/tokenizer/vocabulary.ts'
import { matcherOf, randomOf } from '../support/grammar-texts.ts'

const json = (schema: object): Constraint => ({ kind: 'json', schema: { ...schema } })

/** What repeats a class of characters, and what looks as if it did. */
const CONSTRAINTS: Readonly<Record<string, Constraint>> = {
  'a string': json({ type: 'string' }),
  'a bounded string': json({ type: 'string', maxLength: 40 }),
  'a string of a least length': json({ type: 'string', minLength: 30, maxLength: 50 }),
  'many strings': json({
    type: 'array',
    items: { type: 'string', maxLength: 3 },
    minItems: 20,
    maxItems: 40,
  }),
  'any character, so many times': { kind: 'regex', pattern: '[^]{3,30}' },
  'a class beside a word that begins as it does': { kind: 'regex', pattern: '([^x]{5}|abcdef)+x' },
  'two classes, one behind the other': { kind: 'regex', pattern: '[^a]{2,6}[^b]{2,6}c' },
  'characters of several bytes': { kind: 'regex', pattern: '[¡-\\u{10ffff}]{1,20}' },
  'more than a token has': { kind: 'regex', pattern: '([^"]{50}")*' },
  'what may be nothing, many times': { kind: 'regex', pattern: '(a?b?){40}c' },
}

describe('masks of a real vocabulary', () => {
  let vocabulary: Vocabulary
  let source: Parameters<typeof computeMask>[2]
  const tables = new Map<string, ClassTokens>()
  before(async () => {
    const tokenizer = await Tokenizer.load('models/starter')
    vocabulary = await vocabularyOf(tokenizer, tokenizer.size)
    source = { tree: buildTree(vocabulary), size: vocabularySize(vocabulary) }
  })

  const tableOf = (ranges: readonly number[]) => {
    const name = ranges.join()
    const table = tables.get(name) ?? classTokens(vocabulary, ranges)
    tables.set(name, table)
    return table
  }

  /** Positions along texts at random, token by token. */
  function* positionsOf(matcher: ReturnType<typeof matcherOf>): Generator<Position> {
    for (const seed of [1, 2, 3]) {
      const random = randomOf(seed)
      let position: Position | null = matcher.start
      for (let i = 0; i < 60 && position && position.openings.length > 0; i++) {
        yield position
        const mask = computeMask(matcher, position, source)!
        const ids = Array.from({ length: source.size }, (_, id) => id).filter(
          (id) => (mask[id >>> 5]! >>> (id & 31)) & 1,
        )
        if (ids.length === 0) break
        const id = ids[Math.floor(random() * ids.length)]!
        position = matcher.advance(position, tokenBytes(vocabulary, id))
      }
    }
  }

  for (const [name, constraint] of Object.entries(CONSTRAINTS)) {
    it(`are what each token by itself says: ${name}`, () => {
      const matcher = matcherOf(constraint, longestToken(vocabulary))
      let counted = 0
      for (const position of positionsOf(matcher)) {
        if (++counted % 7 !== 1) continue
        const mask = computeMask(matcher, position, source)!
        for (let id = 0; id < source.size; id++) {
          const bytes = tokenBytes(vocabulary, id)
          const isAllowed = bytes.length > 0 && matcher.advance(position, bytes) !== null
          assert.equal((mask[id >>> 5]! >>> (id & 31)) & 1, Number(isAllowed), `token ${id}`)
        }
      }
      assert.ok(counted > 10)
    })

    it(`are the same put together by characters, and for all that are alike: ${name}`, () => {
      const matcher = matcherOf(constraint, longestToken(vocabulary))
      for (const position of positionsOf(matcher)) {
        const mask = computeMask(matcher, position, source)!
        const repetition = repetitionAt(matcher, position)
        if (repetition) {
          const table = tableOf(matcher.automaton.classes[repetition.class]!.ranges)
          assert.deepEqual(repetitionMask(matcher, repetition, table, source), mask)
        }
        if (matcher.knowsMask(position)) assert.deepEqual(position.mask, mask)
        else matcher.keepMask(position, mask)
      }
    })
  }

  it('are given up where they take longer than they may, and not where they just do', () => {
    const matcher = matcherOf(json({ type: 'string', maxLength: 40 }), 12)
    const inside = matcher.advance(matcher.start, Buffer.from('"a'))!
    assert.equal(computeMask(matcher, inside, source, 100), null)
    const repetition = repetitionAt(matcher, inside)!
    const table = tableOf(matcher.automaton.classes[repetition.class]!.ranges)
    assert.equal(repetitionMask(matcher, repetition, table, source, 10), null)
    assert.ok(computeMask(matcher, inside, source, 1_000_000))
  })

  it('of a string are one for all places that are far from its end', () => {
    const matcher = matcherOf(json({ type: 'string', maxLength: 400 }), longestToken(vocabulary))
    let position = matcher.advance(matcher.start, Buffer.from('"'))!
    let computed = 0
    for (let i = 0; i < 400; i++) {
      if (!matcher.knowsMask(position)) {
        matcher.keepMask(position, computeMask(matcher, position, source)!)
        computed++
      }
      position = matcher.step(position, 0x61)!
    }
    assert.ok(computed <= longestToken(vocabulary) + 2, `${computed} masks`)
    assert.ok(computed >= 3)
  })
})
