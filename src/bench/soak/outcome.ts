/** Sends one request of a mix and tells whether it ended as it has to. */
import { type Agent, request as httpRequest } from 'node:http'
import type { TrafficRequest } from './traffic.ts'

export interface Connection {
  readonly url: string
  readonly apiKey: string | undefined
  readonly agent: Agent
  /** How long an answer may take, {@link ANSWER_MS} unless said otherwise. */
  readonly answerMs?: number
}

/** Longer than any answer of a server that is overloaded; one that hangs is to be found. */
export const ANSWER_MS = 10 * 60_000

/** Undefined: as it has to. Never rejects. */
export async function outcome(
  request: TrafficRequest,
  connection: Connection,
): Promise<string | undefined> {
  try {
    return await send(request, connection)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function send(
  { path, body, status, choices = 1, leaves }: TrafficRequest,
  { url, apiKey, agent, answerMs = ANSWER_MS }: Connection,
): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
    }
    const request = httpRequest(`${url}${path}`, { method: 'POST', agent, headers })
    let timer: NodeJS.Timeout | undefined
    let hasLeft = false
    const limit = setTimeout(() => {
      request.destroy(new Error(`no whole answer within ${answerMs / 1000} s`))
    }, answerMs)
    // Also after a client has left: whatever happens, it is closed.
    request.on('close', () => clearTimeout(limit))
    const leave = () => {
      hasLeft = true
      request.destroy()
      resolve(undefined)
    }
    if (typeof leaves === 'number') timer = setTimeout(leave, leaves)
    request.on('response', (response) => {
      let answer = ''
      response.setEncoding('utf8')
      response.on('data', (piece: string) => {
        answer += piece
        if (leaves === 'first-text' && /"content":"[^"]/.test(answer)) leave()
      })
      response.on('end', () => {
        clearTimeout(timer)
        try {
          resolve(judged(answer, response.statusCode, { status, choices, path }))
        } catch (error) {
          reject(error)
        }
      })
      response.on('error', (error) => (hasLeft ? undefined : reject(error)))
    })
    request.on('error', (error) => {
      clearTimeout(timer)
      if (!hasLeft) reject(error)
    })
    request.end(body)
  })
}

interface Expected {
  readonly status: number
  readonly choices: number
  readonly path: string
}

/** Throws for what is no JSON where it has to be. */
function judged(
  answer: string,
  status: number | undefined,
  expected: Expected,
): string | undefined {
  if (status !== expected.status)
    return `status ${status}, expected ${expected.status}: ${answer.slice(0, 200)}`
  if (answer.startsWith('data: ')) {
    if (answer.includes('data: {"error"')) return `an error in a stream: ${answer.slice(-200)}`
    return answer.endsWith('data: [DONE]\n\n') ? undefined : 'the stream ended without [DONE]'
  }
  const json = JSON.parse(answer) as { choices?: unknown[]; error?: { message?: string } }
  if (status !== 200) return json.error?.message ? undefined : `${status} without an error`
  const isChat = expected.path === '/v1/chat/completions'
  if (isChat && json.choices?.length !== expected.choices)
    return `${json.choices?.length} choices, expected ${expected.choices}`
  return undefined
}
