import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { findJsonFault } from '../../src/json/json-fault.ts'

const isJson = (text: string) => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** What may be missing of a token, or of a name and its value, that a text breaks off in. */
const TOKEN_ENDS = ['', '0', '"', 'n"', '0"', '00"', '000"', '0000"']
const LITERAL_ENDS = ['true', 'false', 'null'].flatMap((word) =>
  [1, 2, 3, 4].map((read) => word.slice(read)),
)
const ENDS = [
  ...TOKEN_ENDS,
  ...LITERAL_ENDS,
  ...TOKEN_ENDS.map((end) => `${end}:0`),
  '"k":0',
] as const

/** The closing brackets that the text asks for. */
function closing(text: string): string {
  let open = ''
  for (const [bracket] of text.replace(/"(?:[^"\\]|\\.)*"?/gs, '').matchAll(/[[\]{}]/g)) {
    if (bracket === '[') open = `]${open}`
    else if (bracket === '{') open = `}${open}`
    else open = open.slice(1)
  }
  return open
}

/** The definition, tried out: whether some text that starts like this is JSON. */
const canBecomeJson = (text: string) => ENDS.some((end) => isJson(text + end + closing(text)))

/** Checks the place of the fault against the definition, with JSON.parse as the only judge. */
function check(text: string): void {
  const bytes = Buffer.from(text)
  const fault = findJsonFault(bytes)
  assert.equal(fault === undefined, isJson(text), text)
  if (!fault) return
  const good = bytes.toString('utf8', 0, fault.offset)
  const [next] = bytes.toString('utf8', fault.offset)
  assert.ok(canBecomeJson(good), `nothing wrong yet: ${good}`)
  assert.equal(fault.isEnd, next === undefined)
  if (next !== undefined) assert.ok(!canBecomeJson(good + next), `wrong by now: ${good + next}`)
  const lines = good.split(/\r\n|\r|\n/)
  // Of a CR LF the CR is the end of the line, wherever the text is looked at.
  assert.equal(fault.line, lines.length, text)
  assert.equal(fault.column, [...lines.at(-1)!].length + 1, text)
}

const texts = fc
  .record({
    json: fc.json({ stringUnit: 'binary', maxDepth: 3 }),
    more: fc.array(fc.oneof(fc.string({ unit: 'grapheme' }), fc.double(), fc.boolean()), {
      maxLength: 4,
    }),
    indent: fc.constantFrom(undefined, 1, '\t'),
    lineEnd: fc.constantFrom('\n', '\r\n', '\r'),
  })
  .map(({ json, more, indent, lineEnd }) =>
    JSON.stringify({ json: JSON.parse(json), more, none: null }, undefined, indent)
      .replaceAll('\n', lineEnd)
      .toWellFormed(),
  )
const damage = fc.oneof(
  fc.constantFrom('', '"', '\\', '\\u12', '{', '}', '[', ']', ',', ':', '0', '01', '-', '.', 'e'),
  fc.constantFrom('t', 'nul', ' ', '\n', '\r', '\u0000', '\ufeff', 'ü', '🦅', "'", '/*'),
  fc.string({ unit: 'binary', maxLength: 3 }).map((text) => text.toWellFormed()),
)

test('the fault is where the longest beginning that can still become JSON ends', () => {
  fc.assert(
    fc.property(texts, fc.nat(), fc.nat(3), damage, (text, at, removed, put) => {
      const place = at % (text.length + 1)
      check((text.slice(0, place) + put + text.slice(place + removed)).toWellFormed())
    }),
    { numRuns: 1000 },
  )
})

test('and so it is in a text that ends too early, wherever that is', () => {
  fc.assert(
    fc.property(texts, fc.nat(), (text, at) => {
      check(text.slice(0, at % (text.length + 1)).toWellFormed())
    }),
    { numRuns: 500 },
  )
})

test('where V8 tells a position, it is the same', () => {
  for (const text of [
    '{"a":1 oops}',
    '{"ü":1 oops}',
    '{',
    '{"a"',
    '"abc',
    '"a\nb"',
    '"\\x"',
    '"\\u12"',
    '"\\u12G4"',
    '-',
    '-a',
    '01',
    '1.x',
    '1e+',
    '1 2',
    '{a:1}',
    '{"a":1,}',
    '{"a":1}}',
  ]) {
    const message = (() => {
      try {
        return String(JSON.parse(text))
      } catch (error) {
        return String(error)
      }
    })()
    const position = Number(/position (\d+)/.exec(message)?.[1])
    assert.equal(
      findJsonFault(Buffer.from(text))?.offset,
      Buffer.byteLength(text.slice(0, position)),
    )
    check(text)
  }
})

test('each fault says what may stand there', () => {
  for (const [text, offset, expected] of [
    ['', 0, 'a value'],
    ['{"a": }', 6, 'a value'],
    ['[,1]', 1, 'a value or ]'],
    ['[1,]', 3, 'a value'],
    ['[1 2]', 3, 'a comma or ]'],
    ['[tru]', 4, 'the rest of true'],
    ['[NaN]', 1, 'a value or ]'],
    ['{1:2}', 1, 'a name in double quotes or }'],
    ['{"a":1,}', 7, 'a name in double quotes'],
    ['{"a" 1}', 5, 'a colon'],
    ['{"a":1 "b":2}', 7, 'a comma or }'],
    ['{} {}', 3, 'nothing more'],
    ['"a', 2, 'the end of a string'],
    ['"\t"', 1, 'an escape such as \\n for a control character'],
    ['"\\x"', 2, 'one of "\\/bfnrtu after a backslash'],
    ['"\\u00x0"', 5, 'four hexadecimal digits'],
    ['[-]', 2, 'a digit'],
    ['[00]', 2, 'a comma or ]'],
  ] as const) {
    const fault = findJsonFault(Buffer.from(text))
    assert.deepEqual([fault?.offset, fault?.expected], [offset, expected], text)
  }
})

test('lines and columns count from one, columns in characters', () => {
  const fault = findJsonFault(Buffer.from('{\r\n "🦅":\n\n  "ü🦅" oops}'))
  assert.deepEqual([fault?.line, fault?.column, fault?.offset], [4, 8, 24])
})

test('depth costs no stack', () => {
  const depth = 200_000
  assert.equal(findJsonFault(Buffer.from('['.repeat(depth)))?.offset, depth)
})
