/** The trained starter under a short examination along the whole path: it sees, and cannot guess. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { examine } from '../../models/starter/eval/exam.ts'
import { type Examinee, openExaminee } from '../../models/starter/eval/examinee.ts'
import type { Task } from '../../models/starter/eval/questions.ts'
import type { Answered } from '../../models/starter/eval/tally.ts'

/** Tasks with eight or more likely answers, where a guess is seldom right. */
const OPEN: readonly Task[] = [
  'background',
  'color_single',
  'shape_single',
  'color_of_kind',
  'kind_of_color',
  'place',
  'read_digits',
  'read_word',
  'text_color',
  'caption',
  'json',
]

describe('the starter, examined on a few held-out pictures', () => {
  let model: Examinee
  let answers: readonly Answered[]

  before(async () => {
    model = await openExaminee('starter')
    answers = await examine(model, { pictures: 10, seed: 8_000_000, concurrency: 4 })
  })
  after(() => model.close())

  it('is asked every question with the picture and with grey', () => {
    assert.ok(answers.length > 60)
    for (const { task, blind } of answers) assert.equal(blind === undefined, task === 'no_picture')
  })

  it('is seldom right on open questions without seeing the picture', () => {
    const share = rightShare(answers, OPEN, ({ blind }) => blind)
    assert.ok(share < 0.25, `${Math.round(share * 100)} % right blind`)
  })

  it('is right on most of them, and more than twice as often as blind, when it sees', () => {
    const blind = rightShare(answers, OPEN, (answer) => answer.blind)
    const seeing = rightShare(answers, OPEN, (answer) => answer.given)
    assert.ok(seeing > 0.5 && seeing > 2 * blind, `${seeing} seeing, ${blind} blind`)
  })

  it('says that there is no picture when there is none', () => {
    const { given, answer } = answers.find(({ task }) => task === 'no_picture')!
    assert.equal(given, answer)
  })

  it('answers a question the same way again: greedy, whatever runs beside it', async () => {
    const again = await examine(model, { pictures: 2, seed: 8_000_000, concurrency: 1 })
    const pictured = ({ blind }: Answered) => blind !== undefined
    const repeated = again.filter(pictured)
    assert.deepEqual(repeated, answers.slice(0, repeated.length))
  })
})

function rightShare(
  answers: readonly Answered[],
  tasks: readonly Task[],
  said: (answer: Answered) => string | undefined,
): number {
  const of = answers.filter(({ task }) => tasks.includes(task))
  return of.filter((answer) => said(answer) === answer.answer).length / of.length
}
