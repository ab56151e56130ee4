/** Requests to `/v1/messages` for tests of the edge. */
import type { TestApp } from './http-app.ts'

export const hello = [{ role: 'user', content: 'hello there' }]

/** `hello` to the echo, with whatever is given in place of that. */
export const askMessages = (app: TestApp, body: object, headers: Record<string, string> = {}) =>
  app.request('POST', '/v1/messages', {
    payload: { model: 'echo', max_tokens: 50, messages: hello, ...body },
    headers,
  })

export const weather = {
  name: 'weather',
  description: 'Says the weather.',
  input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
}
