/** Keeps the house in order: who may import whom, who reads the environment, how long a file may be. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { basename, dirname, join, posix, resolve } from 'node:path'
import { describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { ARROWS, TYPES_ONLY } from './support/import-arrows.ts'

const ROOT = resolve(import.meta.dirname, '..')

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
