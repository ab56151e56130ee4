/** A sound → questions with their true answers, and the rows of the table that they count in. */
import { language } from '../language.ts'
import type { Random } from '../random.ts'
import { varied } from '../wording.ts'
import type { Sound } from './sound.ts'
import { WORDS } from './voice.ts'

const { answers, sounds, phrasings, heldOutPhrasings } = language.hearing

export interface Row {
  readonly label: string
  /** Per cent of exact matches that the model must reach; absent where nothing was set. */
  readonly required?: number
}

export const ROWS = {
  word: { label: 'the word that is said', required: 90 },
  words: { label: 'two words in order' },
  noWord: { label: 'a word where nobody speaks' },
  kind: { label: 'kind of sound', required: 90 },
  count: { label: 'how many beeps, 1–4' },
  direction: { label: 'a tone that rises or falls' },
  voice: { label: 'is there a voice' },
  exists: { label: 'is the word said' },
  caption: { label: 'caption of the sound' },
  noSound: { label: 'no sound at all', required: 85 },
} as const satisfies Record<string, Row>

export type RowName = keyof typeof ROWS

export interface SoundQuestion {
  readonly row: RowName
  readonly question: string
  readonly answer: string
  readonly seenPhrasing: boolean
}

/** Share of questions that are put in words never seen in training. */
const HELD_OUT_SHARE = 0.3

type Phrasing = keyof typeof phrasings

function ask(row: RowName, phrasing: Phrasing, answer: string, random: Random, word = '') {
  const seenPhrasing = !random.chance(HELD_OUT_SHARE)
  const words = random.pick((seenPhrasing ? phrasings : heldOutPhrasings)[phrasing])
  const question = varied(words.replace('{word}', word), random)
  return { row, question, answer, seenPhrasing } satisfies SoundQuestion
}

export function questionsAbout(sound: Sound, random: Random): SoundQuestion[] {
  const speaks = sound.kind === 'voice'
  const said = sound.words.join(' ')
  const { yes, no } = language.answers
  const name =
    sound.beeps > 1
      ? answers.beeps.replace('{number}', language.numbers[sound.beeps]!)
      : sounds[sound.kind]
  const isTrue = speaks && random.chance(0.5)
  const word = random.pick(isTrue ? sound.words : WORDS.filter((w) => !sound.words.includes(w)))
  const wordRow = !speaks ? 'noWord' : sound.words.length === 1 ? 'word' : 'words'
  return [
    ask(wordRow, 'heard_word', speaks ? said : answers.noVoice, random),
    ask('kind', 'heard_kind', name, random),
    ask('voice', 'heard_voice', speaks ? yes : no, random),
    ask('exists', 'heard_exists', isTrue ? yes : no, random, word),
    ask(
      'caption',
      'heard_caption',
      speaks ? answers.caption.replace('{words}', said) : name,
      random,
    ),
    ...(sound.beeps > 0
      ? [ask('count', 'heard_count', language.numbers[sound.beeps]!, random)]
      : []),
    ...(sound.kind === 'rising' || sound.kind === 'falling'
      ? [ask('direction', 'heard_direction', answers[sound.kind], random)]
      : []),
  ]
}

/** A question about a sound, asked without one. */
export function questionWithoutSound(random: Random): SoundQuestion {
  const phrasing = random.pick(Object.keys(phrasings) as Phrasing[])
  return ask('noSound', phrasing, answers.noSound, random, random.pick(WORDS))
}
