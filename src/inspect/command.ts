/** `aerie inspect`: what a checkpoint or package is, and whether it could be served. */
import { type Command, type ParsedArgs, type Terminal, UsageError } from '../cli/command.ts'

export const inspectCommand: Command = {
  name: 'inspect',
  summary: 'tell what a checkpoint or package is',
  operands: '<folder | model.gguf | adapter> [options]',
  details: [
    'Shows parts, sizes, prompt, special tokens, preprocessing and limits, and every problem found.',
    'Of an adapter (LoRA): ranks, scale, modules, and with --base whether it fits that model.',
    'Exit code 1 when there is a problem.',
  ],
  options: {
    json: { type: 'boolean', description: 'everything as one JSON object' },
    base: { type: 'string', value: '<model>', description: 'the model that an adapter is for' },
    verify: { type: 'boolean', description: 'hash the files of a package, not only their sizes' },
  },
  configKeys: [],
  examples: ['aerie inspect models/starter', 'aerie inspect ~/.aerie/models/mine --verify'],
  run: inspect,
}

async function inspect(args: ParsedArgs, terminal: Terminal): Promise<number> {
  const [folder, ...rest] = args.positionals
  if (folder === undefined || rest.length > 0)
    throw new UsageError('expected one folder or GGUF file; see `aerie inspect --help`')
  const [{ inspectModel }, { inspectionText }, { isFolder }, { isModelFile }] = await Promise.all([
    import('./inspect.ts'),
    import('./report.ts'),
    import('../import/model-source.ts'),
    import('../model-file.ts'),
  ])
  if (!(await isFolder(folder)) && !(await isModelFile(folder)))
    throw new UsageError(`${folder}: there is no such folder or file`)
  const base = args.options.get('base')
  const { isAdapterFolder } = await import('../adapters/adapter-config.ts')
  if (await isAdapterFolder(folder)) {
    const { adapterText, inspectAdapter } = await import('./adapter.ts')
    const found = await inspectAdapter(folder, base === undefined ? undefined : String(base))
    const isJson = args.options.has('json')
    terminal.stdout.write(`${isJson ? JSON.stringify(found, undefined, 2) : adapterText(found)}\n`)
    return found.problems.length === 0 ? 0 : 1
  }
  if (base !== undefined) throw new UsageError(`--base is for adapters, and ${folder} is none`)
  const found = await inspectModel(folder, { verify: args.options.has('verify') })
  const text = args.options.has('json')
    ? JSON.stringify(found, undefined, 2)
    : inspectionText(found)
  terminal.stdout.write(`${text}\n`)
  return found.problems.length === 0 ? 0 : 1
}
