/** `"1-3,7"` → the numbers of pages. */
import { AerieError } from '../errors.ts'

/** From and to, both included. */
export type PageRange = readonly [first: number, last: number]

/** Rising ranges from 1 on. Throws `invalid_request`. */
export function parsePages(pages: string, param: string): PageRange[] {
  let before = 0
  return pages.split(',').map((range) => {
    const [, from, to = from] = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(range) ?? []
    if (from === undefined) throw refusal(param, 'expected pages as in "1-3,7"')
    const [first, last] = [Number(from), Number(to)]
    if (first > last || first <= before) {
      throw refusal(param, 'expected pages from 1 on, in rising order and each once')
    }
    before = last
    return [first, last]
  })
}

/** Numbers from 1, rising; all pages where none are named. Throws `invalid_request` for pages that the document does not have. */
export function selectPages(
  ranges: readonly PageRange[] | undefined,
  pageCount: number,
  param: string,
): readonly number[] {
  const last = ranges?.at(-1)?.[1] ?? 0
  if (last > pageCount) throw refusal(param, `expected pages up to ${pageCount}, got ${last}`)
  const all: readonly PageRange[] = ranges ?? [[1, pageCount]]
  return all.flatMap(([first, end]) => Array.from({ length: end - first + 1 }, (_, i) => first + i))
}

function refusal(param: string, what: string): AerieError {
  return new AerieError('invalid_request', `${param}: ${what}`, { param })
}
