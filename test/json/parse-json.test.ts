import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { findJsonFault } from '../../src/json/json-fault.ts'
import { MalformedJson, MOST_MARKS, parseJson, TooManyValues } from '../../src/json/parse-json.ts'

const MIN_URI_BYTES = 8
const uri = `data:image/png;base64,${'AbC+/='.repeat(20)}`

function same(text: string): void {
  const bytes = Buffer.from(text)
  let expected: unknown
  try {
    expected = JSON.parse(text)
  } catch {
    // Where it is wrong in the whole text, not in what is left without the pictures.
    const { offset } = findJsonFault(bytes)!
    const isThere = (error: unknown) =>
      error instanceof MalformedJson && error.fault.offset === offset
    assert.throws(() => parseJson(bytes, MIN_URI_BYTES), isThere)
    return
  }
  assert.deepEqual(parseJson(bytes, MIN_URI_BYTES), expected)
}

test('pictures come back where they were: values, arrays, alone, several times', () => {
  same(JSON.stringify(uri))
  same(JSON.stringify({ model: 'm', image_url: { url: uri }, list: [uri, 'text', [uri]], ü: uri }))
  same(JSON.stringify({ a: `${uri}1`, b: `${uri}2` }, undefined, 2))
  same(`{"__proto__":"${uri}"}`)
})

test('what only looks like one is left alone', () => {
  for (const text of [
    `{"${uri}":1}`,
    `{"${uri}" \n :1}`,
    JSON.stringify({ text: `he said "${uri}"` }),
    JSON.stringify({ text: `\\"${uri}` }),
    `{"text":"a\\\\","x":"${uri}"}`,
    `"${uri}\\u0041\\/\\""`,
    `"${uri}ü"`,
    JSON.stringify('data:,short'),
  ]) {
    same(text)
  }
})

test('malformed JSON fails where it is wrong, pictures and all', () => {
  for (const text of [
    `{"a":"${uri}"`,
    `{"a":"${uri}" oops}`,
    `"${uri}`,
    `["${uri}\n"]`,
    `["${uri}\t"]`,
    `x"${uri}"`,
    `["${uri}""${uri}"]`,
  ]) {
    same(text)
  }
})

test('any document is read as JSON.parse reads it, damaged or not', () => {
  const strings = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom(uri, 'data:', 'data:image/png;base64,"AAAA"', '"data:x', '\\"data:image/png'),
  )
  const documents = fc.json({ stringUnit: 'binary', maxDepth: 3 })
  fc.assert(
    fc.property(
      documents,
      fc.array(strings, { maxLength: 4 }),
      fc.nat(),
      fc.boolean(),
      (json, texts, at, damage) => {
        const text = JSON.stringify({ json: JSON.parse(json), texts, [texts[0] ?? 'k']: texts })
        const wellFormed = text.toWellFormed()
        const cut = at % wellFormed.length
        same(
          (damage
            ? wellFormed.slice(0, cut) + wellFormed.slice(cut + 1)
            : wellFormed
          ).toWellFormed(),
        )
      },
    ),
    { numRuns: 500 },
  )
})

test('a picture in a document nested beyond all reason is no problem of ours', () => {
  const text = `${'['.repeat(100_000)}"${uri}"${']'.repeat(100_000)}`
  let value = parseJson(Buffer.from(text), MIN_URI_BYTES)
  while (Array.isArray(value)) value = value[0]
  assert.equal(value, uri)
})

test('more values than any request needs are refused before they are made, whatever they are', () => {
  const most = MOST_MARKS + 1
  for (const text of [
    `[${'1,'.repeat(most)}1]`,
    `{${'"k":0,'.repeat(most / 3 + 1)}"k":0}`,
    `{"logit_bias":{${'"\\"":0,'.repeat(most / 3 + 1)}"k":0}}`,
    `[${'[],'.repeat(most / 2 + 1)}[]]`,
    '['.repeat(most),
    `{"messages":"${uri}",${'"k":0,'.repeat(most / 3 + 1)}"k":0}`,
  ]) {
    assert.throws(
      () => parseJson(Buffer.from(text), MIN_URI_BYTES),
      TooManyValues,
      text.slice(0, 40),
    )
  }
})

test('a long text may hold as many commas, brackets and quotes as it likes', () => {
  const text = '[a, "b": {c}\\]'.repeat(MOST_MARKS)
  same(JSON.stringify({ messages: [{ role: 'user', content: text }] }))
})

test('strings end where they end, whatever is escaped in them', () => {
  for (const text of ['\\"\\\\', '\\\\', '\\"', '\\\\\\"', '\\"a\\"\\\\\\"']) {
    const strings = (count: number) => Buffer.from(`[${Array(count).fill(`"${text}"`)}]`)
    assert.equal((parseJson(strings(MOST_MARKS / 2)) as string[]).length, MOST_MARKS / 2, text)
    assert.throws(() => parseJson(strings(MOST_MARKS / 2 + 1)), TooManyValues, text)
  }
})

test('a text may quote any number of beginnings of pictures before a real one comes', () => {
  const quoted = '"data:image/png;base64,"'.repeat(1000)
  same(JSON.stringify({ quoted, uri, again: [quoted, `"${uri}`, uri] }))
})
