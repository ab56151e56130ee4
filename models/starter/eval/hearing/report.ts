/** Answers about sounds → figures, and the table of the model card. */
import { type Score, scoreOf } from '../tally.ts'
import { ROWS, type Row, type RowName, type SoundQuestion } from './questions.ts'
import { KINDS, type SoundKind } from './sound.ts'

export interface Heard extends SoundQuestion {
  /** Undefined for questions without a sound. */
  readonly kind: SoundKind | undefined
  readonly given: string
}

export interface Figures {
  readonly rows: readonly (Row & { score: Score; seen: Score; unseen: Score })[]
  /** The row "kind of sound", by the kind. */
  readonly kinds: readonly { kind: SoundKind; score: Score }[]
}

const given = (answer: Heard) => answer.given

export function figuresOf(answers: readonly Heard[]): Figures {
  const rows = (Object.keys(ROWS) as RowName[]).map((name) => {
    const of = answers.filter(({ row }) => row === name)
    return {
      ...ROWS[name],
      score: scoreOf(of, given),
      seen: scoreOf(
        of.filter(({ seenPhrasing }) => seenPhrasing),
        given,
      ),
      unseen: scoreOf(
        of.filter(({ seenPhrasing }) => !seenPhrasing),
        given,
      ),
    }
  })
  const kinds = KINDS.map((kind) => ({
    kind,
    score: scoreOf(
      answers.filter((answer) => answer.row === 'kind' && answer.kind === kind),
      given,
    ),
  }))
  return { rows, kinds }
}

export interface Circumstances {
  /** ISO day. */
  readonly date: string
  readonly command: string
  /** Hex SHA-256 of model.safetensors. */
  readonly weights: string
  readonly sounds: number
  readonly seed: number
  readonly questions: number
  readonly seconds: number
  readonly machine: string
  /** Whether espeak-ng was there; without it nobody speaks, and the rows about words are left out. */
  readonly voices: boolean
}

export function markdownReport({ rows, kinds }: Figures, facts: Circumstances): string {
  const spoken = facts.voices ? '' : ' No espeak-ng was there, so nobody spoke.'
  return [
    `Measured ${facts.date} with \`${facts.command}\` on ${facts.machine}: ${facts.sounds} sounds, ${facts.questions} questions,`,
    `${Math.round(facts.seconds)} s. Weights SHA-256 \`${facts.weights.slice(0, 16)}\`. Seeds from ${facts.seed}. Per cent of exact matches.${spoken}`,
    '',
    '| Task | Accuracy | 95 % interval | n | Phrasing seen / unseen | Required |',
    '|---|---|---|---|---|---|',
    ...rows
      .filter(({ score }) => score.n > 0)
      .map(({ label, score, seen, unseen, required }) => {
        const short = required !== undefined && score.share * 100 < required
        const accuracy = short ? `**${percent(score.share)}**` : percent(score.share)
        return `| ${label} | ${accuracy} | ${percent(score.low)}–${percent(score.high)} | ${score.n} | ${percent(seen.share)} / ${percent(unseen.share)} | ${required ?? ''} |`
      }),
    '',
    `Kind of sound: ${kinds
      .filter(({ score }) => score.n > 0)
      .map(({ kind, score }) => `${kind} ${percent(score.share)} (${score.n})`)
      .join(', ')}. Bold: below what is required.`,
  ].join('\n')
}

function percent(share: number): string {
  return Number.isNaN(share) ? '–' : (share * 100).toFixed(1)
}
