/** What the engine says of a generation → spans of its stations, also of one that nobody waits for to its end. */
import type { GenerationEvent } from '../engine/types.ts'
import { machineMs } from '../machine-clock.ts'
import { currentSpan, type Span } from './trace.ts'

export class GenerationTrace {
  readonly #span: Span = currentSpan()
  readonly #begunAt = machineMs()
  #promptReadAt: number | undefined
  #endedAt: number | undefined
  #tokens = 0

  see(event: GenerationEvent): void {
    if (!this.#span.isRecording) return
    switch (event.type) {
      case 'prefill': {
        const { submittedAt, admittedAt, promptReadAt } = event.timings
        this.#promptReadAt = promptReadAt
        this.#span.add('queue', submittedAt, admittedAt)
        this.#span.add('prefill', admittedAt, promptReadAt, {
          'aerie.tokens.prompt': event.promptTokens,
          'aerie.tokens.cached': event.cachedTokens,
        })
        break
      }
      case 'token':
        this.#tokens++
        break
      case 'preempted':
        this.#span.event('preempted', event.at)
        break
      case 'finish':
        this.#endedAt = (this.#promptReadAt ?? this.#begunAt) + event.timings.decodeMs
        break
    }
  }

  [Symbol.dispose](): void {
    if (!this.#span.isRecording) return
    const end = this.#endedAt ?? machineMs()
    if (this.#promptReadAt === undefined) this.#span.add('queue', this.#begunAt, end)
    else this.#span.add('decode_tokens', this.#promptReadAt, end, { 'aerie.tokens': this.#tokens })
  }
}
