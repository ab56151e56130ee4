/**
 * A server that speaks the wire form of clips and does as its clips say: a clip is a text such as `clip 25` (its seconds), with what is
 * to go wrong behind it. It counts what it was asked.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'

export interface Asked {
  /** The content of the clip. */
  readonly clip: string
  readonly prompt: string
  readonly start: number | undefined
  readonly end: number | undefined
  readonly part: Readonly<Record<string, unknown>>
}

interface Refusal {
  readonly status: number
  readonly code: string
  readonly message?: string
  readonly param?: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface FakeServer extends AsyncDisposable {
  readonly url: string
  /** Chat requests that were answered with a caption, in order. */
  readonly asked: Asked[]
  readonly files: Map<string, string>
  readonly counts: {
    uploads: number
    probes: number
    deletions: number
    running: number
    mostRunning: number
  }
  /** Called before each chat request and upload; what it gives is the answer. */
  refuse: (
    what: 'chat' | 'upload' | 'tokenize' | 'models',
    clip: string,
  ) => Refusal | 'hang up' | undefined
  /** Every `authorization` that came since this was emptied. */
  readonly keys: Set<string>
  answerMs: number
  /** Seconds at which scenes begin, in every clip. */
  scenes: readonly number[]
  digest: string
  fingerprint: string
  caption: (asked: Asked) => string
  close(): Promise<void>
}

/** `port` 0: any that is free. */
export async function startFakeServer(port = 0): Promise<FakeServer> {
  const files = new Map<string, string>()
  let uploads = 0
  const server = createServer((request, response) => {
    answer(request, response).catch((error) => {
      response.statusCode = 500
      response.end(String(error))
    })
  })
  const fake: Omit<FakeServer, 'url' | 'close' | typeof Symbol.asyncDispose> = {
    asked: [],
    files,
    counts: { uploads: 0, probes: 0, deletions: 0, running: 0, mostRunning: 0 },
    refuse: () => undefined,
    keys: new Set(),
    answerMs: 0,
    scenes: [],
    digest: 'd'.repeat(64),
    fingerprint: 'fp_1',
    caption: ({ clip, start, end }) => `${clip.split('\n')[0]} from ${start ?? 0} to ${end ?? 0}`,
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url = '' } = request
    const body = await buffer(request)
    if (request.headers.authorization) fake.keys.add(request.headers.authorization)
    const send = (status: number, value: unknown, headers: Readonly<Record<string, string>> = {}) =>
      response
        .writeHead(status, { 'content-type': 'application/json', ...headers })
        .end(JSON.stringify(value))
    const refused = (what: Parameters<FakeServer['refuse']>[0], clip: string): boolean => {
      const refusal = fake.refuse(what, clip)
      if (refusal === undefined) return false
      if (refusal === 'hang up') request.socket.destroy()
      else {
        const { status, code, message = code, param = null, headers } = refusal
        send(status, { error: { message, type: 'server_error', param, code } }, headers)
      }
      return true
    }
    const missing = () =>
      send(404, {
        error: {
          message: 'no file',
          type: 'invalid_request_error',
          param: 'file_id',
          code: 'not_found',
        },
      })

    if (url === '/readyz') return void send(200, { status: 'ready' })
    if (url.startsWith('/v1/models')) {
      if (refused('models', '')) return
      if (url === '/v1/models') return void send(200, { data: [{ id: 'fake' }] })
      const aerie = {
        digest: fake.digest,
        system_fingerprint: fake.fingerprint,
        input_modalities: ['text', 'image', 'video'],
        limits: { deadline_ms: 60_000 },
      }
      return void send(200, { id: 'fake', aerie })
    }
    if (method === 'POST' && url === '/v1/files') {
      const content = fileOf(body.toString('latin1'))
      if (refused('upload', content)) return
      const id = `file-${String(++uploads).padStart(36, '0')}`
      files.set(id, content)
      fake.counts.uploads += 1
      return void send(200, { id })
    }
    if (method === 'DELETE') {
      fake.counts.deletions += 1
      return files.delete(url.split('/').at(-1)!)
        ? void send(200, { deleted: true })
        : void missing()
    }
    const wire = JSON.parse(body.toString()) as {
      messages: { content: (Record<string, never> & { type: string; text?: string })[] }[]
    }
    const [part, text] = wire.messages[0]!.content
    const inner = part![part!.type] as unknown as {
      file_id: string
      start?: number
      end?: number
      sampling?: string
    }
    const clip = files.get(inner.file_id)
    if (clip === undefined) return void missing()
    const duration = Number(/^clip (\S+)/.exec(clip)?.[1])
    const isPicture = part!.type === 'file'
    if (!isPicture && !(duration > 0)) {
      const param = 'messages[0].content[0].input_video'
      return void send(400, {
        error: {
          message: `${param}: not a clip`,
          type: 'invalid_request_error',
          param,
          code: 'invalid_media',
        },
      })
    }
    if (url === '/v1/tokenize') {
      fake.counts.probes += 1
      if (refused('tokenize', clip)) return
      const { start: from = 0, end: to = duration, sampling } = inner
      const within = fake.scenes.filter((time) => time > from && time <= to)
      const scenes = sampling === 'scenes' ? { scenes: [from, ...within] } : {}
      const videos = [{ duration, times: [0], ...scenes }]
      return void send(200, { model: 'fake', tokens: 1, videos })
    }
    const { start, end } = inner
    const asked = {
      clip,
      prompt: text!.text!,
      start,
      end,
      part: inner as unknown as Record<string, unknown>,
    }
    if (refused('chat', clip)) return
    fake.counts.running += 1
    fake.counts.mostRunning = Math.max(fake.counts.mostRunning, fake.counts.running)
    await delay(fake.answerMs, undefined, { ref: false })
    fake.counts.running -= 1
    fake.asked.push(asked)
    send(200, {
      system_fingerprint: fake.fingerprint,
      choices: [{ message: { content: fake.caption(asked) }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 },
      ...(isPicture
        ? {}
        : { aerie: { videos: [{ start, end, duration, times: [start, (start! + end!) / 2] }] } }),
    })
  }

  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return Object.assign(fake, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close,
    [Symbol.asyncDispose]: close,
  })
}

/** What stands in the part `file` of a form. */
function fileOf(form: string): string {
  const boundary = form.slice(0, form.indexOf('\r\n'))
  const part = form.split(boundary).find((piece) => piece.includes('name="file"'))!
  return part.slice(part.indexOf('\r\n\r\n') + 4, -2)
}
