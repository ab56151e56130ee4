/** Whatever the chat room says, the events of a response add up to it. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import type { ChatEvent } from '../../../src/chat/contract.ts'
import {
  ResponseBuilder,
  type ResponseEvent,
  type ResponseObject,
} from '../../../src/http/responses/builder.ts'
import { propertyRuns } from '../../support/property-runs.ts'
import { call, finish, text } from '../../support/scripted-chat.ts'

const BEFORE = { id: `resp_${'0'.repeat(36)}`, output: [], status: 'in_progress' }
const START: ChatEvent = {
  ...{ type: 'start', id: 'chatcmpl-1', created: 1, model: 'm', systemFingerprint: 'f' },
  sampling: { temperature: 0, topP: 1 },
}
const USAGE: ChatEvent = {
  ...{ type: 'usage', promptTokens: 1, cachedTokens: 0, completionTokens: 1 },
  ...{ imageTokens: 0, videoTokens: 0, soundTokens: 0, draftedTokens: 0, acceptedTokens: 0 },
}
const said = fc.oneof(
  fc.record({ text: fc.string() }),
  fc.record({ name: fc.string(), pieces: fc.array(fc.string(), { maxLength: 3 }) }),
)

it('deltas add up to items, items to the response, and numbers count', (t) => {
  const reason = fc.constantFrom('stop' as const, 'length' as const)
  fc.assert(
    fc.property(fc.array(said, { maxLength: 8 }), reason, (parts, why) => {
      // The tests of the edge have whole responses; here only what is generated matters.
      const builder = new ResponseBuilder(BEFORE as unknown as ResponseObject)
      let calls = 0
      const spoken = parts.flatMap((part) =>
        'text' in part
          ? [text(part.text)]
          : call(calls++, `call_${calls}`, part.name, ...part.pieces),
      )
      const events: ResponseEvent[] = []
      for (const event of [START, ...spoken, finish(why), USAGE]) events.push(...builder.add(event))
      events.push(builder.end(2))
      assert.deepEqual(
        events.map(({ sequence_number }) => sequence_number),
        events.map((_, i) => i),
      )
      const { response } = builder
      assert.ok(response.output.length > 0)
      response.output.forEach((item, place) => {
        const own = events.filter(
          (event) => 'output_index' in event && event.output_index === place,
        )
        const deltas = own.map((event) => ('delta' in event ? event.delta : '')).join('')
        const whole = item.type === 'message' ? item.content[0]!.text : item.arguments
        assert.equal(deltas, whole)
        assert.deepEqual(own.at(-1), { ...own.at(-1), type: 'response.output_item.done', item })
        const isLast = place === response.output.length - 1
        const isCut = why === 'length' && isLast
        assert.equal(item.status, isCut ? 'incomplete' : 'completed')
      })
      assert.equal(response.status, why === 'length' ? 'incomplete' : 'completed')
    }),
    propertyRuns(200, t),
  )
})
