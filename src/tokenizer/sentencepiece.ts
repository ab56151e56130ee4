/**
 * SentencePiece's `tokenizer.model` → the object that `tokenizer.json` would hold, as `LlamaConverter` of
 * transformers builds it. Fields of the file: `sentencepiece_model.proto` of google/sentencepiece.
 */
import protobuf from 'protobufjs'
import { AerieError } from '../errors.ts'
import type { AddedToken } from './added-tokens.ts'

/** Kinds of pieces. */
export const UNKNOWN = 2
export const CONTROL = 3
export const USER_DEFINED = 4

/** Kinds of models. */
export const UNIGRAM = 1
export const BPE = 2

/** What stands for a space inside pieces. */
const SPACE = '▁'

/** No published vocabulary comes near these; merges are sought in every piece at every place. */
const MOST_PIECES = 1_000_000
const LONGEST_PIECE = 512

/** An entry of a vocabulary; its id is its place. */
export interface Piece {
  readonly piece: string
  readonly score: number
  readonly type: number
}

/** What of a file decides about a tokenizer. */
export interface SentencePieceModel {
  readonly pieces: readonly Piece[]
  readonly trainerSpec: {
    readonly modelType: number
    readonly byteFallback: boolean
    readonly treatWhitespaceAsSuffix: boolean
    readonly unkId: number
  }
  readonly normalizerSpec: {
    readonly precompiledCharsmap: Uint8Array
    readonly addDummyPrefix: boolean
    readonly removeExtraWhitespaces: boolean
    readonly escapeWhitespaces: boolean
  }
}

const MODEL = protobuf
  .parse(`
  syntax = "proto2";
  message TrainerSpec {
    optional int32 model_type = 3 [default = 1];
    optional bool treat_whitespace_as_suffix = 24 [default = false];
    optional bool byte_fallback = 35 [default = false];
    optional int32 unk_id = 40 [default = 0];
  }
  message NormalizerSpec {
    optional bytes precompiled_charsmap = 2;
    optional bool add_dummy_prefix = 3 [default = true];
    optional bool remove_extra_whitespaces = 4 [default = true];
    optional bool escape_whitespaces = 5 [default = true];
  }
  message Piece {
    optional string piece = 1;
    optional float score = 2;
    optional int32 type = 3 [default = 1];
  }
  message Model {
    repeated Piece pieces = 1;
    optional TrainerSpec trainer_spec = 2;
    optional NormalizerSpec normalizer_spec = 3;
  }
`)
  .root.lookupType('Model')

/** What of a tokenizer_config.json decides about a converted tokenizer. */
export interface SentencePieceOptions {
  /** Put before every text; absent: nothing is. */
  readonly bosToken: string | undefined
  /** Whether the prefix space stands behind special tokens too, and not only at the beginning; `legacy` of the hub. */
  readonly isLegacy: boolean
}

/** Reads them from the fields that `LlamaTokenizer` and its kin have, with their defaults. */
export function sentencePieceOptions(
  config: Readonly<Record<string, unknown>>,
): SentencePieceOptions {
  const { add_bos_token: addBos = true, bos_token: bos = '<s>', legacy = true } = config
  const bosToken = typeof bos === 'string' ? bos : (bos as { content?: unknown } | null)?.content
  return {
    bosToken: addBos === true && typeof bosToken === 'string' ? bosToken : undefined,
    isLegacy: legacy !== false,
  }
}

export interface ConvertedTokenizer {
  /** As in tokenizer.json. */
  readonly json: object
  /** What a text that does not begin with a special token gets in front, and nothing else does; tokenizer.json cannot say it. */
  readonly prefix: string
  /** What comes before it, and tokenizer.json cannot say either; absent: nothing. */
  readonly normalise?: (text: string) => string
}

/**
 * `added` says more about pieces, or adds tokens behind them. Throws `invalid_package` for a file that is damaged, or of a
 * kind that would be read wrongly.
 */
export function convertSentencePiece(
  bytes: Uint8Array,
  options: SentencePieceOptions,
  added: readonly AddedToken[] = [],
): ConvertedTokenizer {
  return convertModel(decodeSentencePiece(bytes), options, added)
}

/** The same for a model that was read from elsewhere. */
export function convertModel(
  { pieces, trainerSpec: trainer, normalizerSpec: normalizer }: SentencePieceModel,
  { bosToken, isLegacy }: SentencePieceOptions,
  added: readonly AddedToken[] = [],
): ConvertedTokenizer {
  const prefix = normalizer.addDummyPrefix
  if (trainer.treatWhitespaceAsSuffix) throw refused('treat_whitespace_as_suffix')
  if (normalizer.removeExtraWhitespaces) throw refused('remove_extra_whitespaces')
  if (!normalizer.escapeWhitespaces) throw refused('escape_whitespaces = false')
  if (normalizer.precompiledCharsmap.length > 0) throw refused('precompiled_charsmap')
  const unknown = pieces[trainer.unkId]
  if (unknown?.type !== UNKNOWN) throw damaged(`unk_id ${trainer.unkId} is no unknown piece`)
  const ids = new Map(pieces.map(({ piece }, id) => [piece, id]))
  if (ids.size !== pieces.length) throw damaged('a piece occurs twice')
  const bosId = bosToken === undefined ? undefined : ids.get(bosToken)
  if (bosToken !== undefined && bosId === undefined) throw damaged(`there is no piece ${bosToken}`)
  const json = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: mergedTokens(pieces, added),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        // Applied to what stands between special tokens.
        ...(prefix && isLegacy ? [{ type: 'Prepend', prepend: SPACE }] : []),
        { type: 'Replace', pattern: { String: ' ' }, content: SPACE },
      ],
    },
    pre_tokenizer: null,
    post_processor: bosToken === undefined ? null : beginsWith(bosToken, bosId!),
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: SPACE }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...(prefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
      ],
    },
    model: modelOf(pieces, ids, trainer, unknown.piece),
  }
  return { json, prefix: prefix && !isLegacy ? ' ' : '' }
}

/** The pieces that are found before any other, as the checkpoint's own list describes them where it does. */
export function mergedTokens(pieces: readonly Piece[], added: readonly AddedToken[]): AddedToken[] {
  const tokens = new Map<number, AddedToken>()
  for (const [id, { piece, type }] of pieces.entries()) {
    if (type === UNKNOWN || type === CONTROL || type === USER_DEFINED)
      tokens.set(id, addedToken(id, piece, type !== USER_DEFINED))
  }
  for (const token of added) tokens.set(token.id, token)
  return [...tokens.values()].sort((a, b) => a.id - b.id)
}

function modelOf(
  pieces: readonly Piece[],
  ids: ReadonlyMap<string, number>,
  { modelType, byteFallback, unkId }: SentencePieceModel['trainerSpec'],
  unknown: string,
): object {
  switch (modelType) {
    case BPE:
      return {
        type: 'BPE',
        dropout: null,
        unk_token: unknown,
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: true,
        byte_fallback: byteFallback,
        ignore_merges: false,
        vocab: Object.fromEntries(ids),
        merges: mergesOf(pieces, ids),
      }
    case UNIGRAM:
      return {
        type: 'Unigram',
        unk_id: unkId,
        byte_fallback: byteFallback,
        vocab: pieces.map(({ piece, score }) => [piece, score]),
      }
    default:
      throw refused(`model_type ${modelType}`)
  }
}

/** SentencePiece joins the neighbours whose union scores best; a list of pairs in that order says the same. */
function mergesOf(pieces: readonly Piece[], ids: ReadonlyMap<string, number>): [string, string][] {
  const merges: { left: string; right: string; score: number }[] = []
  for (const { piece, score } of pieces) {
    let left = ''
    for (const character of piece) {
      left += character
      const right = piece.slice(left.length)
      if (ids.has(left) && ids.has(right)) merges.push({ left, right, score })
    }
  }
  merges.sort((a, b) => b.score - a.score)
  return merges.map(({ left, right }) => [left, right])
}

/** Throws `invalid_package` for what is no such file. `file`: for messages. */
export function decodeSentencePiece(
  bytes: Uint8Array,
  file = 'tokenizer.model',
): SentencePieceModel {
  const damaged = (what: string) => new AerieError('invalid_package', `${file}: ${what}`)
  let model: SentencePieceModel
  try {
    model = MODEL.toObject(MODEL.decode(bytes), {
      defaults: true,
      bytes: Uint8Array,
    }) as SentencePieceModel
  } catch (cause) {
    throw new AerieError('invalid_package', `${file}: ${(cause as Error).message}`, { cause })
  }
  const { pieces, trainerSpec, normalizerSpec } = model
  if (pieces.length === 0 || !trainerSpec || !normalizerSpec) throw damaged('it has no vocabulary')
  if (pieces.length > MOST_PIECES) throw damaged(`it has ${pieces.length} pieces`)
  const long = pieces.find(({ piece }) => piece.length > LONGEST_PIECE)
  if (long) throw damaged(`a piece has ${long.piece.length} characters`)
  return model
}

export function addedToken(id: number, content: string, special: boolean): AddedToken {
  return {
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special,
  }
}

/** A post-processor that puts one token before a text. */
export function beginsWith(token: string, id: number): object {
  return {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: token, type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [
      { SpecialToken: { id: token, type_id: 0 } },
      { Sequence: { id: 'A', type_id: 0 } },
      { SpecialToken: { id: token, type_id: 1 } },
      { Sequence: { id: 'B', type_id: 1 } },
    ],
    special_tokens: { [token]: { id: token, ids: [id], tokens: [token] } },
  }
}

function damaged(what: string): AerieError {
  return new AerieError('invalid_package', `tokenizer.model: ${what}`)
}

function refused(what: string): AerieError {
  return new AerieError('invalid_package', `tokenizer.model: ${what} is not supported`)
}
