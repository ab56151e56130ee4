/**
 * The toy decoder with adapters: one that is added is a number, and every token is read as another one under it, so a block that was
 * computed under another adapter changes the text. It also remembers whose each sequence is, and refuses to mix.
 */
import assert from 'node:assert/strict'
import type {
  AdapterId,
  PreparedAdapter,
  Row,
  SequenceId,
  SessionAdapters,
  StepResult,
} from '../../src/engine/backend.ts'
import { ToyDecoder } from './toy-decoder.ts'

export class AdaptedToyDecoder extends ToyDecoder {
  /** What is loaded: the content of each, a number from 1. */
  readonly loaded = new Map<AdapterId, number>()
  readonly #owners = new Map<SequenceId, number>()

  readonly adapters: SessionAdapters = {
    add: (id, { memory }) => {
      assert.ok(!this.loaded.has(id))
      this.loaded.set(id, memory[0]!)
    },
    remove: (id) => {
      assert.ok(this.loaded.delete(id), 'an adapter is removed that is not there')
    },
  }

  override async step(rows: readonly Row[]): Promise<StepResult[]> {
    return await super.step(rows.map((row) => this.#under(row)))
  }

  override fork(sequence: SequenceId, parent: SequenceId, length: number): void {
    super.fork(sequence, parent, length)
    this.#owners.set(sequence, this.#owners.get(parent)!)
  }

  override free(sequence: SequenceId): void {
    super.free(sequence)
    this.#owners.delete(sequence)
  }

  #under(row: Row): Row {
    const { adapter, sequence } = row
    if (adapter !== undefined) assert.ok(this.loaded.has(adapter), 'an adapter is not loaded')
    const content = adapter === undefined ? 0 : this.loaded.get(adapter)!
    const owner = this.#owners.get(sequence) ?? content
    assert.equal(owner, content, 'a sequence goes on under another adapter')
    this.#owners.set(sequence, content)
    const input = row.input.map((segment) =>
      segment.kind === 'tokens'
        ? { ...segment, ids: segment.ids.map((id) => id + content * this.vocabSize) }
        : segment,
    )
    return { ...row, input }
  }
}

/** What an adapter of that content is loaded as. */
export function toyAdapter(content: number): PreparedAdapter {
  return { memory: Uint8Array.of(content), pairs: [] }
}
