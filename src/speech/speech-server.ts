/** The worker's side: windows of many requests decoded together, one token of each in every step. */
import { setImmediate } from 'node:timers/promises'
import type { MessagePort } from 'node:worker_threads'
import type { AlignmentHead } from '../../models/whisper/alignment.ts'
import type { SpeechSession } from '../engine/backends/speech-session.ts'
import type { StartMessage } from '../engine/worker-host.ts'
import { AerieError, toWireError } from '../errors.ts'
import { tokenTimes } from './alignment.ts'
import type { FromSpeech, ToSpeech, WindowMessage } from './messages.ts'
import { argmax } from './token-choice.ts'
import { promptOf, WindowAttempt, type WindowResult } from './window.ts'

/** A window that has a row of the session; places of rows are those of the list. */
interface Row {
  readonly window: WindowMessage
  readonly encodeMs: number
  language: number | undefined
  noSpeech: number
  attempt: number
  answer: WindowAttempt
  token: number
}

export class SpeechServer {
  readonly #port: MessagePort
  readonly #session: SpeechSession
  readonly #maxRows: number
  #waiting: WindowMessage[] = []
  readonly #rows: Row[] = []
  readonly #cancelled = new Set<number>()
  #turning: Promise<void> | undefined
  #isDisposed = false

  constructor(port: MessagePort, session: SpeechSession, maxRows: number) {
    this.#port = port
    this.#session = session
    this.#maxRows = maxRows
    port.on('message', (message: ToSpeech) => this.#receive(message))
    const ready: StartMessage<object> = { type: 'ready' }
    port.postMessage(ready)
  }

  #receive(message: ToSpeech): void {
    if (message.type === 'window') {
      this.#waiting.push(message)
      this.#turning ??= this.#turn()
    } else if (message.type === 'cancel') {
      this.#waiting = this.#waiting.filter(({ id }) => id !== message.id)
      if (this.#rows.some(({ window }) => window.id === message.id)) this.#cancelled.add(message.id)
    } else void this.#dispose()
  }

  async #dispose(): Promise<void> {
    this.#isDisposed = true
    this.#waiting = []
    await this.#turning
    await this.#session.dispose()
    this.#port.close()
  }

  async #turn(): Promise<void> {
    while (!this.#isDisposed && this.#rows.length + this.#waiting.length > 0) {
      // Messages come between steps.
      await setImmediate()
      this.#dropCancelled()
      const next = this.#rows.length < this.#maxRows ? this.#waiting.shift() : undefined
      // One at a time: whoever is being written goes on after each.
      if (next) await this.#admit(next)
      if (this.#rows.length > 0) await this.#step()
    }
    this.#turning = undefined
  }

  async #admit(window: WindowMessage): Promise<void> {
    this.#post({ type: 'started', id: window.id })
    const place = this.#rows.length
    const start = performance.now()
    let isAdded = false
    try {
      await this.#session.add(window.mel, window.request.alignedFrames !== undefined)
      isAdded = true
      const encodeMs = performance.now() - start
      const language = window.request.language ?? (await this.#detect(place))
      await this.#begin(place, { window, language, encodeMs }, 0)
    } catch (error) {
      if (isAdded) this.#session.remove(place)
      this.#rows.length = place
      this.#fail(window.id, error)
    }
  }

  /** The likeliest language of a row's window; undefined for a model of English alone. */
  async #detect(place: number): Promise<number | undefined> {
    const { rules } = this.#session.model
    if (!rules.multilingual) return undefined
    const logits = await this.#session.begin(place, [rules.startOfTranscript], [0])
    const ids = Object.values(rules.multilingual.languages)
    return ids[argmax(Float32Array.from(ids, (id) => logits[id]!))]
  }

  /** Reads the prompt and chooses the first token; an answer of one token is done with that. */
  async #begin(
    place: number,
    start: Pick<Row, 'window' | 'language' | 'encodeMs'>,
    attempt: number,
  ): Promise<void> {
    const { request } = start.window
    const { rules } = this.#session.model
    const { vocabSize } = this.#session
    const prompt = promptOf(request, start.language, rules)
    const places = [prompt.start, prompt.tokens.length - 1]
    const logits = await this.#session.begin(place, prompt.tokens, places)
    const answer = new WindowAttempt(request, rules, attempt, prompt.tokens.length)
    const noSpeech = probability(logits.subarray(0, vocabSize), rules.noSpeech)
    const row: Row = { ...start, attempt, answer, noSpeech, token: -1 }
    this.#rows[place] = row
    const token = answer.next(logits.subarray(vocabSize))
    if (token === undefined) await this.#finish(row)
    else row.token = token
  }

  async #step(): Promise<void> {
    const rows = [...this.#rows]
    this.#post({ type: 'step', rows: rows.length })
    let logits: Float32Array
    try {
      logits = await this.#session.step(rows.map(({ token }) => token))
    } catch (error) {
      for (const row of rows) this.#end(row)
      for (const { window } of rows) this.#fail(window.id, error)
      return
    }
    const { vocabSize } = this.#session
    for (const [i, row] of rows.entries()) {
      const token = row.answer.next(logits.subarray(i * vocabSize, (i + 1) * vocabSize))
      if (token !== undefined) row.token = token
      else await this.#finish(row)
    }
  }

  /** Answers, or tries once more at the next temperature. */
  async #finish(row: Row): Promise<void> {
    const { window, attempt, language, encodeMs, noSpeech } = row
    const { isPoor, ...result } = row.answer.result(noSpeech, language)
    if (isPoor && attempt + 1 < window.request.temperatures.length) {
      const place = this.#rows.indexOf(row)
      try {
        await this.#begin(place, row, attempt + 1)
      } catch (error) {
        this.#end(this.#rows[place]!)
        this.#fail(window.id, error)
      }
      return
    }
    try {
      const timed = { ...result, ...(await this.#timesOf(row, result)) }
      this.#post({ type: 'done', id: window.id, result: timed, retries: attempt, encodeMs })
    } catch (error) {
      this.#fail(window.id, error)
    }
    this.#end(row)
  }

  async #timesOf(
    row: Row,
    { tokens, isSilent }: WindowResult,
  ): Promise<Pick<WindowResult, 'tokenTimes'>> {
    const { alignedFrames: frames } = row.window.request
    const { alignment, windowFrames } = this.#session.model
    if (frames === undefined || !alignment || isSilent) return {}
    const place = this.#rows.indexOf(row)
    const weightsOf = (head: AlignmentHead) => this.#session.attention(place, head)
    const counts = { count: tokens.length, read: row.answer.read }
    return {
      tokenTimes: await tokenTimes(alignment, weightsOf, {
        ...counts,
        ...{ positions: windowFrames / 2, frames },
      }),
    }
  }

  #dropCancelled(): void {
    for (const row of [...this.#rows]) if (this.#cancelled.has(row.window.id)) this.#end(row)
    this.#cancelled.clear()
  }

  /** The last row takes its place, as in the session. */
  #end(row: Row): void {
    const place = this.#rows.indexOf(row)
    this.#session.remove(place)
    const last = this.#rows.pop()!
    if (last !== row) this.#rows[place] = last
  }

  #fail(id: number, cause: unknown): void {
    const error =
      cause instanceof AerieError
        ? cause
        : new AerieError('backend_failure', `the speech model failed: ${String(cause)}`, { cause })
    this.#post({ type: 'failed', id, error: toWireError(error) })
  }

  #post(message: FromSpeech): void {
    this.#port.postMessage(message)
  }
}

function probability(logits: Float32Array, token: number): number {
  const most = logits.reduce((a, b) => Math.max(a, b))
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - most), 0)
  return Math.exp(logits[token]! - most) / sum
}
