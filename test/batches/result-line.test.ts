/** Lines of output files, as people read them who split a text into lines. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { TakenLine } from '../../src/batches/batch-records.ts'
import type { LineAnswer } from '../../src/batches/dispatch.ts'
import { answerResult, refusedLine } from '../../src/batches/result-line.ts'

const ENDS = /[\n\r\u0085\u2028\u2029]/
const usage = { inputTokens: 1, cachedTokens: 0, outputTokens: 1 }

it('is one line to every reader, whatever the id and the answer have in them', () => {
  const customId = 'a\u2028b\u0085\n'
  const line = { batchId: 'batch_1', line: 1, customId } as TakenLine
  const value = { text: 'c\u2029d' }
  for (const body of [JSON.stringify(value), JSON.stringify(value, undefined, 2)]) {
    const answer = { status: 200, requestId: 'req_1', usage, body: Buffer.from(body) } as LineAnswer
    const { text } = answerResult(line, answer)
    const said = Buffer.from(text).toString()
    assert.doesNotMatch(said, ENDS)
    const { custom_id, response } = JSON.parse(said)
    assert.deepEqual([custom_id, response.body], [customId, value])
  }
  assert.doesNotMatch(refusedLine(customId, 'x', 'y\u2028').toString(), ENDS)
})
