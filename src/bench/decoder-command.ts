/** What benchmarks of one decoder on the native runtime have in common: whose it is, who reads the text, how the rows come out. */
import { fileURLToPath } from 'node:url'
import { type OptionSpec, type ParsedArgs, type Terminal, UsageError } from '../cli/command.ts'

export const DECODER_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  tokenizer: { type: 'string', value: 'model', description: 'whose tokenizer reads the text' },
  json: { type: 'boolean', description: 'the numbers as JSON' },
}

const STARTER = fileURLToPath(new URL('../../models/starter/', import.meta.url))

export interface DecoderToMeasure {
  /** As it was asked for. */
  readonly name: string
  /** Folder or GGUF file. */
  readonly model: string
  /** As `model`. */
  readonly tokenizer: string
}

/** The operand, by default the starter, and `--tokenizer`, by default the model's own. Throws UsageError. */
export function decoderToMeasure({ positionals, options }: ParsedArgs): DecoderToMeasure {
  const [name = 'starter', ...more] = positionals
  if (more.length > 0) throw new UsageError(`unexpected '${more[0]}'`)
  const model = name === 'starter' ? STARTER : name
  const tokenizer = options.get('tokenizer')
  return { name, model, tokenizer: typeof tokenizer === 'string' ? tokenizer : model }
}

/** As JSON with `--json`, else as a table under `heads`. */
export async function writeRows<Row>(
  terminal: Terminal,
  { options }: ParsedArgs,
  { model, rows, heads, cells }: Rows<Row>,
): Promise<void> {
  const [{ hardware }, { alignedTable }] = await Promise.all([
    import('./report.ts'),
    import('./table.ts'),
  ])
  const text = options.has('json')
    ? JSON.stringify({ model, hardware: hardware(), rows }, undefined, 2)
    : `${hardware()}\n${alignedTable([heads, ...rows.map(cells)])}`
  terminal.stdout.write(`${text}\n`)
}

interface Rows<Row> {
  /** As it was asked for. */
  readonly model: string
  readonly rows: readonly Row[]
  readonly heads: readonly string[]
  readonly cells: (row: Row) => string[]
}
