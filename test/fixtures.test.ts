/** `test/fixtures`: small, described, and in what it holds the same as the cases that it was taken from. */
import assert from 'node:assert/strict'
import { existsSync, globSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, it } from 'node:test'
import type { KeptRows } from '../src/parity/reference-case.ts'
import { keepRows, LARGEST_BYTES } from './support/cut-case.ts'
import { FIXTURES, wholeCase } from './support/recorded-cases.ts'
import { safetensorsBytes } from './support/safetensors-file.ts'

const MOST_BYTES = 18_000_000
/** The cases that are taken whole from elsewhere; others are made here. */
const MADE_HERE = ['starter', 'starter-hearing', 'eagle2/grid_rule', 'decoders/phi3-longrope']
const CASES = globSync('**/expected.json', { cwd: FIXTURES }).map(dirname).sort()
const TAKEN = CASES.filter((place) => !MADE_HERE.includes(place))

describe('test/fixtures', () => {
  it('has at most 18 MB in all its files', () => {
    const bytes = bytesBelow(FIXTURES)
    assert.ok(bytes <= MOST_BYTES, `${bytes} bytes`)
  })

  it('says of every case and every other folder what it is', () => {
    const readme = readFileSync(join(FIXTURES, 'README.md'), 'utf8')
    const rows = [...readme.matchAll(/^\| `([^`]+)` \|/gm)].map(([, place]) => place!)
    for (const place of CASES) assert.ok(rows.includes(place), `${place} has no row`)
    for (const place of rows)
      assert.ok(existsSync(join(FIXTURES, place)), `${place} of README.md is not there`)
    const described = (folder: string) =>
      rows.some((row) => row === folder || row.startsWith(`${folder}/`))
    for (const folder of readdirSync(FIXTURES))
      assert.ok(folder === 'README.md' || described(folder), `${folder} has no row`)
  })

  it('keeps the size of each case that README.md states', () => {
    const readme = readFileSync(join(FIXTURES, 'README.md'), 'utf8')
    for (const [, place, stated] of readme.matchAll(/^\| `([^`]+)` \| (\d+) kB \|/gm)) {
      const bytes = bytesBelow(join(FIXTURES, place!))
      assert.equal(Math.round(bytes / 1000), Number(stated), place!)
    }
  })
})

describe('a case of test/fixtures', () => {
  for (const place of CASES) {
    it(`says of every tensor that was cut which rows it keeps, at least two: ${place}`, () => {
      const folder = join(FIXTURES, place)
      const tensors = tensorsOf(folder)
      for (const [name, { every, of }] of Object.entries(cutOf(folder))) {
        const { shape } = tensors.get(name)!
        assert.equal(shape.at(-2), Math.ceil(of / every), name)
        assert.ok(shape.at(-2)! >= 2, name)
      }
    })
  }

  for (const place of TAKEN) {
    const { folder: source, skip } = wholeCase(place)
    it(`is what was published, byte for byte where it was not cut: ${place}`, { skip }, () => {
      const folder = join(FIXTURES, place)
      for (const file of globSync('{checkpoint,inputs}/**/*.*', { cwd: folder })) {
        if (statSync(join(folder, file)).isDirectory()) continue
        const [ours, theirs] = [folder, source].map((root) => readFileSync(join(root, file)))
        assert.ok(ours!.equals(theirs!), file)
      }
      const [own, published] = [tensorsOf(folder), tensorsOf(source)]
      const cut = cutOf(folder)
      for (const [name, { bytes }] of own) {
        const whole = published.get(name)!
        const kept = cut[name]
        const expected = kept ? keepRows(whole.bytes, whole.shape, kept) : whole.bytes
        assert.ok(Buffer.from(bytes).equals(expected), `${name} of ${relative(FIXTURES, folder)}`)
        if (kept) assert.ok(whole.bytes.length > LARGEST_BYTES, name)
      }
    })
  }
})

/** Of a file, or of all files below a folder. */
function bytesBelow(path: string): number {
  const stat = statSync(path)
  if (!stat.isDirectory()) return stat.size
  return readdirSync(path).reduce((sum, name) => sum + bytesBelow(join(path, name)), 0)
}

function cutOf(folder: string): Record<string, KeptRows> {
  return JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')).cut ?? {}
}

function tensorsOf(folder: string) {
  const file = join(folder, 'expected.safetensors')
  return existsSync(file) ? safetensorsBytes(file) : new Map<string, never>()
}
