/**
 * Rebuilds the accuracy table of the starter on held-out pictures that are drawn here:
 *
 *     npm run starter:eval -- [--pictures 1500] [--seed 7000000] [--model starter] [--dry-run]
 *
 * Writes eval/results.json and the table in models/starter/README.md; --dry-run only prints the table.
 * --answers <file> also writes every question with what was said, one JSON object a line.
 */
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import sharp from 'sharp'
import { examine } from './exam.ts'
import { openExaminee } from './examinee.ts'
import { type Circumstances, insertReport, markdownReport } from './report.ts'
import { tally } from './tally.ts'

const { values } = parseArgs({
  options: {
    pictures: { type: 'string', default: '1500' },
    seed: { type: 'string', default: '7000000' },
    model: { type: 'string', default: 'starter' },
    answers: { type: 'string' },
    'dry-run': { type: 'boolean', default: false },
  },
})
const pictures = positiveInteger('pictures', values.pictures)
const seed = positiveInteger('seed', values.seed)

sharp.concurrency(1) // several pictures are drawn at once instead
const folder = values.model === 'starter' ? join(import.meta.dirname, '..') : values.model
const weights = createHash('sha256')
  .update(await readFile(join(folder, 'model.safetensors')))
  .digest('hex')
const started = performance.now()
const model = await openExaminee(values.model)
const answers = await examine(model, {
  pictures,
  seed,
  concurrency: 4,
  onPicture: (done) => {
    if (done % 50 === 0 || done === pictures)
      process.stderr.write(`\r${done} of ${pictures} pictures`)
  },
}).finally(() => model.close())
process.stderr.write('\n')

const facts: Circumstances = {
  date: new Date().toISOString().slice(0, 10),
  command: `npm run starter:eval -- --pictures ${pictures} --seed ${seed}`,
  model: model.id,
  weights,
  pictures,
  seed,
  questions: answers.length,
  seconds: (performance.now() - started) / 1000,
  machine: `${cpus().length} cores of ${cpus()[0]?.model.trim() ?? 'an unknown CPU'}`,
}
const figures = tally(answers)
const markdown = markdownReport(figures, facts)
console.log(markdown)
if (values.answers !== undefined) {
  await writeFile(values.answers, answers.map((answer) => `${JSON.stringify(answer)}\n`).join(''))
}
if (!values['dry-run']) {
  const results = { ...facts, ...figures }
  await writeFile(
    new URL('./results.json', import.meta.url),
    `${JSON.stringify(results, null, 2)}\n`,
  )
  await insertReport(new URL('../README.md', import.meta.url), markdown)
}

function positiveInteger(name: string, text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new Error(`--${name}: expected a positive integer, got '${text}'`)
}
