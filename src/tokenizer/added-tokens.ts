/**
 * Tokens that a checkpoint adds to its vocabulary in files of their own, as `PreTrainedTokenizerBase.from_pretrained` of
 * transformers reads them: `added_tokens_decoder` of tokenizer_config.json, and added_tokens.json only where that is missing.
 */
import { AerieError } from '../errors.ts'
import { isJsonObject } from '../model-folder.ts'
import { isTokenId } from './token-ids.ts'

/** As in `added_tokens` of tokenizer.json. */
export interface AddedToken {
  readonly id: number
  readonly content: string
  readonly single_word: boolean
  readonly lstrip: boolean
  readonly rstrip: boolean
  readonly normalized: boolean
  readonly special: boolean
}

const SPECIAL_NAMES = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token']

/** In the order of their ids. `file` is the parsed added_tokens.json, if there is one. Throws `invalid_package`. */
export function readAddedTokens(
  config: Readonly<Record<string, unknown>>,
  file: unknown,
): AddedToken[] {
  const decoder = config['added_tokens_decoder']
  const tokens = isJsonObject(decoder) ? fromDecoder(decoder) : fromFile(config, file)
  const ids = new Set<number>()
  for (const { id } of tokens) {
    if (ids.has(id)) throw invalid(`id ${id} is given twice`)
    ids.add(id)
  }
  return tokens.sort((a, b) => a.id - b.id)
}

function fromDecoder(decoder: Readonly<Record<string, unknown>>): AddedToken[] {
  return Object.entries(decoder).map(([id, fields]) => {
    if (!isJsonObject(fields) || typeof fields['content'] !== 'string')
      throw invalid(`added_tokens_decoder has no content for id ${id}`)
    const flag = (name: string) => fields[name] === true
    return {
      id: checkedId(id, Number(id)),
      content: fields['content'],
      single_word: flag('single_word'),
      lstrip: flag('lstrip'),
      rstrip: flag('rstrip'),
      normalized: flag('normalized'),
      special: flag('special'),
    }
  })
}

function fromFile(config: Readonly<Record<string, unknown>>, file: unknown): AddedToken[] {
  if (file === undefined) return []
  if (!isJsonObject(file)) throw invalid('added_tokens.json is no object')
  const additional = config['additional_special_tokens']
  const named = [
    ...SPECIAL_NAMES.map((name) => config[name]),
    ...(Array.isArray(additional) ? additional : []),
  ]
  const special = new Set(named.map((token) => (isJsonObject(token) ? token['content'] : token)))
  return Object.entries(file).map(([content, id]) => ({
    id: checkedId(content, id),
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: !special.has(content),
    special: special.has(content),
  }))
}

function checkedId(what: string, id: unknown): number {
  if (isTokenId(id)) return id
  throw invalid(`${JSON.stringify(what.slice(0, 80))} has no id that can be used`)
}

function invalid(what: string): AerieError {
  return new AerieError('invalid_package', `added tokens: ${what}`)
}
