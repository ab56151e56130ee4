/** Questions in words: a phrasing of language.json, its slots filled, its surface varied. */
import { language } from './language.ts'
import type { Random } from './random.ts'

export type PhrasingName = keyof typeof language.phrasings

export interface Wording {
  readonly question: string
  /** False for the phrasings that training leaves out. */
  readonly seenPhrasing: boolean
}

/** Share of questions that are put in words never seen in training. */
const HELD_OUT_SHARE = 0.3

/** `slots` fills the phrasing's braces: `{kind}` → "star"; an article before a slot agrees with its word. */
export function word(
  name: PhrasingName,
  slots: Readonly<Record<string, string>>,
  random: Random,
): Wording {
  const seenPhrasing = !random.chance(HELD_OUT_SHARE)
  const phrasing = random.pick(
    (seenPhrasing ? language.phrasings : language.heldOutPhrasings)[name],
  )
  const filled = phrasing.replace(
    /(\ba )?\{(\w+)\}/g,
    (_, article: string | undefined, slot: string) => {
      const value = slots[slot]
      if (value === undefined)
        throw new Error(`phrasing of ${name} has an unknown slot: "${phrasing}"`)
      return article === undefined ? value : withArticle(value)
    },
  )
  return { question: varied(filled, random), seenPhrasing }
}

/** "a cup", "an arrow". */
export function withArticle(words: string): string {
  return `${/^[aeiou]/.test(words) ? 'an' : 'a'} ${words}`
}

/** The small variations that language.json lists under `surface`, each by chance. */
export function varied(question: string, random: Random): string {
  const { synonyms, prefixes, suffixes } = language.surface
  let words = question
  for (const [word, others] of Object.entries(synonyms)) {
    if (random.chance(0.3))
      words = words.replaceAll(new RegExp(`\\b${word}\\b`, 'g'), random.pick(others))
  }
  const politeness = random.next()
  if (politeness < 0.1) words = random.pick(prefixes) + words
  else if (politeness < 0.16) words = words.replace(/[.?]$/, (mark) => random.pick(suffixes) + mark)
  if (random.chance(0.15)) words = words.replace(/[.?]$/, '')
  return random.chance(0.35) ? words[0]?.toUpperCase() + words.slice(1) : words
}
