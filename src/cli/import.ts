/** `aerie import`: a published checkpoint becomes a package, once. */
import { hubEnvironment, readConfig } from '../config.ts'
import { type Command, type ParsedArgs, type Terminal, UsageError } from './command.ts'
import { formatSeconds } from './progress-bar.ts'
import { quantiseOptions } from './quantise-options.ts'
import { formatBytes, transferProgress } from './transfer-progress.ts'

/** As shells report a command that SIGINT ended. */
const INTERRUPTED = 130

export const importCommand: Command = {
  name: 'import',
  summary: 'check a published checkpoint and make a package of it',
  operands: '<folder | model.gguf | owner/name[:variant]> [options]',
  details: [
    'Takes a checkpoint as it was published: a folder, a GGUF file or a repository of the hub. Every',
    'tensor, the config, the tokenizer and the chat template are checked before anything is copied.',
    'A package is never changed and has the SHA-256 of everything in aerie.json.',
    'Interrupted or killed: the same command goes on where it was. docs/import.md has the rest.',
    'Of a repository with several GGUF files name one: owner/name:Q4_K_M, or owner/name:<file>.',
    'The hub is read with HF_TOKEN, HF_ENDPOINT and HF_HUB_OFFLINE, as its other clients do.',
  ],
  options: {
    out: {
      type: 'string',
      value: 'folder',
      description: 'folder of the package; otherwise one of its own below models-dir',
    },
    quantize: {
      type: 'string',
      value: 'none',
      description: 'form of the weights: none, int8, int4 or int4-pure; measured by the checkpoint',
      default: 'none',
    },
    group: {
      type: 'string',
      value: 'n',
      description: 'weights that share a scale: 32 or 128, which is smaller and less exact',
      default: '32',
    },
    packed: {
      type: 'boolean',
      description:
        'weights also as the native runtime maps them; on with --quantize, --no-packed leaves it out',
    },
    rounding: {
      type: 'string',
      value: 'how',
      description:
        'nearest, or gptq (closer, slower); else gptq for int4 and int4-pure, nearest for int8',
    },
    force: {
      type: 'boolean',
      description: 'replace a package that is there; make one that lost too much in quantising',
    },
  },
  configKeys: ['modelsDir', 'revision', 'offline'],
  examples: [
    'aerie import checkpoints/VILA1.5-3b',
    'aerie import Qwen/Qwen3-0.6B --revision main',
    'aerie import Qwen/Qwen3-0.6B --quantize int4',
    'aerie import Qwen/Qwen3-0.6B-GGUF:Q8_0',
  ],
  run: runImport,
}

async function runImport(args: ParsedArgs, terminal: Terminal): Promise<number> {
  const [model, ...rest] = args.positionals
  if (model === undefined || rest.length > 0)
    throw new UsageError('expected one folder, GGUF file or hub id; see `aerie import --help`')
  const quantise = quantiseOptions(args.options)
  const config = await readConfig(args.config, args.configFile)
  const hub = hubEnvironment()
  const { importModel } = await import('../import/import-model.ts')
  const interrupt = new AbortController()
  const onSignal = () => interrupt.abort()
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal)
  const progress = transferProgress(terminal.stderr)
  const start = performance.now()
  try {
    const out = args.options.get('out')
    const packed = args.options.get('packed')
    const { directory, manifest, remarks, wasThere } = await importModel(
      { model, revision: config.revision },
      {
        modelsDir: config.modelsDir,
        out: out === undefined ? undefined : String(out),
        force: args.options.has('force'),
        quantise,
        packed: packed === undefined ? undefined : packed === true,
        hub,
        offline: config.offline || hub.offline,
        signal: interrupt.signal,
        onProgress: progress.show,
      },
    )
    progress.end()
    const { quantization, packed: packedFacts } = manifest
    if (quantization) {
      const { quantizationLines } = await import('../package/describe-quantization.ts')
      for (const line of quantizationLines(quantization)) terminal.stderr.write(`aerie: ${line}\n`)
    }
    if (packedFacts?.sparse24) {
      const { packedWeightsText } = await import('../package/describe-packed.ts')
      terminal.stderr.write(
        `aerie: packed for the native runtime: ${packedWeightsText(packedFacts)}\n`,
      )
    }
    for (const remark of remarks) terminal.stderr.write(`aerie: note: ${remark}\n`)
    const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0)
    const seconds = (performance.now() - start) / 1000
    terminal.stderr.write(
      wasThere
        ? 'aerie: it was there already\n'
        : `aerie: ${manifest.name} (${manifest.family}): ${formatBytes(bytes)} in ${formatSeconds(seconds)}\n`,
    )
    // The folder alone on standard output, for scripts.
    terminal.stdout.write(`${directory}\n`)
    return 0
  } catch (error) {
    progress.end()
    if (!interrupt.signal.aborted || error !== interrupt.signal.reason) throw error
    terminal.stderr.write('aerie: interrupted; the same command goes on where it was\n')
    return INTERRUPTED
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
  }
}
