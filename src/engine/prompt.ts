/** A prompt as a run of positions: token ids and rows of features, cut wherever the scheduler likes. */
import type { Segment } from './backend.ts'
import type { Features, PromptPart } from './types.ts'

/** Part of a prompt: token ids, or `rows` rows of some features from `firstRow` on. */
export type Span =
  | { readonly kind: 'tokens'; readonly ids: Int32Array }
  | {
      readonly kind: 'features'
      readonly features: Features
      readonly firstRow: number
      readonly rows: number
    }

export class Prompt {
  readonly length: number
  readonly #parts: readonly PromptPart[]
  #tokenIds: ReadonlySet<number> | undefined

  constructor(parts: readonly PromptPart[]) {
    this.#parts = parts
    this.length = promptLength(parts)
  }

  /** The distinct token ids in it. */
  get tokenIds(): ReadonlySet<number> {
    this.#tokenIds ??= new Set(
      this.#parts.flatMap((part) => (part.kind === 'tokens' ? [...part.ids] : [])),
    )
    return this.#tokenIds
  }

  /** What lies at positions [from, to). */
  spans(from: number, to: number): Span[] {
    const spans: Span[] = []
    let start = 0
    for (const part of this.#parts) {
      const length = partLength(part)
      const first = Math.max(from - start, 0)
      const last = Math.min(to - start, length)
      if (first < last) {
        spans.push(
          part.kind === 'tokens'
            ? { kind: 'tokens', ids: part.ids.subarray(first, last) }
            : { kind: 'features', features: part.features, firstRow: first, rows: last - first },
        )
      }
      start += length
      if (start >= to) break
    }
    return spans
  }
}

/** Positions that a prompt takes. */
export function promptLength(parts: readonly PromptPart[]): number {
  return parts.reduce((sum, part) => sum + partLength(part), 0)
}

/** The form in which a backend takes a span; `hidden` is the width of a row. Copies nothing. */
export function toSegment(span: Span, hidden: number): Segment {
  if (span.kind === 'tokens') return span
  const { features, firstRow, rows } = span
  const data = features.data.subarray(firstRow * hidden, (firstRow + rows) * hidden)
  return { kind: 'embeddings', data, rows }
}

/** Of spans that have no features. */
export function idsOf(spans: readonly Span[]): number[] {
  return spans.flatMap((span) => (span.kind === 'tokens' ? [...span.ids] : []))
}

function partLength(part: PromptPart): number {
  return part.kind === 'tokens' ? part.ids.length : part.features.rows
}
