/** A client of the WebSocket of `/v1/responses` that hides nothing: events as they come, each checked against openapi.yaml, and the end. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { type ClientOptions, WebSocket } from 'ws'
import type { TestApp } from './http-app.ts'
import type { ResponseChecker } from './response-checker.ts'

export interface SocketEvent {
  readonly type: string
  // biome-ignore lint/suspicious/noExplicitAny: the checker has proved its shape
  readonly [field: string]: any
}

/** Events behind which a response has nothing more to say. */
const LAST = /^(error|response\.(completed|incomplete|failed))$/

export class ResponseSocket implements AsyncDisposable {
  readonly socket: WebSocket
  readonly events: SocketEvent[] = []
  /** How the connection ended. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>
  readonly #checker: ResponseChecker
  #news = Promise.withResolvers<void>()
  #read = 0
  #fault: unknown

  private constructor(socket: WebSocket, checker: ResponseChecker) {
    this.socket = socket
    this.#checker = checker
    socket.on('message', (data) => this.#take(JSON.parse(String(data))))
    socket.on('error', () => {})
    this.closed = new Promise((resolve) => {
      socket.once('close', (code, reason) => {
        resolve({ code, reason: String(reason) })
        this.#news.reject(new Error(`closed: ${code} ${reason}`))
        this.#news.promise.catch(() => {})
      })
    })
  }

  /** `url`: of the server. */
  static async open(
    url: string,
    checker: ResponseChecker,
    options: ClientOptions = {},
  ): Promise<ResponseSocket> {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/responses`, options)
    const made = new ResponseSocket(socket, checker)
    await once(socket, 'open')
    return made
  }

  send(event: object): void {
    this.socket.send(JSON.stringify({ type: 'response.create', model: 'echo', ...event }))
  }

  /** The events of the next response, up to its last one. */
  async response(): Promise<SocketEvent[]> {
    const events: SocketEvent[] = []
    for (;;) {
      const event = await this.next()
      events.push(event)
      if (LAST.test(event.type)) return events
    }
  }

  async next(): Promise<SocketEvent> {
    while (this.#read === this.events.length) {
      if (this.#fault) throw this.#fault
      await this.#news.promise
    }
    return this.events[this.#read++]!
  }

  /** Sends, and waits for the last event. */
  async ask(event: object): Promise<SocketEvent> {
    this.send(event)
    return (await this.response()).at(-1)!
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.close()
    const giveUp = setTimeout(() => this.socket.terminate(), 1000)
    await this.closed
    clearTimeout(giveUp)
  }

  #take(event: SocketEvent): void {
    try {
      this.#checker.checkSchema(
        event['status'] === undefined ? 'ResponseEvent' : 'ResponseSocketError',
        event,
      )
    } catch (fault) {
      this.#fault = fault
    }
    this.events.push(event)
    this.#news.resolve()
    this.#news = Promise.withResolvers()
  }
}

/** The status and the envelope of a handshake that is refused. */
export async function refusedHandshake(
  url: string,
  options: ClientOptions = {},
): Promise<{
  readonly status: number | undefined
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
}> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/responses`, options)
  socket.on('error', () => {})
  const opened = once(socket, 'open').then(() => assert.fail('the handshake was not refused'))
  const [, response] = await Promise.race([once(socket, 'unexpected-response'), opened])
  const body = (await response.toArray()).join('')
  return { status: response.statusCode, headers: response.headers, body }
}

/** Bounds as generous as those of a server. */
export const SOCKETS = {
  ...{
    maxSockets: 8,
    maxSocketsPerKey: 4,
    maxMemoryBytes: 2 ** 20,
    idleMs: 60_000,
    maxAgeMs: 3_600_000,
  },
  ...{ pingMs: 15_000, stallMs: 60_000 },
}

/** With {@link SLOW}, an answer that nobody waits for to its end. */
export const LONG = 'word '.repeat(3000).trim()
export const SLOW = { tokenDelayMs: 5 }

const urls = new WeakMap<TestApp, Promise<string>>()

/** Listens, once. */
export function urlOf(app: TestApp): Promise<string> {
  const url = urls.get(app) ?? app.listen()
  urls.set(app, url)
  return url
}

export async function connect(
  app: TestApp,
  headers: Record<string, string> = {},
): Promise<ResponseSocket> {
  return await ResponseSocket.open(await urlOf(app), app.checker, { headers })
}

export function saidBy(response: {
  readonly output: readonly { readonly content: readonly { readonly text: string }[] }[]
}): string {
  return response.output.map((item) => item.content[0]!.text).join()
}

export async function soon(condition: () => boolean, what: string): Promise<void> {
  const end = performance.now() + 60_000
  while (!condition()) {
    assert.ok(performance.now() < end, `still not: ${what}`)
    await delay(2)
  }
}

/** One of `/metrics`. */
export async function sample(app: TestApp, name: string): Promise<string | undefined> {
  return new RegExp(`^${name} (.*)$`, 'm').exec((await app.request('GET', '/metrics')).body)?.[1]
}
