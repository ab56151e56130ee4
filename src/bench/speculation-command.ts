/** `aerie bench speculation`: tokens a second with and without guessing, and that the answers are the same. */
import { type Command, integerOption, type ParsedArgs, type Terminal } from '../cli/command.ts'
import { DECODER_OPTIONS, decoderToMeasure, writeRows } from './decoder-command.ts'
import { countsOption } from './options.ts'
import type { SpeculationRow } from './speculation.ts'

export const speculationBenchCommand: Command = {
  name: 'bench speculation',
  summary: 'tokens a second with and without guessing them from what was said',
  operands: '[model] [options]',
  details: [
    'Answers prompts with the native runtime on one thread, in turns with and without speculation: one',
    'whose answer is in it already, one that goes on by itself, one that is sampled. Counts the time of',
    'the processor. The model is a folder or a GGUF file, by default the starter. Exit code 1 when an',
    'answer is not the same token for token.',
  ],
  options: {
    'max-draft': { type: 'string', value: 'n', description: 'tokens ahead', default: '16' },
    tokens: { type: 'string', value: 'n', description: 'tokens of an answer', default: '128' },
    batches: { type: 'string', value: 'n,…', description: 'answers at once', default: '1,4' },
    rounds: { type: 'string', value: 'n', description: 'turns; the best counts', default: '3' },
    ...DECODER_OPTIONS,
  },
  configKeys: [],
  examples: ['aerie bench speculation', 'aerie bench speculation model.gguf --batches 1,8'],
  run: benchSpeculation,
}

const MOST_AT_ONCE = 16

async function benchSpeculation(args: ParsedArgs, terminal: Terminal): Promise<number> {
  const { name, ...decoder } = decoderToMeasure(args)
  const option = (name: string, least: number) =>
    integerOption(args, speculationBenchCommand, name, least)!
  const { measureSpeculation } = await import('./speculation.ts')
  const rows = await measureSpeculation({
    ...decoder,
    maxDraftTokens: option('max-draft', 1),
    tokens: option('tokens', 2),
    batches: countsOption(args, speculationBenchCommand, 'batches', MOST_AT_ONCE),
    rounds: option('rounds', 1),
  })
  await writeRows(terminal, args, { model: name, rows, heads: HEADS, cells })
  return rows.every(({ isSame }) => isSame) ? 0 : 1
}

const HEADS = [
  'answer',
  'at once',
  'tokens/s without',
  'with',
  'ratio',
  'drafted a token',
  'accepted',
  'same',
]

function cells(row: SpeculationRow): string[] {
  return [
    row.text,
    String(row.batch),
    row.without.toFixed(1),
    row.withDrafts.toFixed(1),
    (row.withDrafts / row.without).toFixed(2),
    row.draftedPerToken.toFixed(2),
    `${(100 * row.accepted).toFixed(0)} %`,
    row.isSame ? 'yes' : 'NO',
  ]
}
