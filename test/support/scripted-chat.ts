/** A chat room that says what it is told to, tool calls among it; every request that it was asked is there to be looked at. */
import type { CompletionRequest, DetokenizeRequest } from '../../src/chat/completion-contract.ts'
import type {
  ChatEvent,
  ChatRequest,
  ChatService,
  TokenizeRequest,
} from '../../src/chat/contract.ts'
import { EchoService } from './echo-service.ts'

/** Of one answer, between `start` and the figures. */
export type Script = readonly ChatEvent[]

export class ScriptedChat implements ChatService {
  readonly #echo = new EchoService()
  readonly #scripts: Script[]
  readonly requests: ChatRequest[] = []

  /** One script an answer; the last one stays. */
  constructor(...scripts: Script[]) {
    this.#scripts = scripts
  }

  completeText(request: CompletionRequest) {
    return this.#echo.completeText(request)
  }

  detokenize(request: DetokenizeRequest) {
    return this.#echo.detokenize(request)
  }

  tokenize(request: TokenizeRequest) {
    return this.#echo.tokenize(request)
  }

  async *complete(request: ChatRequest, signal: AbortSignal): AsyncGenerator<ChatEvent> {
    this.requests.push(request)
    const script = this.#scripts.length > 1 ? this.#scripts.shift()! : this.#scripts[0]!
    yield {
      ...{ type: 'start', id: `chatcmpl-${request.requestId}`, created: 1_795_600_000 },
      ...{ model: request.model, systemFingerprint: 'fp_script' },
      sampling: { temperature: 0, topP: 1 },
    }
    for (const event of script) {
      signal.throwIfAborted()
      yield event
    }
    yield {
      ...{ type: 'usage', promptTokens: 9, cachedTokens: 4, completionTokens: 7 },
      ...{ imageTokens: 0, videoTokens: 0, soundTokens: 0, draftedTokens: 0, acceptedTokens: 0 },
    }
    yield { type: 'timings', stations: { prefill: 1 } }
  }
}

export const text = (words: string): ChatEvent => ({ type: 'text-delta', choice: 0, text: words })
export const call = (at: number, id: string, name: string, ...pieces: string[]): ChatEvent[] => [
  { type: 'tool-call-start', choice: 0, call: at, id, name },
  ...pieces.map(
    (piece): ChatEvent => ({ type: 'tool-call-delta', choice: 0, call: at, arguments: piece }),
  ),
]
export const finish = (reason: 'stop' | 'length' | 'tool-calls'): ChatEvent => ({
  ...{ type: 'finish', choice: 0, reason },
})
