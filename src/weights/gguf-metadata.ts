/** Reads typed values of a GGUF file's metadata; a mismatch names the key, the expected and the found. */
import { AerieError } from '../errors.ts'
import type { GgufScalar, GgufValue } from './gguf-header.ts'

export class GgufMetadata {
  readonly #values: ReadonlyMap<string, GgufValue>
  readonly #asked = new Set<string>()

  constructor(values: ReadonlyMap<string, GgufValue>) {
    this.#values = values
  }

  has(key: string): boolean {
    this.#asked.add(key)
    return this.#values.has(key)
  }

  string(key: string, fallback?: string): string {
    return this.#scalar(key, 'a string', fallback, (v) => typeof v === 'string')
  }

  /** A whole number from 0 on. */
  integer(key: string, fallback?: number): number {
    const accepts = (v: unknown) => Number.isSafeInteger(v) && (v as number) >= 0
    return this.#scalar(key, 'a whole number', fallback, accepts)
  }

  number(key: string, fallback?: number): number {
    return this.#scalar(key, 'a finite number', fallback, Number.isFinite)
  }

  boolean(key: string, fallback?: boolean): boolean {
    return this.#scalar(key, 'true or false', fallback, (v) => typeof v === 'boolean')
  }

  strings(key: string): string[] {
    return this.#list(key, 'a list of strings', (v) => typeof v === 'string')
  }

  numbers(key: string): number[] {
    return this.#list(key, 'a list of finite numbers', Number.isFinite)
  }

  /** Keys that begin with `prefix` and that nobody has asked for. */
  unread(prefix: string): string[] {
    return [...this.#values.keys()].filter((key) => key.startsWith(prefix) && !this.#asked.has(key))
  }

  /** An error about one key, in the form that the readers use. */
  mismatch(key: string, expected: string): AerieError {
    const found = describe(this.#values.get(key))
    return new AerieError('invalid_package', `${key}: expected ${expected}, got ${found}`)
  }

  #scalar<T extends GgufScalar>(
    key: string,
    expected: string,
    fallback: T | undefined,
    accepts: (value: unknown) => boolean,
  ): T {
    if (!this.has(key) && fallback !== undefined) return fallback
    const found = this.#values.get(key)
    if (!found || found.type === 'array' || !accepts(found.value))
      throw this.mismatch(key, expected)
    return found.value as T
  }

  #list<T extends GgufScalar>(
    key: string,
    expected: string,
    accepts: (value: unknown) => boolean,
  ): T[] {
    this.#asked.add(key)
    const found = this.#values.get(key)
    if (found?.type !== 'array') throw this.mismatch(key, expected)
    const values = found.value.read()
    if (!values.every(accepts)) throw this.mismatch(key, expected)
    return values as T[]
  }
}

function describe(found: GgufValue | undefined): string {
  if (!found) return 'nothing'
  if (found.type === 'array') return `a list of ${found.value.length} × ${found.value.type}`
  const text = typeof found.value === 'string' ? JSON.stringify(found.value) : String(found.value)
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}
