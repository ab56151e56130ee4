/** Tokens → words and their times: `_combine_tokens_into_words` of transformers, after `split_to_word_tokens` of openai/whisper. */

import type { Word } from './contract.ts'

/** Written without spaces: each character is a word. */
const WITHOUT_SPACES: ReadonlySet<string> = new Set(['zh', 'ja', 'th', 'lo', 'my', 'yue'])
/** Belongs to the word behind it, where a space is in front of it. */
const OPENING = '"\'“¡¿([{-'
/** Belongs to the word before it. */
const CLOSING = '"\'.。,，!！?？:：”)]}、'
/** A token that is such begins a word, which may then be joined to one of its neighbours. */
const PUNCTUATION = '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~'
const REPLACEMENT = '\ufffd'

export interface TimedWordsOptions {
  /** Code of what is written; undefined: English. */
  readonly language: string | undefined
  /** Others, timestamps among them, are in no word. */
  isText(token: number): boolean
  decode(tokens: readonly number[]): string
  /** Seconds that times of tokens count from. */
  readonly offset: number
  /** Seconds behind which no word ends. */
  readonly latest: number
}

/** Words of a segment: each from the end of the token before it, `start` for the first, to the end of its last; of no blank ones. */
export function timedWords(
  tokens: readonly number[],
  { ends, start }: { readonly ends: readonly number[]; readonly start: number },
  { language, isText, decode, offset, latest }: TimedWordsOptions,
): Word[] {
  const places = [...tokens.keys()].filter((place) => isText(tokens[place]!))
  const texts = places.map((place) => tokens[place]!)
  // Hundredths, which all times are.
  const secondsAt = (place: number) =>
    Math.min(Math.round(100 * (offset + (place < 0 ? start : ends[place]!))) / 100, latest)
  let next = 0
  return splitWords(texts, language, decode).flatMap(({ text, count }) => {
    const first = places[next]!
    next += count
    const word = {
      text: text.trim(),
      start: secondsAt(first - 1),
      end: secondsAt(places[next - 1]!),
    }
    return word.text === '' ? [] : [word]
  })
}

export interface TokenWord {
  /** With the space in front of it, if there is one. */
  readonly text: string
  /** Tokens that it has; those of all words are all tokens, in order. */
  readonly count: number
}

/** `tokens` of text alone; `language` is a code, undefined for English. */
export function splitWords(
  tokens: readonly number[],
  language: string | undefined,
  decode: (tokens: readonly number[]) => string,
): TokenWord[] {
  const characters = splitCharacters(tokens, decode)
  const hasNone = language !== undefined && WITHOUT_SPACES.has(language)
  return joinPunctuation(hasNone ? characters : joinAtSpaces(characters))
}

/** Pieces that are whole characters. A character may have several tokens, and a token several characters. */
function splitCharacters(
  tokens: readonly number[],
  decode: (tokens: readonly number[]) => string,
): TokenWord[] {
  const whole = decode(tokens)
  const pieces: TokenWord[] = []
  let own: number[] = []
  let offset = 0
  for (const [i, token] of tokens.entries()) {
    own.push(token)
    const text = decode(own)
    const place = text.indexOf(REPLACEMENT)
    // What is no character in the whole either will not become one. The last piece takes what is left.
    const isWhole = place < 0 || whole[offset + place] === REPLACEMENT || i === tokens.length - 1
    if (!isWhole) continue
    pieces.push({ text, count: own.length })
    offset += text.length
    own = []
  }
  return pieces
}

function joinAtSpaces(pieces: readonly TokenWord[]): TokenWord[] {
  const words: TokenWord[] = []
  for (const piece of pieces) {
    const last = words.at(-1)
    // Also a piece of spaces alone.
    const isPunctuation = PUNCTUATION.includes(piece.text.trim())
    if (!last || piece.text.startsWith(' ') || isPunctuation) words.push(piece)
    else words[words.length - 1] = joined(last, piece)
  }
  return words
}

function joinPunctuation(words: readonly TokenWord[]): TokenWord[] {
  const opened: TokenWord[] = []
  for (const word of words.toReversed()) {
    const next = opened.at(-1)
    const opens = word.text.startsWith(' ') && OPENING.includes(word.text.trim())
    if (next && opens) opened[opened.length - 1] = joined(word, next)
    else opened.push(word)
  }
  const closed: TokenWord[] = []
  for (const word of opened.toReversed()) {
    const last = closed.at(-1)
    const closes = CLOSING.includes(word.text) && !last?.text.endsWith(' ')
    if (last && closes) closed[closed.length - 1] = joined(last, word)
    else closed.push(word)
  }
  return closed
}

function joined(a: TokenWord, b: TokenWord): TokenWord {
  return { text: a.text + b.text, count: a.count + b.count }
}
