/** `file` parts on the wire: what the chat room is asked for, and what is refused before. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestApp } from '../support/http-app.ts'

const say = (file: object, more: object = {}) => ({
  messages: [{ role: 'user', content: [{ type: 'file', file, ...more }] }],
})

test('a file by id, or as data with its name', async () => {
  await using app = await openTestApp()
  await app.chat(say({ file_id: 'file-1' }))
  await app.chat(say({ file_data: 'data:,x', filename: 'x.txt', file_id: null }))
  await app.chat(say({ file_data: 'data:,x' }))
  const param = 'messages[0].content[0].file'
  const files = app.service.requests.map(({ messages }) => messages[0]!.content[0])
  assert.deepEqual(files, [
    { type: 'file', file: { id: 'file-1' }, param },
    { type: 'file', file: { data: 'data:,x', filename: 'x.txt' }, param },
    { type: 'file', file: { data: 'data:,x', filename: undefined }, param },
  ])
})

test('which pages of a document, what of them and how closely', async () => {
  await using app = await openTestApp()
  await app.chat(say({ file_id: 'file-1', pages: '1-3,7', content: 'pictures', detail: 'low' }))
  await app.chat(say({ file_id: 'file-1', pages: null, content: null, detail: null }))
  const param = 'messages[0].content[0].file'
  const file = { id: 'file-1' }
  assert.deepEqual(
    app.service.requests.map(({ messages }) => messages[0]!.content[0]),
    [
      { type: 'file', file, pages: '1-3,7', content: 'pictures', detail: 'low', param },
      { type: 'file', file, param },
    ],
  )
})

test('what is no such part is refused by the field that is wrong', async () => {
  await using app = await openTestApp()
  const at = 'messages[0].content[0]'
  const cases = [
    [say({}), 'invalid_request', `${at}.file`, /file_id or file_data, got neither/],
    [say({ file_id: 'f', file_data: 'd' }), 'invalid_request', `${at}.file`, /got both/],
    [
      say({ file_id: 'f', filename: 'x' }),
      'invalid_request',
      `${at}.file.filename`,
      /none with file_id/,
    ],
    [say({ file_url: 'x' }), 'unknown_parameter', `${at}.file.file_url`, /unknown/],
    [
      say({ file_id: 'f', content: 'audio' }),
      'invalid_request',
      `${at}.file.content`,
      /one of "text", "pictures", "both", got "audio"/,
    ],
    [say({ file_id: 'f', pages: 3 }), 'invalid_request', `${at}.file.pages`, /a string/],
    [say({ file_id: '' }), 'invalid_request', `${at}.file.file_id`, /1 to 128 characters/],
    [
      say({ file_id: 'f' }, { prompt_cache_breakpoint: { mode: 'explicit' } }),
      'unsupported_parameter',
      `${at}.prompt_cache_breakpoint`,
      /implicitly/,
    ],
  ] as const
  for (const [body, code, param, message] of cases) {
    const { status, json } = await app.chat(body)
    assert.deepEqual([status, json.error.code, json.error.param], [400, code, param])
    assert.match(json.error.message, message)
  }
})
