/** Keeps the house in order: who may import whom, who reads the environment, how long a file may be. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { basename, dirname, join, posix, resolve } from 'node:path'
import { describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'

const ROOT = resolve(import.meta.dirname, '..')

/**
 * Which rooms a room may import from; types count as imports. A room is a folder, or a file of `src/`.
 * `main` and the programs in `bin/` may import anything and are not listed.
 */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  'free-memory': [],
  nearest: [],
  'model-file': [],
  'machine-clock': [],
  'tracing-environment': ['errors'],
  'gguf-name': [],
  'process-alive': [],
  'lock-file': ['process-alive'],
  unchanged: [],
  'write-all': [],
  json: [],
  'model-folder': ['errors'],
  cpu: [],
  config: [
    'config-models',
    'config-schema',
    'config-value',
    'cpu',
    'errors',
    'nearest',
    'tracing-environment',
  ],
  'config-schema': [
    'config-key',
    'config-adapter-keys',
    'config-batch-keys',
    'config-file-keys',
    'config-grammar-keys',
    'config-model-keys',
    'config-response-keys',
    'config-sound-keys',
    'config-tracing-keys',
  ],
  'config-models': ['config-schema', 'config-value', 'errors', 'nearest'],
  'config-model-keys': ['config-key'],
  'config-key': [],
  'config-adapter-keys': ['config-key'],
  'config-batch-keys': ['config-key'],
  'config-file-keys': ['config-key'],
  'config-grammar-keys': ['config-key'],
  'config-response-keys': ['config-key'],
  'config-sound-keys': ['config-key'],
  'config-tracing-keys': ['config-key'],
  'config-value': ['config-schema'],
  models: ['errors', 'model-folder', 'weights'],
  adapters: ['errors', 'model-folder', 'models', 'weights'],
  weights: ['errors', 'gguf-name', 'models', 'model-file', 'model-folder', 'task-thread'],
  'task-thread': ['errors'],
  // kernels: the types of the addon.
  'engine/backends': [
    'adapters',
    'engine',
    'weights',
    'models',
    'kernels',
    'errors',
    'free-memory',
    'process-alive',
    'write-all',
  ],
  engine: [
    'adapters',
    'engine/backends',
    'grammar',
    'models',
    'errors',
    'free-memory',
    'machine-clock',
  ],
  // The type of a constraint.
  grammar: ['engine', 'errors'],
  // A GGUF file holds the vocabulary beside the weights.
  tokenizer: ['errors', 'grammar', 'model-file', 'model-folder', 'weights'],
  media: ['models', 'errors', 'machine-clock', 'process-alive', 'tracing', 'write-all'],
  // The host of worker threads.
  files: ['engine', 'errors', 'write-all'],
  // Metered stations call it; what replicas share lies in the database of files.
  limits: ['engine', 'errors', 'files', 'media', 'nearest'],
  // Where work is done; the SDK behind it is loaded when it is on.
  tracing: ['engine', 'errors', 'machine-clock'],
  telemetry: [
    'batches',
    'errors',
    'engine',
    'files',
    'limits',
    'media',
    'responses',
    'serving',
    'speech',
    'tracing',
  ],
  // A database in a thread, for whoever keeps records: the host of worker threads, and what the disk says.
  records: ['engine', 'errors', 'files', 'process-alive'],
  batches: ['engine', 'errors', 'files', 'json', 'records'],
  responses: ['engine', 'errors', 'files', 'records'],
  http: [
    'adapters',
    'batches',
    'telemetry',
    'capabilities',
    'chat',
    'embeddings',
    'engine',
    'errors',
    'files',
    'free-memory',
    'json',
    'limits',
    'nearest',
    'serving',
    'responses',
    'speech',
    'tracing',
  ],
  // Runs in browsers: types of the contract alone.
  page: ['http'],
  chat: [
    'adapters',
    'files',
    'limits',
    'tracing',
    'picture-window',
    'capabilities',
    'deadline',
    'engine',
    'media',
    'tokenizer',
    'models',
    'errors',
    'gguf-name',
    'model-file',
    'model-folder',
    'unchanged',
  ],
  'picture-window': [],
  deadline: ['errors'],
  'start-all': [],
  'locate-configured': ['config', 'hub', 'import', 'telemetry'],
  'part-options': [
    'adapters',
    'batches',
    'config',
    'capabilities',
    'engine',
    'files',
    'media',
    'models',
    'records',
    'responses',
  ],
  'model-facts': ['capabilities', 'chat', 'engine', 'import', 'model-file', 'weights'],
  embeddings: [
    'picture-window',
    'capabilities',
    'deadline',
    'engine',
    'media',
    'models',
    'tokenizer',
    'limits',
    'tracing',
    'errors',
  ],
  speech: [
    'capabilities',
    'deadline',
    'limits',
    'machine-clock',
    'tracing',
    'engine',
    'engine/backends',
    'media',
    'models',
    'tokenizer',
    'errors',
  ],
  // Parts of main: who may come in, and what tells where time goes.
  'open-access': ['config', 'http', 'limits', 'telemetry'],
  'open-tracing': ['config', 'telemetry', 'tracing', 'tracing-environment'],
  // Opens and closes models of every kind, and hands requests to the rooms that they are for.
  serving: [
    'adapters',
    'capabilities',
    'chat',
    'config',
    'config-models',
    'deadline',
    'embeddings',
    'engine',
    'engine/backends',
    'errors',
    'locate-configured',
    'media',
    'model-facts',
    'model-file',
    'models',
    'nearest',
    'part-options',
    'speech',
    'start-all',
    'telemetry',
    'tokenizer',
    'weights',
  ],
  // What a model can do and is: shown by the edge, put together by main.
  capabilities: ['adapters', 'engine', 'package', 'models', 'errors'],
  package: ['errors', 'gguf-name', 'model-folder'],
  // Measures with the very prompts and pictures that the server would make; rounds by what layers read in a text.
  quantise: [
    'chat',
    'engine',
    'engine/backends',
    'media',
    'models',
    'tokenizer',
    'package',
    'task-thread',
    'weights',
    'errors',
    'model-folder',
    'write-all',
  ],
  hub: ['errors', 'write-all'],
  import: [
    'hub',
    'package',
    'quantise',
    'chat',
    'engine/backends',
    'tokenizer',
    'weights',
    'models',
    'errors',
    'gguf-name',
    'model-file',
    'model-folder',
    'free-memory',
    'lock-file',
    'unchanged',
    'write-all',
  ],
  inspect: [
    'adapters',
    'cli',
    'capabilities',
    'import',
    'package',
    'models',
    'errors',
    'model-file',
  ],
  cli: [
    'main',
    'capabilities',
    'package',
    'quantise',
    'config',
    'config-schema',
    'config-value',
    'chat',
    'telemetry',
    'import',
    'inspect',
    'doctor',
    'bench',
    'caption',
    'parity',
    'errors',
    'nearest',
  ],
  // By itself it asks a server that it starts in its own process.
  caption: [
    'cli',
    'config',
    'main',
    'media',
    'telemetry',
    'lock-file',
    'write-all',
    'errors',
    'json',
  ],
  // Runs the native runtime where the backend finds it.
  doctor: [
    'batches',
    'cli',
    'config',
    'cpu',
    'bin',
    'files',
    'part-options',
    'models',
    'serving',
    'engine',
    'engine/backends',
  ],
  // The towers' benchmarks run graphs without a model around them and an encoder without a server,
  // the engines' a decoder on the backend that is configured, from a checkpoint that is taken apart as an import does.
  bench: [
    'cli',
    'config',
    'cpu',
    'engine',
    'engine/backends',
    'import',
    'media',
    'models',
    'quantise',
    'tokenizer',
    'weights',
    'write-all',
  ],
  // Conversations of cases are written as a request's are.
  parity: [
    'capabilities',
    'chat',
    'cli',
    'engine',
    'engine/backends',
    'media',
    'models',
    'quantise',
    'tokenizer',
    'weights',
    'errors',
    'model-folder',
  ],
}

/** Arrows that hold for types alone, with the reason. */
const TYPES_ONLY: readonly (readonly [from: string, to: string, reason: string])[] = [
  ['part-options', 'batches', 'options of what main starts'],
  ['part-options', 'engine', 'options of what main starts'],
  ['part-options', 'files', 'options of what main starts'],
  ['part-options', 'media', 'options of what main starts'],
  ['part-options', 'models', 'limits of what is served'],
  ['part-options', 'responses', 'options of what main starts'],
  ['cli', 'chat', 'ask speaks to the same interface as the edge'],
  ['http', 'engine', 'sampling parameters pass through'],
  ['telemetry', 'engine', 'metrics show its snapshot'],
  ['telemetry', 'media', 'metrics show its snapshot'],
  ['telemetry', 'files', 'metrics show its snapshot'],
  ['telemetry', 'limits', 'metrics show its snapshot'],
  ['telemetry', 'tracing', 'metrics show its snapshot'],
  ['tracing', 'engine', 'spans are made of what it says'],
  ['limits', 'media', 'a meter at the door of the room that main opens'],
  ['limits', 'engine', 'what it has read and written is counted'],
  ['telemetry', 'speech', 'metrics show its snapshot'],
  ['http', 'speech', 'routes ask a room that main opens'],
  ['http', 'serving', 'routes show models that main opens'],
  ['telemetry', 'serving', 'metrics show its snapshot'],
  ['chat', 'files', 'requests name files of a store that main opens'],
  ['telemetry', 'batches', 'metrics show its snapshot'],
  ['page', 'http', 'what it asks and is answered'],
  ['http', 'batches', 'routes serve what main opens, and dispatch what it asks'],
  ['http', 'files', 'routes serve a store that main opens'],
  ['http', 'responses', 'routes serve a store that main opens'],
  ['telemetry', 'responses', 'metrics show its snapshot'],
]

const MOST_LINES = 400

/** What browsers load: no room of the server, and as short as the rest. */
const pageFiles = globSync('src/page/**/*.{js,css,html}', { cwd: ROOT })

/** Written by a generator, not by hand. */
const GENERATED = new Set(['src/http/openapi.d.ts'])

const files = globSync(['src/**/*.ts', 'models/**/*.ts'], {
  cwd: ROOT,
  exclude: ['models/starter/**'],
}).map((file) => file.replaceAll('\\', '/'))
const sources = new Map(files.map((file) => [file, readFileSync(join(ROOT, file), 'utf8')]))

function roomOf(file: string): string {
  if (file.startsWith('models/')) return 'models'
  if (file.startsWith('bin/')) return 'bin'
  if (file.startsWith('kernels/')) return 'kernels'
  const path = file.slice('src/'.length)
  if (path.startsWith('engine/backends/')) return 'engine/backends'
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : basename(path, '.ts')
}

interface Import {
  readonly file: string
  readonly target: string
  readonly isType: boolean
}

const imports: readonly Import[] = [...sources].flatMap(([file, text]) =>
  [
    ...text.matchAll(
      /^(?:import|export)\s(type\s)?[^'"]*?from '(\.[^']+)'|\bimport\('(\.[^']+)'\)/gm,
    ),
  ].map(([statement, type, fixed, dynamic]) => ({
    file,
    target: posix.join(posix.dirname(file), (fixed ?? dynamic)!),
    isType: type !== undefined || isAllTypes(statement),
  })),
)

/** `import { type A, type B } from …` */
function isAllTypes(statement: string): boolean {
  const names = /\{([^}]*)\}/.exec(statement)?.[1]?.split(',') ?? []
  const given = names.map((name) => name.trim()).filter((name) => name !== '')
  return given.length > 0 && given.every((name) => name.startsWith('type '))
}

describe('the house', () => {
  it('has a line in the table for every room', () => {
    const rooms = new Set(files.map(roomOf))
    rooms.delete('main')
    assert.deepEqual(
      [...rooms].filter((room) => ARROWS[room] === undefined),
      [],
    )
  })

  it('imports only along the arrows', () => {
    const wrong = imports.filter(({ file, target }) => {
      const [from, to] = [roomOf(file), roomOf(target)]
      return from !== to && from !== 'main' && !ARROWS[from]?.includes(to)
    })
    assert.deepEqual(
      wrong.map(({ file, target }) => `${file} imports ${target}`),
      [],
    )
  })

  it('imports only types where the arrow is for types', () => {
    const wrong = imports.filter(({ file, target, isType }) =>
      TYPES_ONLY.some(([from, to]) => !isType && roomOf(file) === from && roomOf(target) === to),
    )
    assert.deepEqual(
      wrong.map(({ file, target }) => `${file} imports values of ${target}`),
      [],
    )
  })

  it('finds imports at all', () => {
    assert.ok(imports.length > 50)
    assert.ok(imports.some(({ isType }) => isType) && imports.some(({ isType }) => !isType))
  })

  it('reads the environment in config.ts and nowhere else', () => {
    const readers = [...sources]
      .filter(([, text]) => /\bprocess\.env\b/.test(text))
      .map(([file]) => file)
    assert.deepEqual(readers, ['src/config.ts'])
  })

  it(`has no file of more than ${MOST_LINES} lines`, () => {
    const all = [
      ...sources,
      ...pageFiles.map((file) => [file, readFileSync(join(ROOT, file), 'utf8')]),
    ]
    const long = all.filter(
      ([file, text]) => !GENERATED.has(file!) && text!.split('\n').length - 1 > MOST_LINES,
    )
    assert.deepEqual(
      long.map(([file]) => file),
      [],
    )
  })

  it('has no room without a noun', () => {
    const vague = files.filter((file) =>
      /(^|\/)(utils?|helpers?|common|misc|shared)(\/|\.ts$)/.test(file),
    )
    assert.deepEqual(vague, [])
  })

  it('can be imported, module by module', async () => {
    for (const file of files) {
      if (!file.endsWith('.d.ts') && !isProgram(file))
        await import(pathToFileURL(join(ROOT, file)).href)
    }
  })
})

/** Started as a worker or process by someone who names it in `new URL('x.ts', import.meta.url)`, or by hand. */
function isProgram(file: string): boolean {
  const isStarted = [...sources].some(([starter, text]) =>
    [...text.matchAll(/new URL\('([^']+\.ts)', import\.meta\.url\)/g)].some(
      ([, target]) => posix.join(dirname(starter), target!) === file,
    ),
  )
  return isStarted || /^#!|^\/\*\* A program of its own/.test(sources.get(file) ?? '')
}
