/** The inside of a text that calls tools, unit by unit: from behind its beginning to the end of its last call. */
import type { CallSyntax } from '../../models/tools/format.ts'
import { JsonStringReader } from './json-string.ts'

export type CallPart =
  | { readonly type: 'call'; readonly name: string }
  | { readonly type: 'arguments'; readonly text: string }
  /** The call that began last has all its arguments. */
  | { readonly type: 'call-end' }

type Step =
  /** The unit belongs to the calls. */
  | 'read'
  /** The last call ended with it. */
  | 'done'
  /** The last call ended before it. */
  | 'over'
  /** What was read since the last call, up to and without it, is none. */
  | 'none'

type State =
  | 'open'
  | 'items'
  | 'members'
  | 'key'
  | 'colon'
  | 'value'
  | 'name'
  | 'text'
  | 'json'
  | 'skip'
  | 'bare-name'
  | 'close'
  | 'next'

/** Where a message's end may be put off by white space only. */
const SPACE = new Set([' ', '\n', '\t', '\r'])
const ARGUMENTS: ReadonlySet<string> = new Set(['arguments', 'parameters'])
/** A name, an id and a mark, in the form that has no object around them. */
const MOST_NAME_UNITS = 256

export class CallReader {
  readonly #syntax: CallSyntax
  readonly #names: ReadonlySet<string>
  #state: State = 'open'
  /** What was read since the last call ended, or since the beginning, its mark included: text, if no call comes of it. */
  #raw: string
  #isList = false
  /** Objects around the members, one inside the other. */
  #depth = 0
  #key = ''
  #string = new JsonStringReader()
  #name: string | undefined
  /** Arguments that came before the name, or whose kind is not known yet. */
  #early: string | undefined
  #json = new JsonValueEnd()
  /** The call is told of. */
  #isBegun = false
  #hasArguments = false
  #closing = 0
  #calls = 0
  /** The unit that is read now is part of a call, and so is all before it. */
  #isAccounted = false
  #out = ''
  isDone = false

  constructor(syntax: CallSyntax, names: ReadonlySet<string>, mark: string) {
    this.#syntax = syntax
    this.#names = names
    this.#raw = mark
  }

  /** A call has begun and not ended. */
  get isInCall(): boolean {
    return this.#isBegun
  }

  /** The last call is whole, but for the text that ends it. */
  get isBehindCall(): boolean {
    return this.#state === 'close' && this.#calls > 0
  }

  /** What was read and belongs to no call, once all is read. */
  get unread(): string {
    return this.#raw
  }

  /** Appends what `text` says of calls to `parts`; returns how much of it was read, which is all unless `isDone`. */
  push(text: string, parts: CallPart[]): number {
    for (let i = 0; i < text.length; i++) {
      const unit = text[i]!
      const isSaid = this.#isBegun && (this.#state === 'json' || this.#state === 'text')
      const step = this.#step(unit, parts)
      if (step === 'read') {
        if (this.#isAccounted) this.#raw = ''
        else if (!isSaid) this.#raw += unit
        this.#isAccounted = false
        continue
      }
      if (step !== 'none') this.#raw = ''
      this.#finish(parts)
      return step === 'done' ? i + 1 : i
    }
    this.#flush(parts)
    return text.length
  }

  /** The answer ends here. A call that has begun stays as it is. */
  end(parts: CallPart[]): void {
    if (this.#state === 'text' && this.#isBegun) this.#out += this.#string.end()
    const isBetween = this.#state === 'close' || this.#state === 'next' || this.#state === 'items'
    if (this.#isBegun || (isBetween && this.#calls > 0)) this.#raw = ''
    this.#finish(parts, this.#isBegun)
  }

  #finish(parts: CallPart[], isCut = false): void {
    this.#flush(parts)
    // Whatever came behind its arguments, they are all.
    if (this.#isBegun && !isCut) parts.push({ type: 'call-end' })
    if (!isCut) this.#isBegun = false
    this.isDone = true
  }

  #step(unit: string, parts: CallPart[]): Step {
    const isSpace = SPACE.has(unit)
    switch (this.#state) {
      case 'open':
        return isSpace ? 'read' : this.#open(unit)
      case 'items':
        if (isSpace || unit === ',') return 'read'
        if (unit === ']') return this.#to(this.#syntax.end === '' ? 'next' : 'close')
        return unit === '{' ? this.#object() : 'none'
      case 'members':
        if (isSpace || unit === ',') return 'read'
        if (unit === '}') return this.#objectEnd(parts)
        return unit === '"' ? this.#stringIn('key') : 'none'
      case 'key':
        this.#key += this.#string.push(unit)
        return this.#string.isDone ? this.#to('colon') : 'read'
      case 'colon':
        if (isSpace) return 'read'
        return unit === ':' ? this.#to('value') : 'none'
      case 'value':
        return isSpace ? 'read' : this.#value(unit, parts)
      case 'name':
        this.#name += this.#string.push(unit)
        if (!this.#string.isDone) return 'read'
        return this.#names.has(this.#name!) ? this.#to('members') : 'none'
      case 'text':
        this.#add(this.#string.push(unit))
        return this.#string.isDone ? this.#argumentsEnd(parts) : 'read'
      case 'json':
      case 'skip':
        return this.#inJson(unit, parts)
      case 'bare-name':
        return this.#bareName(unit, parts)
      case 'close':
        return this.#close(unit, isSpace)
      case 'next':
        return this.#next(unit, isSpace)
    }
  }

  #to(state: State): Step {
    this.#state = state
    return 'read'
  }

  #open(unit: string): Step {
    if (unit === '{') return this.#object()
    if (unit === '[') {
      this.#isList = true
      return this.#to('items')
    }
    if (this.#syntax.form !== 'named') return 'none'
    this.#name = unit
    return this.#to('bare-name')
  }

  #object(): Step {
    this.#depth = 1
    this.#name = undefined
    this.#early = undefined
    this.#hasArguments = false
    return this.#to('members')
  }

  #stringIn(state: 'key' | 'name' | 'text'): Step {
    this.#string = new JsonStringReader()
    if (state === 'key') this.#key = ''
    if (state === 'name') this.#name = ''
    return this.#to(state)
  }

  #value(unit: string, parts: CallPart[]): Step {
    const key = this.#key
    if (key === 'name' && this.#name === undefined) {
      return unit === '"' ? this.#stringIn('name') : 'none'
    }
    // As OpenAI's own messages have it; some models write that.
    if (key === 'function' && unit === '{' && this.#name === undefined && this.#depth === 1) {
      this.#depth = 2
      return this.#to('members')
    }
    if (!ARGUMENTS.has(key) || this.#hasArguments) return this.#jsonIn('skip', unit, parts)
    return this.#argumentsIn(unit, parts)
  }

  #argumentsIn(unit: string, parts: CallPart[]): Step {
    if (unit === '}' || unit === ']' || unit === ',') return 'none'
    this.#hasArguments = true
    const isCompound = unit === '{' || unit === '[' || unit === '"'
    // null may stand for none at all, which is known at its end.
    if (this.#name === undefined || !isCompound) this.#early = ''
    else this.#begin(parts)
    return unit === '"' ? this.#stringIn('text') : this.#jsonIn('json', unit, parts)
  }

  #jsonIn(state: 'json' | 'skip', unit: string, parts: CallPart[]): Step {
    this.#json = new JsonValueEnd()
    this.#state = state
    return this.#inJson(unit, parts)
  }

  #inJson(unit: string, parts: CallPart[]): Step {
    const isArguments = this.#state === 'json'
    const place = this.#json.push(unit)
    if (isArguments && place !== 'behind') this.#add(unit)
    if (place === 'inside') return 'read'
    const step = isArguments ? this.#argumentsEnd(parts) : this.#to('members')
    return place === 'behind' && step === 'read' ? this.#step(unit, parts) : step
  }

  #argumentsEnd(parts: CallPart[]): Step {
    if (this.#early === 'null') this.#early = '{}'
    this.#isAccounted = this.#isBegun
    if (this.#syntax.form === 'named' && this.#depth === 0) {
      this.#callEnd(parts)
      return this.#syntax.end === '' ? 'done' : this.#to('close')
    }
    return this.#to('members')
  }

  #objectEnd(parts: CallPart[]): Step {
    this.#depth--
    if (this.#depth > 0) return this.#to('members')
    if (this.#name === undefined) return 'none'
    this.#callEnd(parts)
    if (this.#isList) return this.#to('items')
    return this.#to(this.#syntax.end === '' ? 'next' : 'close')
  }

  #bareName(unit: string, parts: CallPart[]): Step {
    const mark = this.#syntax.argumentsMark!
    const text = this.#name! + unit
    const isMarked = text.endsWith(mark)
    if (!isMarked && unit !== '{') {
      this.#name = text
      return text.length > MOST_NAME_UNITS || SPACE.has(unit) ? 'none' : 'read'
    }
    // An id of the model's own may stand between.
    this.#name = (isMarked ? text.slice(0, -mark.length) : this.#name!).split('[CALL_ID]')[0]!
    if (!this.#names.has(this.#name)) return 'none'
    this.#key = 'arguments'
    return isMarked ? this.#to('value') : this.#value(unit, parts)
  }

  #close(unit: string, isSpace: boolean): Step {
    const { end } = this.#syntax
    if (unit === end[this.#closing]) {
      this.#closing++
      return this.#closing === end.length ? 'done' : 'read'
    }
    if (this.#closing > 0) return 'none'
    return isSpace ? 'read' : 'over'
  }

  /** Where nothing ends a call, another may follow. */
  #next(unit: string, isSpace: boolean): Step {
    if (isSpace) return 'read'
    if (!this.#syntax.bare || this.#isList) return 'over'
    if (unit === ';') return 'read'
    return unit === '{' ? this.#object() : this.#raw.includes(';') ? 'none' : 'over'
  }

  #begin(parts: CallPart[]): void {
    this.#isBegun = true
    this.#isAccounted = true
    this.#calls++
    parts.push({ type: 'call', name: this.#name! })
  }

  #callEnd(parts: CallPart[]): void {
    if (!this.#isBegun) this.#begin(parts)
    const early = this.#early ?? (this.#hasArguments ? '' : '{}')
    this.#early = undefined
    this.#out += early
    this.#flush(parts)
    parts.push({ type: 'call-end' })
    this.#isBegun = false
    this.#isAccounted = true
  }

  #add(text: string): void {
    if (this.#early !== undefined) this.#early += text
    else this.#out += text
  }

  #flush(parts: CallPart[]): void {
    if (this.#out !== '') parts.push({ type: 'arguments', text: this.#out })
    this.#out = ''
  }
}

/** Where a JSON value ends. */
class JsonValueEnd {
  #depth = 0
  #isString = false
  #isEscaped = false
  #isScalar = false

  /** Where the next unit is: the value goes on, ends with it, or ended before it. */
  push(unit: string): 'inside' | 'last' | 'behind' {
    if (this.#isString) {
      if (this.#isEscaped) this.#isEscaped = false
      else if (unit === '\\') this.#isEscaped = true
      else if (unit === '"') {
        this.#isString = false
        return this.#depth === 0 ? 'last' : 'inside'
      }
      return 'inside'
    }
    if (this.#isScalar) {
      const isBehind = SPACE.has(unit) || unit === ',' || unit === '}' || unit === ']'
      return isBehind ? 'behind' : 'inside'
    }
    if (unit === '"') this.#isString = true
    else if (unit === '{' || unit === '[') this.#depth++
    else if (unit === '}' || unit === ']') return --this.#depth === 0 ? 'last' : 'inside'
    else if (this.#depth === 0) this.#isScalar = true
    return 'inside'
  }
}
