/**
 * Rebuilds the table of what the starter hears, on held-out sounds that are drawn here:
 *
 *     npm run starter:eval:sounds -- [--sounds 600] [--seed 7000000] [--model starter] [--dry-run]
 *
 * Writes eval/hearing/results.json and the table in models/starter/README.md; --dry-run only prints the table. Words are said by
 * espeak-ng; where it is missing, only other sounds are drawn and nothing is written.
 */
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { openExaminee } from '../examinee.ts'
import { insertReport } from '../report.ts'
import { examineSounds } from './exam.ts'
import { type Circumstances, figuresOf, markdownReport } from './report.ts'
import { hasSpeaker } from './voice.ts'

const { values } = parseArgs({
  options: {
    sounds: { type: 'string', default: '600' },
    seed: { type: 'string', default: '7000000' },
    model: { type: 'string', default: 'starter' },
    answers: { type: 'string' },
    'dry-run': { type: 'boolean', default: false },
  },
})
const sounds = positiveInteger('sounds', values.sounds)
const seed = positiveInteger('seed', values.seed)
const voices = await hasSpeaker()
if (!voices) process.stderr.write('espeak-ng is not installed: no words are asked about\n')

const folder = values.model === 'starter' ? join(import.meta.dirname, '../..') : values.model
const weights = createHash('sha256')
  .update(await readFile(join(folder, 'model.safetensors')))
  .digest('hex')
const started = performance.now()
const model = await openExaminee(values.model)
const answers = await examineSounds(model, { sounds, seed, voices, concurrency: 4 }).finally(() =>
  model.close(),
)
const facts: Circumstances = {
  date: new Date().toISOString().slice(0, 10),
  command: `npm run starter:eval:sounds -- --sounds ${sounds} --seed ${seed}`,
  weights,
  sounds,
  seed,
  questions: answers.length,
  seconds: (performance.now() - started) / 1000,
  machine: `${cpus().length} cores of ${cpus()[0]?.model.trim() ?? 'an unknown CPU'}`,
  voices,
}
const figures = figuresOf(answers)
const markdown = markdownReport(figures, facts)
console.log(markdown)
if (values.answers !== undefined) {
  await writeFile(values.answers, answers.map((answer) => `${JSON.stringify(answer)}\n`).join(''))
}
if (!values['dry-run'] && voices) {
  const results = `${JSON.stringify({ ...facts, ...figures }, null, 2)}\n`
  await writeFile(new URL('./results.json', import.meta.url), results)
  await insertReport(new URL('../../README.md', import.meta.url), markdown, 'hearing')
}

function positiveInteger(name: string, text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new Error(`--${name}: expected a positive integer, got '${text}'`)
}
