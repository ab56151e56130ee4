/** The texts around the calls of a message, in a format's own spelling: what is written into prompts and what forced calls are made of. */
import type { CallSyntax } from '../../models/tools/format.ts'

export interface CallTexts {
  /** Before the first call, between two, and behind the last. */
  readonly first: string
  readonly between: string
  readonly last: string
  /** Around the arguments of a call. */
  around(name: string): { readonly before: string; readonly after: string }
}

/** `mark`: another of those that begin calls, which nothing ends. */
export function callTexts(syntax: CallSyntax, mark?: string): CallTexts {
  const { form, bare, begins, open, close, between, argumentsKey, argumentsMark } = syntax
  const begin = bare && mark === undefined ? '' : (mark ?? begins[0]!) + open
  const end = mark === undefined || mark === begins[0] ? syntax.end : ''
  const object = (name: string) => `{"name": ${JSON.stringify(name)}, "${argumentsKey}": `
  switch (form) {
    case 'object': {
      const around = (name: string) => ({
        before: begin + object(name),
        after: `}${close}${end}`,
      })
      return { first: '', between, last: '', around }
    }
    case 'list': {
      const around = (name: string) => ({ before: object(name), after: '}' })
      return { first: `${begin}[`, between, last: `]${close}${end}`, around }
    }
    case 'named': {
      const around = (name: string) => ({ before: begin + name + argumentsMark!, after: end })
      return { first: '', between, last: '', around }
    }
  }
}

/** `text` is JSON. */
export function writeCalls(
  syntax: CallSyntax,
  calls: readonly { readonly name: string; readonly text: string }[],
): string {
  const { first, between, last, around } = callTexts(syntax)
  const written = calls.map(({ name, text }) => {
    const { before, after } = around(name)
    return before + text + after
  })
  return first + written.join(between) + last
}
