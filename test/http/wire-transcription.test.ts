import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromForm } from '../../src/http/wire-transcription.ts'

test('a number in a form is a number as clients of any language write it, and nothing else is', () => {
  for (const [text, temperature] of [
    ['0', 0],
    ['0.25', 0.25],
    ['1.', 1],
    ['.5', 0.5],
    ['1e-05', 1e-5],
    ['5.960464477539063e-08', 2 ** -24],
    ['', ''],
    ['.', '.'],
    ['-1', '-1'],
    ['0x1', '0x1'],
    [' 1', ' 1'],
    ['Infinity', 'Infinity'],
  ] as const)
    assert.deepEqual(fromForm({ temperature: text }), { temperature }, JSON.stringify(text))
})
