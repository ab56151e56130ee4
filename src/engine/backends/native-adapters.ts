/** Adapters of a native session: their matrices packed, and which rows of a step have which. */
import type { AdapterMatrices, AdapterShape, StoredMatrix } from '../../adapters/contract.ts'
import { packedBytes } from '../../adapters/packed-bytes.ts'
import { AerieError } from '../../errors.ts'
import { freeMemory } from '../../free-memory.ts'
import type { AdapterId, PreparedAdapter, PreparedBlock, PreparedPair } from '../backend.ts'
import type { PreparedRow } from './cached-decoder.ts'
import type { KnownAdapters } from './known-adapters.ts'
import type { NativeAdapter, NativeAddon } from './native-addon.ts'
import { requireNativeAddon } from './native-session.ts'

/** Packs every matrix as it comes; beside the result no more than one pair is held. */
export async function prepareNativeAdapter(
  shapes: readonly AdapterShape[],
  matrices: AsyncIterable<AdapterMatrices>,
): Promise<PreparedAdapter> {
  const addon = requireNativeAddon()
  const pool = addon.createPool(1)
  const memory = addon.allocate(packedBytes(shapes))
  let at = 0
  const put = (matrix: StoredMatrix): PreparedBlock => {
    const block = addon.packLinear(pool, matrix)
    memory.set(block, at)
    const place = { offset: at, bytes: block.byteLength }
    at += block.byteLength
    freeMemory(block.buffer)
    return place
  }
  const pairs: PreparedPair[] = []
  for await (const { linear, scale, rank, down, up } of matrices)
    pairs.push({ linear, scale, rank, down: put(down), up: put(up) })
  return { memory, pairs }
}

/** As a run takes them. */
export interface AdaptersOfRun {
  readonly adapters: readonly NativeAdapter[]
  readonly adapterRows: Readonly<Record<'tokens' | 'wanted', Int32Array>>
}

export class NativeAdapters implements KnownAdapters {
  readonly #addon: NativeAddon
  readonly #loaded = new Map<AdapterId, { adapter: NativeAdapter; memory: Uint8Array }>()

  constructor(addon: NativeAddon) {
    this.#addon = addon
  }

  add(id: AdapterId, { memory, pairs }: PreparedAdapter): void {
    try {
      this.#loaded.set(id, { adapter: this.#addon.createAdapter(memory, pairs), memory })
    } catch (cause) {
      const what = `the adapter cannot be used: ${(cause as Error).message}`
      throw new AerieError('backend_failure', what, { cause })
    }
  }

  remove(id: AdapterId): void {
    const loaded = this.#loaded.get(id)
    if (!loaded) return
    this.#loaded.delete(id)
    loaded.adapter.close()
    freeMemory(loaded.memory.buffer)
  }

  has(id: AdapterId): boolean {
    return this.#loaded.has(id)
  }

  clear(): void {
    for (const id of [...this.#loaded.keys()]) this.remove(id)
  }

  /** Of rows that {@link byAdapter} has put in order; undefined where none has an adapter. */
  ofRun(rows: readonly PreparedRow[]): AdaptersOfRun | undefined {
    const ids: AdapterId[] = []
    const tokens: number[] = []
    const wanted: number[] = []
    let [token, want] = [0, 0]
    for (const row of rows) {
      if (row.adapter !== undefined) {
        if (ids.at(-1) !== row.adapter) {
          ids.push(row.adapter)
          tokens.push(token, 0)
          wanted.push(want, 0)
        }
        tokens[tokens.length - 1]! += row.positions
        wanted[wanted.length - 1]! += row.wanted
      }
      token += row.positions
      want += row.wanted
    }
    if (ids.length === 0) return undefined
    return {
      adapters: ids.map((id) => this.#loaded.get(id)!.adapter),
      adapterRows: { tokens: Int32Array.from(tokens), wanted: Int32Array.from(wanted) },
    }
  }
}

/** Places of the rows so that those of one adapter are neighbours, those without any first; undefined: as they are. */
export function byAdapter(rows: readonly PreparedRow[]): number[] | undefined {
  if (!rows.some(({ adapter }) => adapter !== undefined)) return undefined
  const keyOf = (i: number) => rows[i]!.adapter ?? Number.NEGATIVE_INFINITY
  return rows
    .map((_, i) => i)
    .sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : keyOf(a) > keyOf(b) ? 1 : a - b))
}
