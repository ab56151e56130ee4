/** Reads fields of a parsed config.json; a mismatch names the key, the expected and the found. */

/** Past these, a config asks for more memory or time than any model; it is refused before building. */
const LARGEST_SIZE = 2 ** 24
const MOST_REPEATS = 1024

export class ConfigReader {
  readonly #fields: Readonly<Record<string, unknown>>
  readonly #path: string

  constructor(raw: unknown, path = '') {
    if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
      throw new Error(`${path || 'config'}: expected an object, got ${describe(raw)}`)
    }
    this.#fields = raw as Readonly<Record<string, unknown>>
    this.#path = path
  }

  /** Whether the key is there and not null. */
  has(key: string): boolean {
    return (this.#own(key) ?? null) !== null
  }

  /** Whether the key is there and null, where that says something else than a missing one. */
  isNull(key: string): boolean {
    return this.#own(key) === null
  }

  /** Whether the key is a number, where it may be an object instead. */
  isNumber(key: string): boolean {
    return typeof this.#own(key) === 'number'
  }

  /** Of all fields, for tables whose keys are data. */
  names(): string[] {
    return Object.keys(this.#fields)
  }

  /** Throws for a field that is not among `known`, unless it is null. */
  knowsOnly(known: readonly string[]): void {
    const strange = Object.keys(this.#fields).find((key) => !known.includes(key) && this.has(key))
    if (strange !== undefined)
      throw this.mismatch(strange, `nothing, or one of ${known.join(', ')} instead`)
  }

  /** A width, a number of positions, a side of a picture. */
  size(key: string, fallback?: number): number {
    return this.#read(key, `an integer from 1 to ${LARGEST_SIZE}`, fallback, isSize)
  }

  /** How often something is repeated. */
  repeats(key: string, fallback?: number): number {
    return this.#read(key, `an integer from 1 to ${MOST_REPEATS}`, fallback, isRepeats)
  }

  number(key: string, fallback?: number): number {
    return this.#read(key, 'a finite number', fallback, Number.isFinite)
  }

  boolean(key: string, fallback?: boolean): boolean {
    return this.#read(key, 'true or false', fallback, (v) => typeof v === 'boolean')
  }

  string(key: string, fallback?: string): string {
    return this.#read(key, 'a string', fallback, (v) => typeof v === 'string')
  }

  /** One of a closed list of words or numbers. */
  oneOf<const T extends string | number>(key: string, choices: readonly T[], fallback?: T): T {
    const expected = choices.map((choice) => JSON.stringify(choice)).join(' or ')
    return this.#read(key, expected, fallback, (v) => (choices as readonly unknown[]).includes(v))
  }

  /** A list of sizes, not empty. */
  sizes(key: string, fallback?: number[]): number[] {
    const expected = `a list of integers from 1 to ${LARGEST_SIZE}`
    return this.#read(key, expected, fallback, (v) => isListOf(v, isSize))
  }

  /** A list of lists of sizes, none of them empty. */
  listsOfSizes(key: string): number[][] {
    const expected = `a list of lists of integers from 1 to ${LARGEST_SIZE}`
    return this.#read<number[][]>(key, expected, undefined, (v) =>
      isListOf(v, (list) => isListOf(list, isSize)),
    )
  }

  /** A list of strings. */
  strings(key: string): string[] {
    const isStrings = (v: unknown) => Array.isArray(v) && v.every((s) => typeof s === 'string')
    return this.#read<string[]>(key, 'a list of strings', undefined, isStrings)
  }

  /** A list of numbers of repetitions, not empty. */
  listOfRepeats(key: string, fallback?: number[]): number[] {
    const expected = `a list of integers from 1 to ${MOST_REPEATS}`
    return this.#read(key, expected, fallback, (v) => isListOf(v, isRepeats))
  }

  /** Places in something that has `count` of them, counted from 0; may be none. */
  indexes(key: string, count: number, fallback?: number[]): number[] {
    const isPlace = (v: unknown) =>
      Number.isInteger(v) && (v as number) >= 0 && (v as number) < count
    const expected = `a list of integers from 0 to ${count - 1}`
    return this.#read(key, expected, fallback, (v) => Array.isArray(v) && v.every(isPlace))
  }

  /** A list, not empty, of lists that have a place in each of things that have `counts` of them, counted from 0. */
  places(key: string, counts: readonly number[]): number[][] {
    const isPlace = (v: unknown, i: number) =>
      Number.isInteger(v) && (v as number) >= 0 && (v as number) < counts[i]!
    const largest = counts.map((count) => count - 1).join(', ')
    const expected = `a list of [${counts.map(() => '0').join(', ')}] to [${largest}]`
    return this.#read<number[][]>(key, expected, undefined, (v) =>
      isListOf(
        v,
        (list) => Array.isArray(list) && list.length === counts.length && list.every(isPlace),
      ),
    )
  }

  /** A list of finite numbers, not empty. */
  numbers(key: string): number[] {
    const accepts = (v: unknown) => isListOf(v, Number.isFinite)
    return this.#read<number[]>(key, 'a list of finite numbers', undefined, accepts)
  }

  /** Three finite numbers: red, green, blue. */
  rgb(key: string): [number, number, number] {
    const isRgb = (v: unknown) => isListOf(v, Number.isFinite) && (v as unknown[]).length === 3
    return this.#read<[number, number, number]>(key, 'three numbers', undefined, isRgb)
  }

  object(key: string): ConfigReader {
    return new ConfigReader(this.#own(key), this.#pathOf(key))
  }

  objects(key: string): ConfigReader[] {
    const list = this.#read<unknown[]>(key, 'a list of objects', undefined, Array.isArray)
    return list.map((item, i) => new ConfigReader(item, `${this.#pathOf(key)}[${i}]`))
  }

  /** An Error about one field, in the form that the readers use. */
  mismatch(key: string, expected: string): Error {
    return new Error(`${this.#pathOf(key)}: expected ${expected}, got ${describe(this.#own(key))}`)
  }

  #read<T>(
    key: string,
    expected: string,
    fallback: T | undefined,
    accepts: (value: unknown) => boolean,
  ): T {
    const value = this.#own(key)
    // Published configs write null for "not set".
    if ((value === undefined || value === null) && fallback !== undefined) return fallback
    if (!accepts(value)) throw this.mismatch(key, expected)
    return value as T
  }

  /** A field of the config itself, never one that every object inherits. */
  #own(key: string): unknown {
    return Object.hasOwn(this.#fields, key) ? this.#fields[key] : undefined
  }

  #pathOf(key: string): string {
    return this.#path ? `${this.#path}.${key}` : key
  }
}

function isSize(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= LARGEST_SIZE
}

function isRepeats(value: unknown): boolean {
  return isSize(value) && (value as number) <= MOST_REPEATS
}

function isListOf(value: unknown, accepts: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(accepts)
}

function describe(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = JSON.stringify(value)
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}
