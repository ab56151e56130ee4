/** What an answer says beside its text: usage, times, what was seen. It comes last, and is told in each API's own way. */
import type {
  ChatEvent,
  Explanation,
  SoundSeen,
  StationTimes,
  TokenUsage,
  VideoSeen,
} from '../chat/contract.ts'
import { toWireNotes } from './wire-usage.ts'

export type NoteEvent = Extract<
  ChatEvent,
  { type: 'explain' | 'videos' | 'sounds' | 'usage' | 'timings' }
>

export class AnswerNotes {
  #explanation: Explanation | undefined
  #videos: readonly VideoSeen[] = []
  #sounds: readonly SoundSeen[] = []
  #usage: TokenUsage | undefined
  #stations: StationTimes = {}

  add(event: NoteEvent): void {
    switch (event.type) {
      case 'explain':
        this.#explanation = event
        break
      case 'videos':
        this.#videos = event.videos
        break
      case 'sounds':
        this.#sounds = event.sounds
        break
      case 'usage':
        this.#usage = event
        break
      case 'timings':
        this.#stations = event.stations
    }
  }

  /** Undefined until the answer is whole. */
  get usage(): TokenUsage | undefined {
    return this.#usage
  }

  get stations(): StationTimes {
    return this.#stations
  }

  /** The `aerie` of an answer that has this usage. */
  toWire(usage: TokenUsage): ReturnType<typeof toWireNotes> {
    const seen = { videos: this.#videos, sounds: this.#sounds }
    return toWireNotes(this.#explanation, seen, usage, this.#stations)
  }
}
