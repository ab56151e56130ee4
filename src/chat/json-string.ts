/** A JSON string taken apart as it comes, unit by unit, from behind its opening quote. */

const ESCAPES: Readonly<Record<string, string>> = {
  ...{ b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' },
}

export class JsonStringReader {
  #escape = ''
  /** The first half of a pair, whose second half is yet to come. */
  #high = ''
  isDone = false

  /** What the next unit adds to the string: whole code points, where the text is well-formed. */
  push(unit: string): string {
    if (this.#escape === '') {
      if (unit === '"') {
        this.isDone = true
        return this.end()
      }
      if (unit !== '\\') return this.#paired(unit)
      this.#escape = unit
      return ''
    }
    this.#escape += unit
    if (this.#escape[1] !== 'u') return this.#unescaped(ESCAPES[unit] ?? unit)
    if (this.#escape.length < 6) return ''
    const code = Number.parseInt(this.#escape.slice(2), 16)
    return this.#unescaped(String.fromCharCode(Number.isNaN(code) ? 0xfffd : code))
  }

  /** Half a code point that nothing follows. */
  end(): string {
    const high = this.#high
    this.#high = ''
    return high === '' ? '' : '\ufffd'
  }

  #unescaped(text: string): string {
    this.#escape = ''
    return this.#paired(text)
  }

  #paired(unit: string): string {
    const before = this.#high
    this.#high = ''
    if (before !== '' && isLow(unit)) return before + unit
    const lost = before === '' ? '' : '\ufffd'
    if (isHigh(unit)) {
      this.#high = unit
      return lost
    }
    return lost + (isLow(unit) ? '\ufffd' : unit)
  }
}

function isHigh(unit: string): boolean {
  return unit >= '\ud800' && unit <= '\udbff'
}

function isLow(unit: string): boolean {
  return unit >= '\udc00' && unit <= '\udfff'
}
