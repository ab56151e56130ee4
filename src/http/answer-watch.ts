/** Times the events of one answer as they pass: time to first token, time per token, stations. */

import type { ChatEvent, StationTimes } from '../chat/contract.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { RequestState } from './request-state.ts'
import { serverTiming } from './server-timing.ts'

export class AnswerWatch {
  readonly #metrics: Metrics
  readonly #state: RequestState
  readonly #choices: number
  #firstToken: number | undefined
  #lastToken = 0
  #stations: StationTimes = {}

  constructor(metrics: Metrics, state: RequestState, choices: number) {
    this.#metrics = metrics
    this.#state = state
    this.#choices = choices
  }

  see(event: ChatEvent): void {
    switch (event.type) {
      case 'start':
        this.#state.facts['model'] = event.model
        break
      case 'videos':
        for (const { times, cachedFrames } of event.videos)
          this.#metrics.videoFrames(times.length, cachedFrames)
        break
      case 'text-delta':
        this.#lastToken = performance.now()
        if (this.#firstToken !== undefined) break
        this.#firstToken = this.#lastToken
        this.#metrics.firstToken((this.#firstToken - this.#state.arrived) / 1000)
        break
      case 'usage':
        this.#state.facts['promptTokens'] = event.promptTokens
        this.#state.facts['completionTokens'] = event.completionTokens
        this.#timeTokens(event.completionTokens / this.#choices)
        break
      case 'timings':
        this.#stations = event.stations
        this.#metrics.stations(event.stations)
        break
    }
  }

  /** The value of a `server-timing` header, up to now. */
  serverTiming(): string {
    return serverTiming(this.#stations, this.#state)
  }

  #timeTokens(tokensPerChoice: number): void {
    if (this.#firstToken === undefined || tokensPerChoice < 2) return
    const seconds = (this.#lastToken - this.#firstToken) / 1000
    this.#metrics.perToken(seconds / (tokensPerChoice - 1))
  }
}
