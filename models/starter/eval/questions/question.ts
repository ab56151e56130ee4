/** One question with its task and true answer, and the small function that words it. */
import type { Random } from '../random.ts'
import { type PhrasingName, word } from '../wording.ts'

/** `absent_…` asks about what is not there: a noun outside the world and training, a kind, a colour, a text. */
export type Task =
  | Exclude<PhrasingName, 'identity' | 'read_text'>
  | 'read_digits'
  | 'read_word'
  | 'absent_noun'
  | 'absent_kind'
  | 'absent_color'
  | 'absent_text'
  | 'no_picture'

export interface Question {
  readonly task: Task
  readonly question: string
  readonly answer: string
  /** False when the wording is of the kind that training leaves out. */
  readonly seenPhrasing: boolean
}

export type Slots = Readonly<Record<string, string>>

/** Words a question of a task in a random phrasing of `phrasing`, its slots filled. */
export type Ask = (task: Task, answer: string, phrasing: PhrasingName, slots?: Slots) => Question

export function asker(random: Random): Ask {
  return (task, answer, phrasing, slots = {}) => ({
    task,
    ...word(phrasing, slots, random),
    answer,
  })
}
