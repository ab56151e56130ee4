/** Requests for responses that are refused, by the name of what is wrong. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openTestApp } from '../../support/http-app.ts'
import { ask, assertFails, get, until, WEATHER } from '../../support/responses.ts'

describe('what cannot be asked is refused by the name of its field', () => {
  const cases: readonly (readonly [body: object, code: string, param: string])[] = [
    [{}, 'invalid_request', 'input'],
    [{ input: [] }, 'invalid_request', 'input'],
    [{ input: 'a', conversation: 'conv_1' }, 'unsupported_parameter', 'conversation'],
    [{ input: 'a', prompt: { id: 'p' } }, 'unsupported_parameter', 'prompt'],
    [{ input: 'a', tools: [{ type: 'web_search' }] }, 'unsupported_parameter', 'tools[0].type'],
    [{ input: 'a', tools: [{ type: 'nothing' }] }, 'invalid_request', 'tools[0].type'],
    [
      { input: 'a', tools: [WEATHER], tool_choice: { type: 'web_search_preview' } },
      'unsupported_parameter',
      'tool_choice.type',
    ],
    [
      { input: 'a', tools: [WEATHER], tool_choice: { type: 'custom', name: 'x' } },
      'unsupported_parameter',
      'tool_choice.type',
    ],
    [
      {
        ...{ input: 'a', tools: [WEATHER] },
        tool_choice: { type: 'allowed_tools', mode: 'auto', tools: [{ type: 'mcp' }] },
      },
      'unsupported_parameter',
      'tool_choice.tools[0].type',
    ],
    [
      { input: 'a', tools: [WEATHER], tool_choice: { type: 'nothing' } },
      'invalid_request',
      'tool_choice.type',
    ],
    [{ input: 'a', reasoning: { effort: 'high' } }, 'unsupported_parameter', 'reasoning.effort'],
    [{ input: 'a', text: { verbosity: 'low' } }, 'unsupported_parameter', 'text.verbosity'],
    [{ input: 'a', include: ['file_search_call.results'] }, 'unsupported_parameter', 'include[0]'],
    [{ input: 'a', background: true, store: false }, 'invalid_request', 'background'],
    [{ input: 'a', stream_options: {} }, 'invalid_request', 'stream_options'],
    [{ input: 'a', nothing: 1 }, 'unknown_parameter', 'nothing'],
    [{ input: 'a', top_logprobs: 21 }, 'invalid_request', 'top_logprobs'],
    [
      { input: [{ type: 'reasoning', id: 'rs_1', summary: [] }] },
      'unsupported_parameter',
      'input[0].type',
    ],
    [
      { input: [{ role: 'user', content: [{ type: 'text' }] }] },
      'invalid_request',
      'input[0].content[0].type',
    ],
    [{ input: [{ role: 'nobody', content: 'a' }] }, 'invalid_request', 'input[0].role'],
    [{ input: [{ type: 'function_call', call_id: 'a' }] }, 'invalid_request', 'input[0].name'],
    [
      { input: [{ role: 'user', content: [{ type: 'input_image' }] }] },
      'invalid_request',
      'input[0].content[0]',
    ],
    [
      { input: [{ role: 'system', content: [{ type: 'input_image', image_url: 'data:' }] }] },
      'invalid_request',
      'input[0].content[0].type',
    ],
    [
      { input: [{ role: 'user', content: [{ type: 'output_text', text: 'a' }] }] },
      'invalid_request',
      'input[0].content[0].type',
    ],
    [
      {
        input: [
          { role: 'user', content: [{ type: 'input_file', file_url: 'https://a', file_id: 'b' }] },
        ],
      },
      'invalid_request',
      'input[0].content[0]',
    ],
    [{ input: [{ type: 'item_reference', id: 'msg_1' }] }, 'not_found', 'input[0].id'],
    [{ input: [{ id: 'msg_1' }] }, 'not_found', 'input[0].id'],
    [
      { input: 'a', previous_response_id: 'resp_1' },
      'previous_response_not_found',
      'previous_response_id',
    ],
  ]
  it('without anything being kept', async () => {
    await using app = await openTestApp()
    for (const [body, code, param] of cases) {
      const answer = await ask(app, body)
      assertFails(answer, code === 'not_found' ? 404 : 400, code, param)
    }
    for (const background of [false, true]) {
      const nobody = await ask(app, { input: 'a', model: 'x', background })
      assertFails(nobody, 404, 'model_not_found', 'model')
    }
    assert.equal((await get(app, 'resp_1')).status, 404)
    const { responses } = await until(
      async () => app.responses.stats(),
      ({ responses, created, deleted }) => responses === 0 && created === deleted,
    )
    assert.equal(responses, 0)
  })
})
