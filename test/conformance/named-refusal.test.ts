/** Which findings of Schemathesis `--allow-refusals` lets pass: a request that the contract allows, refused with a field and a sentence. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isNamedRefusal } from './schemathesis.ts'

const REJECTED = 'Schema-valid request rejected'
const finding = (message: string | undefined, name = REJECTED) => ({
  ...{ group: 'POST /v1/files', name, outcome: 'failed' as const },
  ...(message !== undefined && { message }),
})

describe('a refusal', () => {
  it('is named where its status is of the client and a field and a sentence stand behind it', () => {
    for (const message of [
      '400 stop[0]: expected a text that is not empty',
      '404 model: expected starter',
      '413 input: too long',
    ])
      assert.ok(isNamedRefusal(finding(message)), message)
  })

  it('is none where the server failed, nothing is named, or nothing is said', () => {
    for (const message of [
      '500 model: an internal error',
      '503 input: later',
      '400 null: ',
      '400',
      '400 the request is wrong',
      '400 : nothing named',
      'before 400 model: expected starter',
      '',
    ])
      assert.ok(!isNamedRefusal(finding(message)), message)
    assert.ok(!isNamedRefusal(finding(undefined)))
  })

  it('is none of any other check, whatever was answered', () => {
    for (const name of [
      'Server error',
      'Undocumented HTTP status code',
      'schema-valid request rejected',
    ])
      assert.ok(!isNamedRefusal(finding('400 model: expected starter', name)), name)
  })
})
