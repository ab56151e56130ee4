/** A file that a client names by URL, whole in memory: in turn with others, its bytes counted as they come. */
import { traced } from '../tracing/trace.ts'
import type { Claim } from './byte-budget.ts'
import { createFetcher, type FetcherOptions } from './fetcher.ts'
import type { Gate } from './gate.ts'

export interface FetchedFile {
  readonly bytes: Uint8Array
  /** Of the bytes; the caller releases it. */
  readonly claim: Claim
  readonly fetchMs: number
}

/** Rejects as a fetcher does, and with `queue_full`. */
export type FetchFile = (url: string, param: string, signal: AbortSignal) => Promise<FetchedFile>

export function fileFetcher(options: FetcherOptions, gate: Gate): FetchFile {
  const fetch = createFetcher(options)
  const read = async (url: string, param: string, signal: AbortSignal) => {
    const { claim, leave } = await gate.enter({ bytes: 0, mayExceed: false, signal })
    try {
      const pieces: Uint8Array[] = []
      const onPiece = (piece: Uint8Array) => {
        if (!claim.grow(piece.byteLength)) throw gate.full()
        pieces.push(piece)
      }
      await fetch(url, { param, signal, onPiece })
      const bytes = Buffer.concat(pieces)
      // Not working any more: others must not wait for a claim that itself waits for a decoder.
      claim.hold(bytes.byteLength)
      return { bytes, claim }
    } catch (error) {
      claim.release()
      throw error
    } finally {
      leave()
    }
  }
  return async (url, param, signal) => {
    const start = performance.now()
    const file = await traced('fetch', { 'aerie.part': param }, async (span) => {
      const fetched = await read(url, param, signal)
      span.set({ 'aerie.bytes': fetched.bytes.byteLength })
      return fetched
    })
    return { ...file, fetchMs: performance.now() - start }
  }
}
