/** `aerie bench tower`: our lowering of a vision tower beside the graph that PyTorch's exporter makes of it. */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import {
  type Command,
  CommandFailure,
  integerOption,
  type ParsedArgs,
  type Terminal,
  UsageError,
} from '../cli/command.ts'
import { formatBytes } from '../cli/transfer-progress.ts'
import type { MeasuredProcess } from './measured-process.ts'
import type { MeasuredRun } from './measured-program.ts'
import { median } from './median.ts'
import { runOptions } from './options.ts'
import { alignedTable } from './table.ts'
import type { TowerForm, TowerShape } from './tower-forms.ts'

const EXPORT = fileURLToPath(new URL('../../bench/peers/tower/export.py', import.meta.url))
/** Of the largest feature: what float32 graphs of the same weights may differ by. */
const TOLERANCE = 1e-4
/** What `aerie import` asks of a quantised tower. */
const LEAST_COSINE = 0.999

export const towerBenchCommand: Command = {
  name: 'bench tower',
  summary: "measure a vision tower beside PyTorch's own export of it",
  operands: '[options]',
  details: [
    'Has PyTorch export SigLIP-so400m (384 pixels, patches of 14, random weights) to ONNX in float32,',
    'and runs that in ONNX Runtime, and this server’s graph of the same weights in ONNX Runtime and in',
    'the native runtime, as they are and in int8, in turns, each in a process of its own. Needs a',
    'Python with what bench/peers/tower/requirements.txt lists. Exit code 1 when the features differ.',
  ],
  options: {
    ...runOptions({ pictures: '1', rounds: '5' }),
    layers: { type: 'string', value: 'n', description: 'of the tower', default: '27' },
    python: { type: 'string', value: 'path', description: 'a Python', default: 'python3' },
    exported: {
      type: 'string',
      value: 'folder',
      description: 'keep what PyTorch exports there, or take what it has exported before',
    },
    json: { type: 'boolean', description: 'the numbers as JSON' },
  },
  configKeys: [],
  examples: [
    'aerie bench tower --python venv/bin/python --exported /tmp/so400m',
    'aerie bench tower --pictures 2',
  ],
  run: benchTower,
}

interface FormReport {
  readonly form: TowerForm
  readonly loadSeconds: number
  readonly seconds: readonly number[]
  readonly medianSeconds: number
  readonly peakBytes: number
  /** Largest difference to the first form's features, by their largest magnitude. */
  readonly difference: number
  /** Between its features of a patch and the first form's, mean of all patches. */
  readonly cosine: number
}

interface Report {
  readonly tower: TowerShape
  readonly threads: number
  readonly forms: readonly FormReport[]
}

async function benchTower(args: ParsedArgs, terminal: Terminal): Promise<number> {
  if (args.positionals.length > 0) throw new UsageError(`unexpected '${args.positionals[0]}'`)
  const number = (name: string) => integerOption(args, towerBenchCommand, name)!
  const exported = args.options.get('exported')
  const scratch = await mkdtemp(join(tmpdir(), 'aerie-bench-'))
  const folder = typeof exported === 'string' ? exported : scratch
  const say = (line: string) => terminal.stderr.write(`${line}\n`)
  try {
    await exportTower(folder, {
      python: String(args.options.get('python') ?? 'python3'),
      pictures: number('pictures'),
      layers: number('layers'),
      say,
    })
    const report = await measure(folder, number('rounds'), number('threads'), say)
    const text = args.options.has('json') ? JSON.stringify(report, undefined, 2) : asText(report)
    terminal.stdout.write(`${text}\n`)
    return report.forms.every(agrees) ? 0 : 1
  } finally {
    await rm(scratch, { recursive: true })
  }
}

/** A NaN does not. */
function agrees({ form, difference, cosine }: FormReport): boolean {
  return form.endsWith('-int8') ? cosine >= LEAST_COSINE : difference <= TOLERANCE
}

interface ExportOptions {
  readonly python: string
  readonly pictures: number
  readonly layers: number
  readonly say: (line: string) => void
}

/** Leaves a folder alone that holds the same already. */
async function exportTower(
  folder: string,
  { python, pictures, layers, say }: ExportOptions,
): Promise<void> {
  const wanted = { pictures, num_hidden_layers: layers }
  const marker = join(folder, 'exported.json')
  const found = await readFile(marker, 'utf8').catch(() => undefined)
  if (found === JSON.stringify(wanted)) return
  say('PyTorch exports the tower …')
  await mkdir(folder, { recursive: true })
  try {
    const sizes = [`num_hidden_layers=${layers}`]
    await promisify(execFile)(python, [EXPORT, folder, String(pictures), ...sizes], {
      maxBuffer: 1 << 26,
    })
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string }
    const reason = (stderr || message).trim().split('\n').at(-1)
    throw new CommandFailure(`${python} could not export the tower: ${reason}`)
  }
  await writeFile(marker, JSON.stringify(wanted))
}

async function measure(
  folder: string,
  rounds: number,
  threads: number,
  say: (line: string) => void,
): Promise<Report> {
  const [
    { isNative, noisePixels, TOWER_FORMS, towerShape },
    { startMeasured },
    { quantiseTower },
    { findNativeAddon },
  ] = await Promise.all([
    import('./tower-forms.ts'),
    import('./measured-process.ts'),
    import('./quantised-tower.ts'),
    import('../engine/backends/native-addon.ts'),
  ])
  const native = findNativeAddon()
  if ('reason' in native) say(`without the native runtime: ${native.reason}`)
  say('quantising …')
  await quantiseTower(folder)
  const tower = towerShape(folder)
  const pixels = noisePixels(tower.pictures * 3 * tower.imageSize ** 2)
  await writeFile(join(folder, 'pixels'), new Uint8Array(pixels.buffer))
  await using started = new AsyncDisposableStack()
  const forms: { form: TowerForm; process: MeasuredProcess; runs: MeasuredRun[] }[] = []
  for (const form of TOWER_FORMS) {
    if (isNative(form) && 'reason' in native) continue
    say(`loading ${form} …`)
    const job = { form, folder, pixels: 'pixels', pictures: tower.pictures, threads }
    const process = started.use(await startMeasured('tower-program.ts', job, form))
    // The first run of each is for the features alone.
    await process.run()
    forms.push({ form, process, runs: [] })
  }
  for (let round = 0; round < rounds; round++) {
    say(`round ${round + 1} of ${rounds} …`)
    for (const { process, runs } of forms) runs.push(await process.run())
  }
  const reference = await readFeatures(folder, TOWER_FORMS[0])
  const reports: FormReport[] = []
  for (const { form, process, runs } of forms) {
    const seconds = runs.map((run) => run.seconds)
    const features = await readFeatures(folder, form)
    reports.push({
      form,
      loadSeconds: process.loadSeconds,
      seconds,
      medianSeconds: median(seconds),
      peakBytes: Math.max(...runs.map(({ peakBytes }) => peakBytes)),
      difference: relativeDifference(features, reference),
      cosine: meanCosine(features, reference, tower.hiddenSize),
    })
  }
  return { tower, threads, forms: reports }
}

async function readFeatures(folder: string, form: TowerForm): Promise<Float32Array> {
  const { buffer, byteOffset, byteLength } = await readFile(join(folder, `${form}.features`))
  return new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength))
}

/** NaN when one of them holds NaN, or when they are not of the same length. */
function relativeDifference(values: Float32Array, reference: Float32Array): number {
  if (values.length !== reference.length) return Number.NaN
  let [largest, difference] = [0, 0]
  for (const [i, value] of reference.entries()) {
    largest = Math.max(largest, Math.abs(value))
    difference = Math.max(difference, Math.abs(values[i]! - value))
  }
  return difference / largest
}

/** Of rows of that width. */
function meanCosine(values: Float32Array, reference: Float32Array, width: number): number {
  let sum = 0
  for (let start = 0; start < reference.length; start += width) {
    let [product, own, other] = [0, 0, 0]
    for (let i = start; i < start + width; i++) {
      product += values[i]! * reference[i]!
      own += values[i]! ** 2
      other += reference[i]! ** 2
    }
    sum += product / Math.sqrt(own * other)
  }
  return (sum * width) / reference.length
}

function asText({ tower, threads, forms }: Report): string {
  const { pictures, imageSize, layers, hiddenSize } = tower
  const reference = forms[0]!
  const rows = forms.map((form) => [
    form.form,
    form.loadSeconds.toFixed(1),
    ...[Math.min(...form.seconds), form.medianSeconds].map((s) => (s * 1000).toFixed(0)),
    formatBytes(form.peakBytes),
    form === reference ? '' : `${(reference.medianSeconds / form.medianSeconds).toFixed(2)} ×`,
    form === reference ? '' : form.difference.toExponential(1),
    form === reference ? '' : form.cosine.toFixed(5),
  ])
  return [
    `SigLIP, ${layers} layers of ${hiddenSize}, ${pictures} × ${imageSize} × ${imageSize} pixels, ${threads} threads, medians of ${reference.seconds.length}`,
    alignedTable([
      ['', 'load s', 'best ms', 'median ms', 'peak memory', 'speed', 'difference', 'cosine'],
      ...rows,
    ]),
  ].join('\n')
}
