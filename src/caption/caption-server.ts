/** The routes of an Aerie server that captions take: files, tokenize, chat. */
import { randomUUID } from 'node:crypto'
import { basename } from 'node:path'
import { Readable } from 'node:stream'
import { Agent, request } from 'undici'
import { CommandFailure } from '../cli/command.ts'
import type { Content } from './content.ts'
import type { FrameRule, Span } from './job.ts'
import { ServerLost, ServerRefusal } from './server-error.ts'

/** An upload that nobody deleted, since this process was killed, is gone after an hour. */
const UPLOAD_SECONDS = 3600
/** Beside the deadline that the server itself has for a request. */
const GRACE_MS = 30_000
const READY_MS = 5000

export interface ServedModel {
  readonly id: string
  readonly digest: string
  readonly systemFingerprint: string
  readonly modalities: readonly string[]
}

export interface ServerOptions {
  /** Without `/v1`. */
  readonly url: string
  readonly apiKey: string | undefined
  /** Connections at most. */
  readonly connections: number
}

/** What is asked about a segment, or a picture. */
export interface Question {
  readonly fileId: string
  /** Undefined: a picture. */
  readonly span: Span | undefined
  readonly frames: FrameRule
  readonly prompt: string
  readonly maxTokens: number | undefined
}

export interface CaptionAnswer {
  readonly text: string
  readonly finishReason: string
  readonly usage: object
  readonly systemFingerprint: string
  /** Undefined for a picture. */
  readonly times: readonly number[] | undefined
}

interface WireVideo {
  readonly duration: number
  readonly times: readonly number[]
  readonly scenes?: readonly number[]
}

interface WireCompletion {
  readonly system_fingerprint: string
  readonly choices: readonly {
    readonly message: { readonly content: string }
    readonly finish_reason: string
  }[]
  readonly usage: object
  readonly aerie?: { readonly videos?: readonly WireVideo[] }
}

/** As far as it matters here. */
interface ModelCard {
  readonly id?: string
  readonly aerie?: {
    /** Absent of servers before it. */
    readonly status?: { readonly state: string }
    /** Absent until the model was loaded once. */
    readonly digest?: string
    readonly system_fingerprint: string
    readonly input_modalities: readonly string[]
    readonly output_modalities?: readonly string[]
    readonly limits?: { readonly deadline_ms?: number }
  }
}

/** Every method rejects with ServerRefusal or ServerLost, or the reason of its signal. */
export class CaptionServer {
  readonly url: string
  readonly #headers: Readonly<Record<string, string>>
  readonly #agent: Agent
  #timeoutMs = 10 * 60_000
  #model = ''

  constructor({ url, apiKey, connections }: ServerOptions) {
    this.url = url
    this.#headers = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }
    this.#agent = new Agent({ connections, connect: { timeout: 10_000 } })
  }

  /**
   * Takes the model of this name, or the first that sees clips and answers. It is loaded then, as its digest tells which
   * captions are its own. Rejects with CommandFailure where there is none.
   */
  async chooseModel(name: string | undefined, signal: AbortSignal): Promise<ServedModel> {
    const id = name ?? (await this.#firstModel(signal))
    const path = `/v1/models/${encodeURIComponent(id)}`
    let { aerie } = (await this.#json('GET', path, undefined, signal)) as ModelCard
    if (aerie?.status && aerie.status.state !== 'loaded')
      ({ aerie } = (await this.#json('POST', `${path}/load`, undefined, signal)) as ModelCard)
    if (aerie?.digest === undefined)
      throw new CommandFailure(`${this.url} is no Aerie server: its model has no card`)
    this.#model = id
    this.#timeoutMs = (aerie.limits?.deadline_ms ?? this.#timeoutMs) + GRACE_MS
    return {
      id,
      digest: aerie.digest,
      systemFingerprint: aerie.system_fingerprint,
      modalities: aerie.input_modalities,
    }
  }

  async #firstModel(signal: AbortSignal): Promise<string> {
    const { data = [] } = (await this.#json('GET', '/v1/models', undefined, signal)) as {
      readonly data?: readonly Required<ModelCard>[]
    }
    const sees = ({ aerie }: ModelCard) =>
      aerie?.input_modalities.includes('video') && aerie.output_modalities?.includes('text')
    const [first] = data.toSorted((a, b) => Number(sees(b) ?? false) - Number(sees(a) ?? false))
    if (first === undefined) throw new CommandFailure(`${this.url} serves no model`)
    return first.id
  }

  /** The id of the file that the server made of it. Also rejects with what reading the content throws. */
  async upload(content: Content, source: string, signal: AbortSignal): Promise<string> {
    const boundary = `aerie-${randomUUID()}`
    const field = (name: string, value: string) =>
      `--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
    const head = Buffer.from(
      field('purpose', 'user_data') +
        field('expires_after[anchor]', 'created_at') +
        field('expires_after[seconds]', String(UPLOAD_SECONDS)) +
        `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="${uploadName(source)}"\r\n` +
        'content-type: application/octet-stream\r\n\r\n',
    )
    const tail = Buffer.from(`\r\n--${boundary}--\r\n`)
    let broken: unknown
    const body = async function* () {
      yield head
      try {
        yield* content.read()
      } catch (error) {
        broken = error
        throw error
      }
      yield tail
    }
    const { bytes } = content
    const headers = {
      'content-type': `multipart/form-data; boundary=${boundary}`,
      ...(bytes === undefined
        ? {}
        : { 'content-length': String(head.length + bytes + tail.length) }),
    }
    try {
      const stream = Readable.from(body(), { objectMode: false })
      const file = (await this.#send('POST', '/v1/files', { body: stream, headers }, signal)) as {
        readonly id: string
      }
      return file.id
    } catch (error) {
      // That the connection broke is then only what came of it.
      throw broken ?? error
    }
  }

  async deleteFile(id: string, signal: AbortSignal): Promise<void> {
    await this.#json('DELETE', `/v1/files/${id}`, undefined, signal)
  }

  /** Length of a clip in seconds; nothing of it is decoded. */
  async duration(fileId: string, signal: AbortSignal): Promise<number> {
    return (await this.#lookAt({ file_id: fileId }, signal)).duration
  }

  /** Seconds behind the span's start, and not behind its end, at which scenes begin. Decodes the span. */
  async scenes(fileId: string, span: Span, signal: AbortSignal): Promise<readonly number[]> {
    const { scenes } = await this.#lookAt({ file_id: fileId, ...span, sampling: 'scenes' }, signal)
    if (scenes === undefined)
      throw new CommandFailure(
        `${this.url} does not say where scenes begin; it is older than this command`,
      )
    return scenes.filter((time) => time > span.start)
  }

  /** What `/v1/tokenize` says of a clip. */
  async #lookAt(input_video: object, signal: AbortSignal): Promise<WireVideo> {
    const content = [{ type: 'input_video', input_video }]
    const body = { model: this.#model, messages: [{ role: 'user', content }] }
    const { videos } = (await this.#json('POST', '/v1/tokenize', body, signal)) as {
      readonly videos?: readonly WireVideo[]
    }
    const video = videos?.[0]
    if (video === undefined)
      throw new CommandFailure(
        `${this.url} says nothing about videos; is it older than this command?`,
      )
    return video
  }

  async ask(question: Question, signal: AbortSignal): Promise<CaptionAnswer> {
    const { fileId, span, frames, prompt, maxTokens } = question
    const { fps, maxFrames: max_frames, sampling } = frames
    const part = span
      ? {
          type: 'input_video',
          input_video: { file_id: fileId, ...span, fps, max_frames, sampling },
        }
      : { type: 'file', file: { file_id: fileId } }
    const body = {
      model: this.#model,
      messages: [{ role: 'user', content: [part, { type: 'text', text: prompt }] }],
      temperature: 0,
      max_completion_tokens: maxTokens,
      // Live requests of others go first.
      aerie: { priority: 'batch' },
    }
    const answer = (await this.#json(
      'POST',
      '/v1/chat/completions',
      body,
      signal,
    )) as WireCompletion
    const choice = answer.choices[0]!
    return {
      text: choice.message.content,
      finishReason: choice.finish_reason,
      usage: answer.usage,
      systemFingerprint: answer.system_fingerprint,
      times: answer.aerie?.videos?.[0]?.times,
    }
  }

  async isReady(): Promise<boolean> {
    try {
      await this.#json('GET', '/readyz', undefined, AbortSignal.timeout(READY_MS))
      return true
    } catch {
      return false
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy()
  }

  #json(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body: object | undefined,
    signal: AbortSignal,
  ): Promise<unknown> {
    const json = body && {
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    }
    return this.#send(method, path, json ?? {}, signal)
  }

  async #send(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    {
      body,
      headers,
    }: { readonly body?: string | Readable; readonly headers?: Readonly<Record<string, string>> },
    signal: AbortSignal,
  ): Promise<unknown> {
    try {
      const answer = await request(`${this.url}${path}`, {
        method,
        dispatcher: this.#agent,
        headers: { ...this.#headers, ...headers },
        body: body ?? null,
        signal,
        headersTimeout: this.#timeoutMs,
        bodyTimeout: this.#timeoutMs,
      })
      const text = await answer.body.text()
      if (answer.statusCode >= 300) throw new ServerRefusal(answer.statusCode, text, answer.headers)
      return JSON.parse(text)
    } catch (error) {
      if (error instanceof ServerRefusal) throw error
      signal.throwIfAborted()
      throw new ServerLost(reasonOf(error as Error), { cause: error })
    }
  }
}

/** A name that says to the server's owner where it comes from; what is in a file decides what it is. */
function uploadName(source: string): string {
  const name = basename(source.replace(/[?#].*$/, '')).replaceAll(/[^\w.-]/g, '_')
  return `caption-${name.slice(-100)}`
}

function reasonOf(error: Error): string {
  // Several addresses of one name were tried.
  const { errors } = error as { readonly errors?: readonly Error[] }
  return error.message || errors?.[0]?.message || error.name
}
