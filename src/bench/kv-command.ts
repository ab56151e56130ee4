/** `aerie bench kv`: what keys and values in fewer bits cost a model and what they save. */
import { type Command, integerOption, type ParsedArgs, type Terminal } from '../cli/command.ts'
import { DECODER_OPTIONS, decoderToMeasure, writeRows } from './decoder-command.ts'
import type { KvTypeRow } from './kv-types.ts'

export const kvBenchCommand: Command = {
  name: 'bench kv',
  summary: 'keys and values as f32, f16 and int8: logits, memory, time of a step',
  operands: '[model] [options]',
  details: [
    'Reads a text with the native runtime, once for each type of keys and values, and compares the logits',
    'of every position with those of f32; then times steps of one sequence, in turns. The model is a',
    'folder or a GGUF file, by default the starter.',
  ],
  options: {
    positions: { type: 'string', value: 'n', description: 'read of the text', default: '384' },
    context: {
      type: 'string',
      value: 'n',
      description: 'positions in the cache while steps are timed',
      default: '1024',
    },
    rounds: { type: 'string', value: 'n', description: 'turns of 16 steps', default: '6' },
    threads: { type: 'string', value: 'n', description: 'threads', default: '1' },
    ...DECODER_OPTIONS,
  },
  configKeys: [],
  examples: ['aerie bench kv', 'aerie bench kv model.gguf --context 4096'],
  run: benchKv,
}

async function benchKv(args: ParsedArgs, terminal: Terminal): Promise<number> {
  const { name, ...decoder } = decoderToMeasure(args)
  const option = (name: string, least: number) => integerOption(args, kvBenchCommand, name, least)!
  const { measureKvTypes } = await import('./kv-types.ts')
  const rows = await measureKvTypes({
    ...decoder,
    threads: option('threads', 1),
    positions: option('positions', 2),
    context: option('context', 1),
    rounds: option('rounds', 1),
  })
  await writeRows(terminal, args, { model: name, rows, heads: HEADS, cells })
  return 0
}

const HEADS = [
  'type',
  'bytes/position',
  'logits, worst',
  'KL mean',
  'KL largest',
  'same likeliest',
  'perplexity',
  'step ms',
]

function cells(row: KvTypeRow): string[] {
  return [
    row.type,
    String(row.bytesPerPosition),
    row.relativeError.toExponential(1),
    row.divergenceMean.toExponential(1),
    row.divergenceLargest.toExponential(1),
    `${(100 * row.likeliestEqual).toFixed(1)} %`,
    row.perplexity.toFixed(3),
    row.decodeMs.toFixed(2),
  ]
}
