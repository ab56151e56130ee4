/** Reads fields of a parsed config.json; a mismatch names the key, the expected and the found. */

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
    return Object.hasOwn(this.#fields, key) && this.#fields[key] !== null
  }

  /** A whole number of at least 1. */
  size(key: string, fallback?: number): number {
    return this.#read(
      key,
      'a positive integer',
      fallback,
      (v) => Number.isSafeInteger(v) && (v as number) > 0,
    )
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

  /** A list of positive integers, not empty. */
  sizes(key: string): number[] {
    const isSize = (v: unknown) => Number.isSafeInteger(v) && (v as number) > 0
    return this.#read<number[]>(
      key,
      'a list of positive integers',
      undefined,
      (v) => Array.isArray(v) && v.length > 0 && v.every(isSize),
    )
  }

  /** Three finite numbers: red, green, blue. */
  rgb(key: string): [number, number, number] {
    return this.#read<[number, number, number]>(
      key,
      'three numbers',
      undefined,
      (v) => Array.isArray(v) && v.length === 3 && v.every(Number.isFinite),
    )
  }

  object(key: string): ConfigReader {
    return new ConfigReader(this.#fields[key], this.#pathOf(key))
  }

  objects(key: string): ConfigReader[] {
    const list = this.#read<unknown[]>(key, 'a list of objects', undefined, Array.isArray)
    return list.map((item, i) => new ConfigReader(item, `${this.#pathOf(key)}[${i}]`))
  }

  /** An Error about one field, in the form that the readers use. */
  mismatch(key: string, expected: string): Error {
    return new Error(
      `${this.#pathOf(key)}: expected ${expected}, got ${describe(this.#fields[key])}`,
    )
  }

  #read<T>(
    key: string,
    expected: string,
    fallback: T | undefined,
    accepts: (value: unknown) => boolean,
  ): T {
    const value = Object.hasOwn(this.#fields, key) ? this.#fields[key] : undefined
    // Published configs write null for "not set".
    if ((value === undefined || value === null) && fallback !== undefined) return fallback
    if (!accepts(value)) throw this.mismatch(key, expected)
    return value as T
  }

  #pathOf(key: string): string {
    return this.#path ? `${this.#path}.${key}` : key
  }
}

function describe(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = JSON.stringify(value)
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}
