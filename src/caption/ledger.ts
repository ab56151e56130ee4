/**
 * What is captioned and what failed, as the two files of a run say it: read when it goes on, appended to while it runs. A clip that is
 * finished takes less than 300 bytes of memory; one that is not, its captions.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { CommandFailure } from '../cli/command.ts'
import type { ClipEntry, ClipFailure, Span } from './job.ts'
import { type LineFile, openLineFile } from './line-file.ts'
import { readLines } from './lines.ts'
import { segmentText } from './segments.ts'
import type { Cue } from './subtitles.ts'

/** Bytes and time of a clip when it was captioned. Undefined for what comes by URL. */
export interface FileState {
  readonly bytes: number
  /** Unix milliseconds. */
  readonly modified: number
}

export interface CaptionLine extends Span {
  readonly id: string
  readonly source: string
  readonly segment: number
  readonly segments: number
  readonly caption: string
  /** Seconds from the clip's beginning. */
  readonly frames: readonly number[]
  readonly clip: Partial<FileState> & { readonly sha256: string; readonly asked?: string }
  /** Model, prompt, usage and the rest, which only readers of the file want. */
  readonly [about: string]: unknown
}

/** What is told of a segment, or of all of a clip. */
export interface FailurePlace extends Partial<Span> {
  readonly segment?: number
  readonly segments?: number
}

/** What is known of a clip before it is opened. */
export type Known =
  | { readonly is: 'new' }
  /** Some segments are settled: captioned, with their words, or failed. */
  | { readonly is: 'begun'; readonly part: BegunClip; readonly state: KnownState }
  | { readonly is: 'captioned'; readonly state: KnownState }
  | { readonly is: 'failed' }

export interface KnownState {
  readonly bytes: number | undefined
  readonly modified: number | undefined
  /** The beginning of the hex digest. */
  readonly sha256: string
  readonly asked: string
}

export interface BegunClip {
  readonly segments: number
  readonly captioned: Map<number, Cue>
  readonly failed: Set<number>
}

export interface Tally {
  /** Whole. */
  clips: number
  failedClips: number
  segments: number
  frames: number
  /** Code → how many, and the first. */
  readonly failures: Map<string, { count: number; readonly example: string }>
}

/** Failures that say nothing of the clip whose id they have. */
const OF_THE_LIST = new Set(['clip_changed', 'duplicate_id', 'invalid_line'])
const SHA_DIGITS = 16
const FAILED = ''

export interface LedgerFiles {
  readonly captions: string
  readonly failures: string
}

export class Ledger {
  readonly tally: Tally = { clips: 0, failedClips: 0, segments: 0, frames: 0, failures: new Map() }
  /** Hash of an id → state of the clip, `FAILED` where it failed. */
  readonly #settled = new Map<string, string>()
  readonly #begun = new Map<string, BegunClip & { state: string }>()
  /** Hashes of failures of the list, which are told once. */
  readonly #told = new Set<string>()
  readonly #captions: LineFile
  readonly #failures: LineFile

  private constructor(captions: LineFile, failures: LineFile) {
    this.#captions = captions
    this.#failures = failures
  }

  /** Reads both files; with `retryFailed`, failures are forgotten. Rejects with CommandFailure for lines that are not its own. */
  static async open(files: LedgerFiles, retryFailed: boolean): Promise<Ledger> {
    if (retryFailed) await rm(files.failures, { force: true })
    const captions = await openLineFile(files.captions)
    const failures = await openLineFile(files.failures)
    const ledger = new Ledger(captions, failures)
    try {
      await eachObject(files.captions, (line) =>
        ledger.#readCaption(line as unknown as CaptionLine),
      )
      await eachObject(files.failures, (line) => ledger.#readFailure(line))
      return ledger
    } catch (error) {
      await ledger.close()
      throw error
    }
  }

  find(id: string): Known {
    const begun = this.#begun.get(id)
    if (begun) return { is: 'begun', part: begun, state: unpack(begun.state) }
    const state = this.#settled.get(hash(id))
    if (state === undefined) return { is: 'new' }
    return state === FAILED ? { is: 'failed' } : { is: 'captioned', state: unpack(state) }
  }

  async captioned(line: CaptionLine): Promise<void> {
    await this.#captions.append(line)
    this.#readCaption(line)
  }

  async failed(
    entry: { id: string; source?: string },
    failure: ClipFailure,
    place: FailurePlace,
    about: object,
  ): Promise<void> {
    const { code, message, param } = failure
    const line = { id: entry.id, source: entry.source, ...place, code, message, param, ...about }
    if (OF_THE_LIST.has(code) && this.#told.has(toldKey(line))) return
    await this.#failures.append(line)
    this.#readFailure(line)
  }

  async close(): Promise<void> {
    const closed = await Promise.allSettled([this.#captions.close(), this.#failures.close()])
    const failed = closed.find(({ status }) => status === 'rejected')
    if (failed?.status === 'rejected') throw failed.reason
  }

  #readCaption(line: CaptionLine): void {
    const { id, segment, segments, start, end, caption, frames } = line
    if (
      typeof id !== 'string' ||
      !Number.isInteger(segment) ||
      !Number.isInteger(segments) ||
      typeof caption !== 'string'
    )
      throw new Error('it has no id, segment, segments and caption')
    const clip = this.#beginClip(id, segments, pack(line.clip))
    if (clip === undefined || clip.captioned.has(segment)) return
    clip.captioned.set(segment, { start, end, text: caption })
    this.tally.segments += 1
    this.tally.frames += frames.length
    this.#settleIfWhole(id, clip)
  }

  #readFailure(line: Readonly<Record<string, unknown>>): void {
    const { id, segment, segments, code, message } = line
    if (typeof id !== 'string' || typeof code !== 'string' || typeof message !== 'string')
      throw new Error('it has no id, code and message')
    const seen = this.tally.failures.get(code)
    if (seen) seen.count += 1
    else this.tally.failures.set(code, { count: 1, example: `${id}: ${message}` })
    if (OF_THE_LIST.has(code)) {
      this.#told.add(toldKey(line))
    } else if (typeof segment === 'number' && typeof segments === 'number') {
      const clip = this.#beginClip(id, segments, '')
      if (clip === undefined) return
      clip.failed.add(segment)
      this.#settleIfWhole(id, clip)
    } else {
      this.#begun.delete(id)
      this.#settled.set(hash(id), FAILED)
      this.tally.failedClips += 1
    }
  }

  /** Undefined for a clip that is settled. */
  #beginClip(id: string, segments: number, state: string) {
    const begun = this.#begun.get(id)
    if (begun) {
      // A failed segment says nothing of the file.
      if (begun.state === '') begun.state = state
      return begun
    }
    if (this.#settled.has(hash(id))) return undefined
    const clip = { segments, state, captioned: new Map<number, Cue>(), failed: new Set<number>() }
    this.#begun.set(id, clip)
    return clip
  }

  #settleIfWhole(id: string, clip: BegunClip & { readonly state: string }): void {
    const { segments, captioned, failed } = clip
    for (const segment of captioned.keys()) failed.delete(segment)
    if (captioned.size + failed.size < segments) return
    this.#begun.delete(id)
    this.#settled.set(hash(id), failed.size > 0 ? FAILED : clip.state)
    if (failed.size > 0) this.tally.failedClips += 1
    else this.tally.clips += 1
  }
}

/** What a line of the list asks beside the job, in few letters; empty where it asks nothing. */
export function askedOf({ start, end, prompt, segment }: ClipEntry): string {
  if ([start, end, prompt, segment].every((value) => value === undefined)) return ''
  return hash(JSON.stringify([start, end, prompt, segment && segmentText(segment)]))
}

async function eachObject(
  path: string,
  take: (line: Readonly<Record<string, unknown>>) => void,
): Promise<void> {
  for await (const { number, text } of readLines(createReadStream(path), path)) {
    try {
      take(JSON.parse(text) as Readonly<Record<string, unknown>>)
    } catch (cause) {
      throw new CommandFailure(
        `${path}: line ${number} is none that this command wrote: ${(cause as Error).message}`,
      )
    }
  }
}

/** 72 bits: among ten million ids, two are alike once in a hundred million runs. */
function hash(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 12)
}

function toldKey(line: Readonly<Record<string, unknown>>): string {
  return hash(JSON.stringify([line['id'], line['code'], line['source'], line['message']]))
}

function pack({ bytes, modified, sha256, asked = '' }: CaptionLine['clip']): string {
  const number = (value: number | undefined) => value?.toString(36) ?? ''
  return [number(bytes), number(modified), sha256.slice(0, SHA_DIGITS), asked].join('.')
}

function unpack(state: string): KnownState {
  const [bytes = '', modified = '', sha256 = '', asked = ''] = state.split('.')
  const number = (text: string) => (text === '' ? undefined : Number.parseInt(text, 36))
  return { bytes: number(bytes), modified: number(modified), sha256, asked }
}
