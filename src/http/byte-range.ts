/** The Range header (RFC 9110, section 14). */

export interface Range {
  /** First and last byte, both included. */
  readonly start: number
  readonly end: number
}

/** The one range that is asked for; undefined for the whole: no header, another unit, several ranges, or none that is one. */
export function parseRange(
  header: string | undefined,
  bytes: number,
): Range | 'unsatisfiable' | undefined {
  const [, first = '', last = ''] = /^bytes=(\d{0,16})-(\d{0,16})$/.exec(header?.trim() ?? '') ?? []
  if (first === '' && last === '') return undefined
  if (first === '') {
    const length = Math.min(Number(last), bytes)
    return length === 0 ? 'unsatisfiable' : { start: bytes - length, end: bytes - 1 }
  }
  const start = Number(first)
  const end = last === '' ? bytes - 1 : Math.min(Number(last), bytes - 1)
  // A range whose ends are exchanged is no range at all, and then the header says nothing.
  if (last !== '' && Number(last) < start) return undefined
  return start >= bytes ? 'unsatisfiable' : { start, end }
}
