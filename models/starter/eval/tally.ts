/** Answers → figures: exact matches, confidence intervals, and the two baselines beside them. */
import type { Question } from './questions.ts'
import { BY_LENGTH, BY_OBJECTS, OBJECT_COUNTS, ROWS, type Row, TEXT_LENGTHS } from './tasks.ts'

/** One question with what the model said, seeing the picture and seeing grey. */
export interface Answered extends Question {
  readonly seed: number
  readonly objects: number
  /** Characters of the text in the picture, 0 without one. */
  readonly textLength: number
  readonly given: string
  /** Undefined for questions without a picture. */
  readonly blind: string | undefined
}

export interface Score {
  readonly n: number
  readonly right: number
  /** Share of exact matches and its 95 % Wilson interval, 0…1; NaN when n is 0. */
  readonly share: number
  readonly low: number
  readonly high: number
}

export interface RowScore extends Row {
  readonly score: Score
  readonly blind: Score
  /** Share that always giving the most frequent answer would get. */
  readonly mostFrequent: number
  readonly seenPhrasing: Score
  readonly unseenPhrasing: Score
}

export interface Split {
  readonly task: string
  /** One score a column. */
  readonly scores: readonly Score[]
}

export interface Tally {
  /** All questions about pictures, by whether training has seen their wording. */
  readonly phrasings: { readonly seen: Score; readonly unseen: Score }
  readonly rows: readonly RowScore[]
  readonly byObjects: readonly Split[]
  readonly byTextLength: readonly Split[]
}

export function tally(answers: readonly Answered[]): Tally {
  const pictured = answers.filter(({ blind }) => blind !== undefined)
  const worded = (seen: boolean) =>
    scoreOf(
      pictured.filter(({ seenPhrasing }) => seenPhrasing === seen),
      ({ given }) => given,
    )
  return {
    phrasings: { seen: worded(true), unseen: worded(false) },
    rows: ROWS.map((row) => rowScore(row, answers)),
    byObjects: BY_OBJECTS.map((task) =>
      split(task, answers, OBJECT_COUNTS, (answer) => answer.objects),
    ),
    byTextLength: BY_LENGTH.map((task) =>
      split(task, answers, TEXT_LENGTHS, (answer) => answer.textLength),
    ),
  }
}

function rowScore(row: Row, answers: readonly Answered[]): RowScore {
  const [least, most] = row.objects ?? [0, Number.POSITIVE_INFINITY]
  const of = answers.filter(
    ({ task, objects }) => row.tasks.includes(task) && objects >= least && objects <= most,
  )
  const sighted = of.filter(({ blind }) => blind !== undefined)
  const frequencies = Map.groupBy(of, ({ answer }) => answer)
  return {
    ...row,
    score: scoreOf(of, ({ given }) => given),
    blind: scoreOf(sighted, ({ blind }) => blind),
    mostFrequent: Math.max(0, ...[...frequencies.values()].map((same) => same.length)) / of.length,
    seenPhrasing: scoreOf(
      of.filter(({ seenPhrasing }) => seenPhrasing),
      ({ given }) => given,
    ),
    unseenPhrasing: scoreOf(
      of.filter(({ seenPhrasing }) => !seenPhrasing),
      ({ given }) => given,
    ),
  }
}

function split(
  task: Question['task'],
  answers: readonly Answered[],
  columns: readonly number[],
  column: (answer: Answered) => number,
): Split {
  const of = answers.filter((answer) => answer.task === task)
  return {
    task,
    scores: columns.map((value) =>
      scoreOf(
        of.filter((a) => column(a) === value),
        (a) => a.given,
      ),
    ),
  }
}

/** Exact matches of what was `said` with the true answers. */
export function scoreOf<A extends { readonly answer: string }>(
  answers: readonly A[],
  said: (answer: A) => string | undefined,
): Score {
  const right = answers.filter((answer) => said(answer) === answer.answer).length
  return {
    n: answers.length,
    right,
    share: right / answers.length,
    ...wilson(right, answers.length),
  }
}

/** 95 % Wilson score interval of a share of `right` in `n`. */
export function wilson(right: number, n: number): { low: number; high: number } {
  const z = 1.959964
  const share = right / n
  const centre = (share + (z * z) / (2 * n)) / (1 + (z * z) / n)
  const half =
    (z / (1 + (z * z) / n)) * Math.sqrt((share * (1 - share)) / n + (z * z) / (4 * n * n))
  return { low: Math.max(0, centre - half), high: Math.min(1, centre + half) }
}
