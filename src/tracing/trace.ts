/**
 * Where a request is and what it does there, for whoever collects traces. The edge begins a span and runs the request inside
 * it; stations find it and add their own. Times are those of `machineMs`. Without tracing all of this is a few empty functions.
 *
 * Names and numbers only: never a word of a prompt or an answer, a picture, a file's name, a URL or a key.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { AerieError } from '../errors.ts'

export type Attributes = Readonly<
  Record<string, string | number | boolean | readonly string[] | undefined>
>

/** An open span. */
export interface Span {
  /** Whether anybody will ever see it. */
  readonly isRecording: boolean
  set(attributes: Attributes): void
  /** Something that happened in it, at a moment. */
  event(name: string, at: number, attributes?: Attributes): void
  /** A child that begins now, or began at a moment that is known. */
  begin(name: string, attributes?: Attributes, at?: number): Span
  /** A child that is over. */
  add(name: string, from: number, to: number, attributes?: Attributes): void
  /** `error`: why it failed, as a code of ours. Again does nothing. */
  end(outcome?: { readonly error?: string; readonly at?: number }): void
}

export const NO_SPAN: Span = {
  isRecording: false,
  set: () => {},
  event: () => {},
  begin: () => NO_SPAN,
  add: () => {},
  end: () => {},
}

const current = new AsyncLocalStorage<Span>()

/** The span of the work that is being done. */
export function currentSpan(): Span {
  return current.getStore() ?? NO_SPAN
}

/** Also a span that nobody will see: what is done in it is no part of another. */
export function runInSpan<Result>(span: Span, work: () => Result): Result {
  return current.run(span, work)
}

/** Work as a child of the current span, which fails as the work does. */
export async function traced<Result>(
  name: string,
  attributes: Attributes,
  work: (span: Span) => Promise<Result>,
): Promise<Result> {
  const span = currentSpan().begin(name, attributes)
  if (!span.isRecording) return await work(span)
  try {
    const result = await runInSpan(span, () => work(span))
    span.end()
    return result
  } catch (error) {
    span.end({ error: codeOf(error) })
    throw error
  }
}

/** Events of a child of the current span: all work on them is inside it, and it ends as they do. */
export function tracedEvents<Event>(
  begin: (parent: Span) => Span,
  events: () => AsyncIterable<Event>,
  see: (event: Event, span: Span) => void,
): AsyncIterable<Event> {
  const parent = currentSpan()
  if (!parent.isRecording) return events()
  return { [Symbol.asyncIterator]: () => iterate(begin(parent), events, see) }
}

function iterate<Event>(
  span: Span,
  events: () => AsyncIterable<Event>,
  see: (event: Event, span: Span) => void,
): AsyncIterator<Event> {
  const inner = runInSpan(span, () => events()[Symbol.asyncIterator]())
  return {
    async next() {
      try {
        const result = await runInSpan(span, () => inner.next())
        if (result.done) span.end()
        else see(result.value, span)
        return result
      } catch (error) {
        span.end({ error: codeOf(error) })
        throw error
      }
    },
    // Whoever stops asking has left.
    async return() {
      try {
        return (await runInSpan(span, () => inner.return?.())) ?? { done: true, value: undefined }
      } finally {
        span.end({ error: 'cancelled' })
      }
    },
  }
}

/** As the log has it. */
export function codeOf(error: unknown): string {
  if (error instanceof AerieError) return error.code
  return error instanceof Error && error.name === 'AbortError' ? 'cancelled' : 'internal_error'
}
