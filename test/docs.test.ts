import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const pages = [
  'README.md',
  'CHANGELOG.md',
  'models/starter/README.md',
  'models/starter/train/README.md',
  'models/starter/eval/README.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
]

/** A file or folder of this repository, written in backticks. */
const PATH = /`((?:src|models|test|docs|kernels|bin)\/[\w./-]*)`/g
const LINK = /\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)/g

/** Places that the architecture names for work to come. */
const TO_COME = new Set(['src/jobs/', 'src/medical/'])

for (const page of pages) {
  describe(page, () => {
    const text = readFileSync(join(root, page), 'utf8')

    it('names files that exist', () => {
      const missing = [...text.matchAll(PATH)]
        .map((match) => match[1]!)
        .filter((path) => !TO_COME.has(path) && !existsSync(join(root, path)))
      assert.deepEqual(missing, [])
    })

    it('links to pages that exist', () => {
      const missing = [...text.matchAll(LINK)]
        .map((match) => match[1]!)
        .filter((path) => !existsSync(join(root, dirname(page), path)))
      assert.deepEqual(missing, [])
    })
  })
}
