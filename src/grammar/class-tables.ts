/** Tables of the classes of characters that grammars of one vocabulary repeat: made by a thread when the first mask asks for one. */
import type { ClassTokens } from './class-tokens.ts'
import type { Ranges } from './expression.ts'

export class ClassTables {
  readonly #mostBytes: number
  readonly #make: (ranges: Ranges) => Promise<ClassTokens>
  /** Least recently used first. */
  readonly #tables = new Map<string, ClassTokens>()
  readonly #coming = new Map<string, Promise<ClassTokens>>()
  #bytes = 0

  /** `mostBytes` of tables are kept, those in use aside; one is 0.2 MB for a vocabulary of 49 152. */
  constructor(mostBytes: number, make: (ranges: Ranges) => Promise<ClassTokens>) {
    this.#mostBytes = mostBytes
    this.#make = make
  }

  get bytes(): number {
    return this.#bytes
  }

  get(ranges: Ranges): ClassTokens | Promise<ClassTokens> {
    const name = ranges.join()
    const known = this.#tables.get(name)
    if (known) {
      this.#tables.delete(name)
      this.#tables.set(name, known)
      return known
    }
    let coming = this.#coming.get(name)
    if (!coming) {
      coming = this.#load(name, ranges)
      this.#coming.set(name, coming)
    }
    return coming
  }

  async #load(name: string, ranges: Ranges): Promise<ClassTokens> {
    try {
      const table = await this.#make(ranges)
      this.#tables.set(name, table)
      this.#bytes += table.size
      for (const [oldest, { size }] of this.#tables) {
        if (this.#bytes <= this.#mostBytes || this.#tables.size === 1) break
        this.#tables.delete(oldest)
        this.#bytes -= size
      }
      return table
    } finally {
      this.#coming.delete(name)
    }
  }
}
