/** What tests of `/v1/responses` ask and look at. */
import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { TestAnswer, TestApp } from './http-app.ts'
import { eventData } from './response-checker.ts'

export const PICTURE = `data:image/png;base64,${'A'.repeat(6000)}`
export const WEATHER = {
  ...{ type: 'function', name: 'weather', description: 'of a town' },
  parameters: { type: 'object', properties: { town: { type: 'string' } }, required: ['town'] },
}

export const ask = (app: TestApp, body: object, headers: Record<string, string> = {}) =>
  app.request('POST', '/v1/responses', { payload: { model: 'echo', ...body }, headers })

export const get = (app: TestApp, id: string, more = '') =>
  app.request('GET', `/v1/responses/${id}${more}`)

export const textOf = ({ json }: TestAnswer): string =>
  json.output.map((item: { content: { text: string }[] }) => item.content[0]!.text).join()

export interface WireEvent {
  readonly type: string
  readonly sequence_number: number
  // biome-ignore lint/suspicious/noExplicitAny: the checker has proved its shape
  readonly [field: string]: any
}

export const eventsOf = (body: string): WireEvent[] => {
  const data = eventData(body)
  assert.equal(data.pop(), '[DONE]')
  return data.map((one) => JSON.parse(one))
}

export function assertFails(
  answer: TestAnswer,
  status: number,
  code: string,
  param: string | null,
) {
  const { error } = answer.json
  assert.deepEqual([answer.status, error.code, error.param], [status, code, param], error.message)
}

export async function until<T>(look: () => Promise<T>, is: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await look()
    if (is(value)) return value
    await delay(5)
  }
}
