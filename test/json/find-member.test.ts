import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { findMember } from '../../src/json/find-member.ts'
import { propertyRuns } from '../support/property-runs.ts'

/** What the stretch holds. */
function memberOf(text: string, name: string): unknown {
  const bytes = Buffer.from(text)
  const found = findMember(bytes, name)
  if (!found) return undefined
  return JSON.parse(bytes.toString('utf8', found.offset, found.offset + found.length))
}

test('the value of a member is found byte by byte, whatever is around it', () => {
  assert.deepEqual(memberOf('{"a":1,"body":{"b":[1,"}"]},"c":2}', 'body'), { b: [1, '}'] })
  assert.deepEqual(memberOf(' { "body" : [ ] } ', 'body'), [])
  assert.equal(memberOf('{"body":-1.5e3}', 'body'), -1500)
  assert.equal(memberOf('{"body":"a\\"b"}', 'body'), 'a"b')
  assert.equal(memberOf('{"a":{"body":1}}', 'body'), undefined)
  assert.equal(memberOf('{}', 'body'), undefined)
})

test('of two members of one name it is the last, and a name may be escaped, as JSON.parse has it', () => {
  assert.equal(memberOf('{"body":1,"body":2}', 'body'), 2)
  assert.equal(memberOf('{"\\u0062ody":3}', 'body'), 3)
})

test('any object: the stretch is the value', (t) => {
  const member = fc.constantFrom('body', 'b', '"', 'a\nb', 'böö', '')
  const object = fc.dictionary(member, fc.jsonValue({ maxDepth: 3 }), { maxKeys: 4 })
  const space = fc.constantFrom(undefined, 1, '\t')
  const property = fc.property(object, space, member, (value, indent, name) => {
    const text = JSON.stringify(value, undefined, indent)
    assert.deepEqual(memberOf(text, name), JSON.parse(text)[name])
  })
  fc.assert(property, propertyRuns(300, t))
})
