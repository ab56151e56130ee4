/**
 * The text of an answer as it comes → text and calls of tools. Lenient, as models write with or without a grammar: white space,
 * members in any order, a list for an object and back, arguments as a string that holds JSON, a missing end.
 * What is no call of a tool that there is stays text, every character of it; nothing throws. What is lost: the texts around a
 * call, and white space before it and behind the last.
 */
import type { CallSyntax } from '../../models/tools/format.ts'
import { type CallPart, CallReader } from './call-reader.ts'
import { longestOpenSuffix } from './stop.ts'

export type ParsedPiece =
  /** `from`: where it stands in all that was pushed, in UTF-16 units. */
  { readonly type: 'text'; readonly text: string; readonly from: number } | CallPart

export class ToolCallParser {
  readonly #syntax: CallSyntax
  readonly #names: ReadonlySet<string>
  #reader: CallReader | undefined
  /** Text that may begin a call, and white space before it. */
  #held = ''
  /** Units that came, but for those that are still to be read. */
  #position = 0
  /** A call without a beginning may come next. */
  #mayBeBare: boolean
  /** A call came last, and after it white space at most. */
  #isBehindCall = false
  #hasText = false
  #calls = 0

  /** `names`: of the tools that may be called. */
  constructor(syntax: CallSyntax, names: ReadonlySet<string>) {
    this.#syntax = syntax
    this.#names = names
    this.#mayBeBare = syntax.bare
  }

  /** Calls whose name is known. */
  get calls(): number {
    return this.#calls
  }

  /** A call has begun, by its name, and not ended. */
  get isInCall(): boolean {
    return this.#reader?.isInCall ?? false
  }

  push(text: string): ParsedPiece[] {
    const pieces: ParsedPiece[] = []
    let rest = text
    while (rest !== '') {
      const read = this.#reader ? this.#read(this.#reader, rest, pieces) : this.#scan(rest, pieces)
      rest = rest.slice(read)
    }
    return pieces
  }

  /** `dropsBegun`: what might have become a call was to be one, and was cut short before its name was there. */
  end({ dropsBegun = false } = {}): ParsedPiece[] {
    const pieces: ParsedPiece[] = []
    const parts: CallPart[] = []
    this.#reader?.end(parts)
    this.#take(parts, pieces)
    if (!dropsBegun) this.#emit(this.#held + (this.#reader?.unread ?? ''), pieces)
    this.#held = ''
    return pieces
  }

  /** Text outside calls; returns how much of it was looked at. */
  #scan(text: string, pieces: ParsedPiece[]): number {
    const buffer = this.#held + text
    const before = this.#held.length
    const space = buffer.length - buffer.trimStart().length
    if (this.#mayBeBare && space === buffer.length) {
      this.#held = buffer
      this.#position += text.length
      return text.length
    }
    const isBare = this.#mayBeBare && buffer[space] === '{'
    this.#mayBeBare = false
    const found = isBare ? { at: space, text: '' } : firstOf(this.#syntax.begins, buffer)
    const open = found?.at ?? buffer.length - longestOpenSuffix(this.#syntax.begins, buffer)
    const end = buffer.slice(0, open).trimEnd().length
    const read = (found ? found.at + found.text.length : buffer.length) - before
    this.#position += read
    this.#held = buffer.slice(end, found?.at)
    if (found) this.#reader = new CallReader(this.#syntax, this.#names, found.text)
    this.#emit(buffer.slice(0, end), pieces, this.#held.length + (found?.text.length ?? 0))
    return read
  }

  /** Text of a call, or of what looks like one; returns how much of it is. */
  #read(reader: CallReader, text: string, pieces: ParsedPiece[]): number {
    const parts: CallPart[] = []
    const read = reader.push(text, parts)
    this.#position += read
    this.#take(parts, pieces)
    if (!reader.isDone) return read
    this.#reader = undefined
    const unread = this.#held + reader.unread
    // No call begins in what was read and is none; but what is not the end of one may be the beginning of the next.
    this.#held = reader.isBehindCall ? unread : ''
    if (!reader.isBehindCall) this.#emit(unread, pieces)
    return read
  }

  #take(parts: readonly CallPart[], pieces: ParsedPiece[]): void {
    for (const part of parts) {
      pieces.push(part)
      if (part.type !== 'call') continue
      this.#calls++
      this.#isBehindCall = true
      this.#held = ''
    }
  }

  /** `behind`: units between the text and the position. */
  #emit(text: string, pieces: ParsedPiece[], behind = 0): void {
    const isAlone = this.#isBehindCall && (!this.#hasText || text.trim() === '')
    const said = isAlone ? text.trimStart() : text
    if (said === '') return
    this.#isBehindCall = false
    this.#hasText = true
    pieces.push({ type: 'text', text: said, from: this.#position - behind - said.length })
  }
}

function firstOf(
  marks: readonly string[],
  text: string,
): { readonly at: number; readonly text: string } | undefined {
  const found = marks
    .map((mark) => ({ at: text.indexOf(mark), text: mark }))
    .filter(({ at }) => at >= 0)
  return found.sort((a, b) => a.at - b.at)[0]
}
