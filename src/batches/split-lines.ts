/** A stream of bytes as lines, of which never more than one is in memory. */

export interface InputLine {
  /** From 1. */
  readonly line: number
  /** Of its first byte in the file. */
  readonly offset: number
  /** Without its line feed and carriage return; undefined for one that is too long, which was skipped. */
  readonly bytes: Buffer | undefined
  /** Of the byte behind its line feed. */
  readonly end: number
}

const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d

/** Lines of `source`, which begins at byte `from.bytes`, behind `from.lines` lines. The last one needs no line feed. */
export async function* splitLines(
  source: AsyncIterable<Buffer>,
  from: { readonly bytes: number; readonly lines: number },
  maxLineBytes: number,
): AsyncGenerator<InputLine> {
  let pieces: Buffer[] = []
  let length = 0
  let offset = from.bytes
  let line = from.lines
  const take = (piece: Buffer) => {
    length += piece.length
    if (length <= maxLineBytes + 1) pieces.push(piece)
    // What is too long already is only counted.
    else pieces = []
  }
  const finish = (feed: number): InputLine => {
    const whole = length <= maxLineBytes + 1 ? withoutReturn(Buffer.concat(pieces)) : undefined
    const bytes = whole && whole.length <= maxLineBytes ? whole : undefined
    const found = { line: ++line, offset, bytes, end: offset + length + feed }
    offset = found.end
    pieces = []
    length = 0
    return found
  }
  for await (const chunk of source) {
    let at = 0
    for (;;) {
      const feed = chunk.indexOf(LINE_FEED, at)
      if (feed < 0) break
      take(chunk.subarray(at, feed))
      yield finish(1)
      at = feed + 1
    }
    if (at < chunk.length) take(chunk.subarray(at))
  }
  if (length > 0) yield finish(0)
}

function withoutReturn(bytes: Buffer): Buffer {
  return bytes.at(-1) === CARRIAGE_RETURN ? bytes.subarray(0, -1) : bytes
}
