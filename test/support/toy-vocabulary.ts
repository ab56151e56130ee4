/** What the 64 tokens of the toy decoder say: letters, digits and signs of JSON, some of them together. */
import { collectVocabulary, type Vocabulary } from '../../src/grammar/vocabulary.ts'

/** Says nothing: ids that end answers. */
export const TOY_END = 63

export const TOY_TOKENS: readonly string[] = [
  ...'abcdefghij0123456789{}[]",: \n.-+eE\\'.split(''),
  ...[
    '"a"',
    '":',
    '":"',
    '","',
    '{"',
    '"}',
    '],',
    '}}',
    '12',
    'ab',
    'true',
    'null',
    'fal',
    'se',
    'é',
    '{"a":',
    '  ',
    '<t>',
    '</t>',
    'x',
    'y',
    'z',
    'n',
    't',
    'r',
    'u',
    '_',
  ],
].slice(0, TOY_END)

export function toyVocabulary(): Promise<Vocabulary> {
  const encoder = new TextEncoder()
  return collectVocabulary(64, (id) => encoder.encode(TOY_TOKENS[id] ?? ''), false)
}

export function toyText(ids: readonly number[]): string {
  return ids.map((id) => TOY_TOKENS[id] ?? '').join('')
}
