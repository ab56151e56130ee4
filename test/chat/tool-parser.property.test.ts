import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { CallSyntax } from '../../models/tools/format.ts'
import { TEMPLATE_FORMATS, WRITTEN_FORMATS } from '../../models/tools/formats.ts'
import { type ParsedPiece, ToolCallParser } from '../../src/chat/tool-parser.ts'
import { writeCalls } from '../../src/chat/tool-text.ts'
import { propertyRuns } from '../support/property-runs.ts'

const FORMATS = [...TEMPLATE_FORMATS, ...WRITTEN_FORMATS]
const NAMES = new Set(['f', 'get_weather'])

/** Pieces of a text that was pushed in pieces, those of a kind that touch each other as one. */
function read(syntax: CallSyntax, text: string, cuts: readonly number[]): ParsedPiece[] {
  const parser = new ToolCallParser(syntax, NAMES)
  const units = [...text]
  const ends = [...cuts.map((cut) => cut % (units.length + 1)), units.length].sort((a, b) => a - b)
  let from = 0
  const pieces = ends.flatMap((end) => {
    const pushed = parser.push(units.slice(from, end).join(''))
    from = end
    return pushed
  })
  const whole: ParsedPiece[] = []
  for (const piece of [...pieces, ...parser.end()]) {
    const last = whole.at(-1)
    if (piece.type === 'arguments' && last?.type === 'arguments') {
      whole.splice(-1, 1, { ...last, text: last.text + piece.text })
    } else if (
      piece.type === 'text' &&
      last?.type === 'text' &&
      last.from + last.text.length === piece.from
    ) {
      whole.splice(-1, 1, { ...last, text: last.text + piece.text })
    } else whole.push(piece)
  }
  return whole
}

const format = fc.constantFrom(...FORMATS)
const cuts = fc.array(fc.nat(), { maxLength: 12 })
const words = FORMATS.flatMap(({ calls }) => [
  ...calls.begins,
  calls.end,
  calls.argumentsMark ?? '',
])
const hostile = fc.array(
  fc.oneof(
    fc.constantFrom(
      ...words,
      '{"name": "f"',
      '"arguments": ',
      '{',
      '}',
      '[',
      ']',
      '"',
      '\\',
      ',',
      ':',
    ),
    fc.constantFrom(' ', '\n', ';', 'null', '\\ud83d', 'f', 'x', '"get_weather"', '😀', '</tool_'),
    fc.string({ maxLength: 4, unit: 'grapheme' }),
  ),
  { maxLength: 24 },
)
const call = fc.record({
  name: fc.constantFrom(...NAMES),
  text: fc
    .dictionary(fc.string({ maxLength: 4 }), fc.jsonValue())
    .map((value) => JSON.stringify(value)),
})

/** A call of a tool that there is, what there is of its arguments, its end: one behind the other, but for the last, which may be cut. */
function assertWhole(pieces: readonly ParsedPiece[]): void {
  let isOpen = false
  for (const piece of pieces) {
    if (piece.type === 'call') {
      assert.ok(!isOpen && NAMES.has(piece.name))
      isOpen = true
    } else if (piece.type === 'text') assert.ok(!isOpen, 'a text in a call')
    else {
      assert.ok(isOpen, `${piece.type} outside of a call`)
      isOpen = piece.type === 'arguments'
    }
  }
}

describe('the text of any answer', () => {
  it('has calls that begin, have arguments and end, also where a call is damaged in any place', (test) => {
    const made = fc.array(call, { minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(
        ...[format, made, fc.nat(), fc.nat({ max: 12 }), hostile, cuts],
        ({ calls }, whole, place, gone, parts, some) => {
          const written = writeCalls(calls, whole)
          const at = place % (written.length + 1)
          const text = written.slice(0, at) + parts.slice(0, 3).join('') + written.slice(at + gone)
          const pieces = read(calls, text, [])
          assertWhole(pieces)
          assert.deepEqual(read(calls, text, some), pieces)
        },
      ),
      propertyRuns(300, test),
    )
  })

  it('says the same however it is cut into pieces, and never fails', (test) => {
    fc.assert(
      fc.property(format, hostile, cuts, ({ calls }, parts, some) => {
        const text = parts.join('')
        assert.deepEqual(read(calls, text, some), read(calls, text, []))
      }),
      propertyRuns(300, test),
    )
  })

  it('loses nothing that is outside of calls but white space, and tells where each text stands', (test) => {
    fc.assert(
      fc.property(format, hostile, cuts, ({ calls }, parts, some) => {
        const text = parts.join('')
        const pieces = read(calls, text, some)
        let end = 0
        for (const piece of pieces) {
          if (piece.type !== 'text') continue
          assert.equal(text.slice(piece.from, piece.from + piece.text.length), piece.text)
          assert.ok(piece.from >= end)
          end = piece.from + piece.text.length
        }
        if (pieces.every(({ type }) => type === 'text')) {
          const said = pieces.map((piece) => (piece.type === 'text' ? piece.text : '')).join('')
          // An empty list of calls is no text.
          assert.ok(said === text || /\[[\s,]*\]/.test(text), `${said} of ${text}`)
        }
      }),
      propertyRuns(300, test),
    )
  })

  it('gives back the calls that a format writes, name by name and character by character', (test) => {
    fc.assert(
      fc.property(
        format,
        fc.array(call, { minLength: 1, maxLength: 3 }),
        cuts,
        ({ calls }, made, some) => {
          const pieces = read(calls, writeCalls(calls, made), some)
          const found = pieces.flatMap((piece) => (piece.type === 'call' ? [piece.name] : []))
          const texts = pieces.flatMap((piece) => (piece.type === 'arguments' ? [piece.text] : []))
          assert.deepEqual(
            found,
            made.map(({ name }) => name),
          )
          assert.deepEqual(
            texts,
            made.map(({ text }) => text),
          )
          assert.ok(pieces.every(({ type }) => type !== 'text'))
        },
      ),
      propertyRuns(300, test),
    )
  })
})
