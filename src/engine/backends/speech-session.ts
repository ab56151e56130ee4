/** A loaded speech model: windows of log-mel in, and rows of its decoder that each look at one of them. */
import type { SpeechModel } from '../../../models/family.ts'
import type { AlignmentHead } from '../../../models/whisper/alignment.ts'
import { AerieError } from '../../errors.ts'
import type { BackendOptions } from '../backend.ts'
import { type ModelFiles, openModelFiles } from './model-files.ts'
import type { Feed } from './onnx-session.ts'
import { SpeechRows } from './speech-rows.ts'

/** Runs the two graphs of a speech model. Calls do not overlap. */
export interface SpeechRunner {
  /** `mel` [windows, bins, frames] → what each decoder layer sees of it, by the names of the graph's outputs. */
  encode(feeds: Readonly<Record<string, Feed>>): Promise<Readonly<Record<string, Float32Array>>>
  /**
   * The decoder with the feeds of `SpeechRows`: `logits` [rows, wanted, vocab] and `present`, the new keys and values; and what
   * `layers` ask of the sound.
   */
  decode(feeds: Readonly<Record<string, Feed>>, layers: readonly number[]): Promise<SpeechStep>
  /** Of one head: `query` [steps, headDim], `keys` [positions, headDim] → weights [steps, positions]. */
  align(feeds: Readonly<Record<'query' | 'keys', Feed>>): Promise<Float32Array>
  dispose(): Promise<void>
}

export interface SpeechStep {
  readonly logits: Float32Array
  /** [rows, steps, layers · 2 · heads · headDim] */
  readonly present: Float32Array
  /** [rows, steps, hidden] of each layer that was asked for, in their order. */
  readonly queries: readonly Float32Array[]
}

/** Rows are numbered from 0; the last takes the place of one that is removed. */
export interface SpeechSession {
  readonly model: SpeechModel
  readonly vocabSize: number
  /** Rows that there are. */
  readonly rows: number
  /**
   * Adds a row that looks at a window `[bins, frames]` and has read nothing yet. Of one that is aligned, what its tokens ask of the
   * sound is kept.
   */
  add(mel: Float32Array, isAligned?: boolean): Promise<void>
  /**
   * The row forgets what it has read and reads `tokens`. Gives the logits `[wanted.length, vocab]` behind the tokens at the
   * places `wanted`.
   */
  begin(row: number, tokens: readonly number[], wanted: readonly number[]): Promise<Float32Array>
  /** Each row reads its next token: logits [rows, vocab]. */
  step(tokens: readonly number[]): Promise<Float32Array>
  /** What each token that an aligned row has read since it began looked at: weights of a head, [read, positions]. */
  attention(row: number, head: AlignmentHead): Promise<Float32Array>
  remove(row: number): void
  dispose(): Promise<void>
}

/**
 * Loads the speech model of a folder. Rejects with `invalid_package`, or `invalid_config` for a backend that has no
 * cross-attention.
 */
export async function loadSpeech(
  modelDir: string,
  backend: string,
  options: BackendOptions,
): Promise<SpeechSession> {
  const files = await openModelFiles(modelDir)
  await using _checkpoint = files.checkpoint
  const { speech, graphs, limits } = files
  if (!speech) throw new AerieError('invalid_package', 'this model does not write down speech')
  const runner = await loadRunner(files, backend, options)
  return new SpeechRows(runner, { speech, decoder: graphs.decoder!, vocabSize: limits.vocabSize })
}

async function loadRunner(
  files: ModelFiles,
  backend: string,
  options: BackendOptions,
): Promise<SpeechRunner> {
  switch (backend) {
    case 'onnx':
      return await (await import('./speech-onnx.ts')).onnxSpeech(files, options)
    case 'reference':
      return await (await import('./speech-reference.ts')).referenceSpeech(files)
    default:
      throw new AerieError(
        'invalid_config',
        `backend ${backend}: it cannot run the decoder of a speech model; onnx and reference can`,
      )
  }
}
