/** What a speech model may write, from its generation_config.json: special tokens, languages, suppressed tokens. */
import { ConfigReader } from '../config-reader.ts'

/** Ids of tokens, and bounds. */
export interface SpeechRules {
  readonly startOfTranscript: number
  readonly endOfText: number
  readonly noTimestamps: number
  /** Before what was said earlier. */
  readonly startOfPrevious: number
  /** Its probability at the start of a transcript is that of silence. */
  readonly noSpeech: number
  /** The first of the timestamps, 0.00, which go on to the end of the vocabulary, 20 ms each. */
  readonly firstTimestamp: number
  /** Undefined for a model of English alone, which is not told the language and the task. */
  readonly multilingual:
    | {
        /** Language code → id. */
        readonly languages: Readonly<Record<string, number>>
        readonly transcribe: number
        /** Into English; undefined: the model was not trained to. */
        readonly translate: number | undefined
      }
    | undefined
  /** Never written. */
  readonly suppressed: readonly number[]
  /** Never written first. */
  readonly suppressedFirst: readonly number[]
  /** The latest that the first timestamp may be, in steps of 20 ms; undefined: any. */
  readonly maxInitialTimestamp: number | undefined
  /** Of an answer with its start-of-transcript, in tokens; what else is in the prompt comes on top. */
  readonly maxLength: number
  /** Of prompt and answer together. */
  readonly maxPositions: number
}

/**
 * Ids that are not in the vocabulary are refused. Models without the file, or whose file does not name the timestamps, are
 * refused: they were converted before there were languages and timestamps in it.
 */
export function readSpeechRules(
  config: ConfigReader,
  generation: unknown,
  { vocabSize, targetPositions }: { readonly vocabSize: number; readonly targetPositions: number },
): SpeechRules {
  if (generation === undefined)
    throw new Error(
      'generation_config.json: expected the tokens of languages and timestamps, got no file',
    )
  const raw = new ConfigReader(generation, 'generation_config.json')
  const token = (key: string, fallback?: number) => {
    // Older files leave what is in config.json to that.
    const value = (raw.has(key) || !config.has(key) ? raw : config).number(key, fallback)
    if (!Number.isInteger(value) || value < 0 || value >= vocabSize)
      throw raw.mismatch(key, `a token of ${vocabSize}`)
    return value
  }
  const tokens = (key: string) => raw.indexes(key, vocabSize, [])
  const noTimestamps = token('no_timestamps_token_id')
  return {
    noTimestamps,
    startOfTranscript: token('decoder_start_token_id'),
    endOfText: token('eos_token_id'),
    startOfPrevious: token('prev_sot_token_id', noTimestamps - 2),
    noSpeech: noTimestamps - 1,
    firstTimestamp: noTimestamps + 1,
    multilingual: readLanguages(raw, vocabSize),
    suppressed: tokens('suppress_tokens'),
    suppressedFirst: tokens('begin_suppress_tokens'),
    maxInitialTimestamp: raw.has('max_initial_timestamp_index')
      ? raw.number('max_initial_timestamp_index')
      : undefined,
    maxLength: raw.size('max_length', targetPositions),
    maxPositions: targetPositions,
  }
}

function readLanguages(raw: ConfigReader, vocabSize: number): SpeechRules['multilingual'] {
  if (!raw.has('lang_to_id')) return undefined
  const isToken = (value: number) => Number.isInteger(value) && value >= 0 && value < vocabSize
  const table = raw.object('lang_to_id')
  const languages: Record<string, number> = {}
  for (const name of table.names()) {
    const value = table.number(name)
    const [, code] = /^<\|(\w+)\|>$/.exec(name) ?? []
    if (code === undefined || !isToken(value))
      throw raw.mismatch('lang_to_id', `ids below ${vocabSize} by names like <|en|>`)
    languages[code] = value
  }
  const tasks = raw.object('task_to_id')
  const task = (name: string) => {
    const id = tasks.number(name)
    if (!isToken(id)) throw tasks.mismatch(name, `a token of ${vocabSize}`)
    return id
  }
  const translate = tasks.has('translate') ? task('translate') : undefined
  return { languages, transcribe: task('transcribe'), translate }
}
