/** Figures → the tables of the model card, and their place in it. */
import { readFile, writeFile } from 'node:fs/promises'
import type { RowScore, Score, Split, Tally } from './tally.ts'
import { OBJECT_COUNTS, TEXT_LENGTHS } from './tasks.ts'

export interface Circumstances {
  /** ISO day. */
  readonly date: string
  readonly command: string
  readonly model: string
  /** Hex SHA-256 of model.safetensors. */
  readonly weights: string
  readonly pictures: number
  readonly seed: number
  readonly questions: number
  readonly seconds: number
  readonly machine: string
}

/** Replaces what stands between the markers of a Markdown file. Rejects when they are missing. */
export async function insertReport(
  file: URL,
  markdown: string,
  name: 'eval' | 'hearing' = 'eval',
): Promise<void> {
  const [opening, closing] = [`<!-- ${name}:start -->`, `<!-- ${name}:end -->`]
  const text = await readFile(file, 'utf8')
  const [start, end] = [text.indexOf(opening), text.indexOf(closing)]
  if (start < 0 || end < start)
    throw new Error(`${file.pathname}: expected ${opening} and then ${closing}`)
  await writeFile(file, `${text.slice(0, start + opening.length)}\n${markdown}\n${text.slice(end)}`)
}

export function markdownReport(tally: Tally, facts: Circumstances): string {
  return [
    `Measured ${facts.date} with \`${facts.command}\` on ${facts.machine}: ${facts.pictures} pictures, ${facts.questions} questions,`,
    `${Math.round(facts.seconds)} s. Weights SHA-256 \`${facts.weights.slice(0, 16)}\`. Seeds from ${facts.seed}. Per cent of exact matches.`,
    '',
    '| Task | Accuracy | 95 % interval | n | Blind | Most frequent | Phrasing seen / unseen | Required | Aim |',
    '|---|---|---|---|---|---|---|---|---|',
    ...tally.rows.map(tableRow),
    '',
    'Blind: the same model, same question, a grey picture of the same size. Most frequent: always giving the commonest answer.',
    'Bold: below what is required. Unseen phrasings and the nouns of unanswerable questions were left out of training:',
    `over all tasks ${percentOf(tally.phrasings.seen)} in phrasings of training, ${percentOf(tally.phrasings.unseen)} in unseen ones.`,
    '',
    'By number of objects in the picture:',
    '',
    ...splitTable(tally.byObjects, OBJECT_COUNTS),
    '',
    'By length of the text in characters:',
    '',
    ...splitTable(tally.byTextLength, TEXT_LENGTHS),
  ].join('\n')
}

function tableRow(row: RowScore): string {
  const { score, blind, mostFrequent, seenPhrasing, unseenPhrasing, required, aim } = row
  const short = required !== undefined && score.share * 100 < required
  const accuracy = short ? `**${percent(score.share)}**` : percent(score.share)
  const cells = [
    row.label,
    accuracy,
    `${percent(score.low)}–${percent(score.high)}`,
    score.n,
    percent(blind.share),
    percent(mostFrequent),
    `${percent(seenPhrasing.share)} / ${percent(unseenPhrasing.share)}`,
    required ?? '',
    aim ?? '',
  ]
  return `| ${cells.join(' | ')} |`
}

function splitTable(splits: readonly Split[], columns: readonly number[]): string[] {
  return [
    `| Task | ${columns.join(' | ')} |`,
    `|---|${columns.map(() => '---').join('|')}|`,
    ...splits.map(
      ({ task, scores }) => `| ${task.replaceAll('_', ' ')} | ${scores.map(cell).join(' | ')} |`,
    ),
  ]
}

/** A share with its number of questions, which is often small in a split. */
function cell({ n, share }: Score): string {
  return n === 0 ? '' : `${percent(share)} (${n})`
}

function percentOf({ share, n }: Score): string {
  return `${percent(share)} % of ${n}`
}

function percent(share: number): string {
  return Number.isNaN(share) ? '–' : (share * 100).toFixed(1)
}
