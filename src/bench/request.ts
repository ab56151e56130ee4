/** One streamed chat completion over node:http, timed. As little work as possible, so as not to disturb. */
import { type Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import type { RequestRecord } from './load.ts'

export interface TimedRequest {
  readonly url: string
  readonly apiKey: string | undefined
  readonly agent: Agent
  /** The JSON body. */
  readonly body: Buffer
  /** `performance.now()` at which the load began. */
  readonly loadStart: number
}

interface Chunk {
  readonly choices: readonly { readonly delta: { readonly content?: string | null } }[]
  readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number } | null
  readonly error?: { readonly message: string }
}

/** Sends the request and reads the answer to its end. A failure is told in the record, never thrown. */
export async function timeRequest(timed: TimedRequest): Promise<RequestRecord> {
  const start = performance.now()
  let firstText: number | undefined
  let lastText = 0
  const gapsMs: number[] = []
  let usage = { prompt_tokens: 0, completion_tokens: 0 }
  let error: string | undefined = 'the stream ended without [DONE]'
  try {
    const response = await send(timed)
    if (response.statusCode !== 200) {
      throw new Error(`status ${response.statusCode}: ${(await text(response)).slice(0, 200)}`)
    }
    for await (const data of serverSentData(response)) {
      if (data === '[DONE]') {
        error = undefined
        continue
      }
      const chunk = JSON.parse(data) as Chunk
      if (chunk.error) throw new Error(chunk.error.message)
      if (chunk.usage) usage = chunk.usage
      if (!chunk.choices[0]?.delta.content) continue
      const now = performance.now()
      if (firstText === undefined) firstText = now
      else gapsMs.push(now - lastText)
      lastText = now
    }
  } catch (cause) {
    error = cause instanceof Error ? cause.message : String(cause)
  }
  return {
    startMs: start - timed.loadStart,
    ttftMs: firstText === undefined ? undefined : firstText - start,
    gapsMs,
    totalMs: performance.now() - start,
    promptTokens: usage.prompt_tokens,
    completionTokens: usage.completion_tokens,
    error,
  }
}

function send({ url, apiKey, agent, body }: TimedRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/json',
      'content-length': body.length,
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
    }
    const request = httpRequest(`${url}/v1/chat/completions`, { method: 'POST', agent, headers })
    request.on('response', resolve).on('error', reject).end(body)
  })
}

/** The `data:` fields of a server-sent event stream, one line each as all OpenAI-like servers send them. */
async function* serverSentData(response: IncomingMessage): AsyncGenerator<string> {
  let rest = ''
  response.setEncoding('utf8')
  for await (const piece of response) {
    const lines = (rest + piece).split('\n')
    rest = lines.pop()!
    for (const line of lines) {
      if (line.startsWith('data: ')) yield line.slice('data: '.length).trimEnd()
    }
  }
}
