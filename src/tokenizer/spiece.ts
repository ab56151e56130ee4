/**
 * SigLIP's `spiece.model` → the object that `tokenizer.json` would hold, as `T5Converter` of transformers builds one, and what comes
 * before it. `SiglipTokenizer` itself is SentencePiece with an end behind each text.
 */
import { AerieError } from '../errors.ts'
import type { AddedToken } from './added-tokens.ts'
import { charsmap } from './charsmap.ts'
import {
  type ConvertedTokenizer,
  decodeSentencePiece,
  mergedTokens,
  UNIGRAM,
  UNKNOWN,
} from './sentencepiece.ts'

export const SPIECE_FILE = 'spiece.model'

const METASPACE = {
  ...{ type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
} as const

/** Throws `invalid_package` for a file that is damaged, or of a kind that would be read wrongly. */
export function convertSpiece(
  bytes: Uint8Array,
  config: Readonly<Record<string, unknown>>,
  added: readonly AddedToken[] = [],
): ConvertedTokenizer {
  const { tokenizer_class: kind, eos_token: end = '</s>' } = config
  if (kind !== 'SiglipTokenizer') {
    const got = JSON.stringify(kind) ?? 'nothing'
    throw failed(`expected tokenizer_class "SiglipTokenizer" in tokenizer_config.json, got ${got}`)
  }
  const model = decodeSentencePiece(bytes, SPIECE_FILE)
  const { pieces, trainerSpec: trainer, normalizerSpec: normalizer } = model
  if (trainer.modelType !== UNIGRAM)
    throw failed(`model_type ${trainer.modelType} is not supported`)
  if (trainer.treatWhitespaceAsSuffix) throw failed('treat_whitespace_as_suffix is not supported')
  if (trainer.byteFallback) throw failed('byte_fallback is not supported')
  if (!normalizer.escapeWhitespaces) throw failed('escape_whitespaces = false is not supported')
  if (!normalizer.addDummyPrefix) throw failed('add_dummy_prefix = false is not supported')
  if (pieces[trainer.unkId]?.type !== UNKNOWN)
    throw failed(`unk_id ${trainer.unkId} is no unknown piece`)
  const ending = typeof end === 'object' && end !== null && 'content' in end ? end.content : end
  const endId = pieces.findIndex(({ piece }) => piece === ending)
  if (typeof ending !== 'string' || endId < 0)
    throw failed(`eos_token ${JSON.stringify(end)} is none of its pieces`)
  const { precompiledCharsmap: table, removeExtraWhitespaces } = normalizer
  const mapped = table.length > 0 ? charsmap(table, SPIECE_FILE) : (text: string) => text
  const json = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: mergedTokens(pieces, added),
    normalizer: null,
    pre_tokenizer: METASPACE,
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ Sequence: { id: 'A', type_id: 0 } }, { SpecialToken: { id: ending, type_id: 0 } }],
      pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
      special_tokens: { [ending]: { id: ending, ids: [endId], tokens: [ending] } },
    },
    decoder: METASPACE,
    model: {
      ...{ type: 'Unigram', unk_id: trainer.unkId, byte_fallback: false },
      vocab: pieces.map(({ piece, score }) => [piece, score]),
    },
  }
  const normalise = (text: string) => {
    const written = mapped(text)
    return removeExtraWhitespaces ? written.replace(/ +/g, ' ').replace(/^ | $/g, '') : written
  }
  return { json, prefix: '', normalise }
}

function failed(what: string): AerieError {
  return new AerieError('invalid_package', `${SPIECE_FILE}: ${what}`)
}
