/** docs/software.md against the suite that runs what it shows. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { SOFTWARE, snippetOf } from './conformance/software.ts'

const page = readFileSync(join(import.meta.dirname, '../docs/software.md'), 'utf8')

test('docs/software.md shows how each program of the suite is pointed at the server', () => {
  for (const { id } of SOFTWARE) {
    const { text } = snippetOf(page, id)
    assert.match(text, /http:\/\/127\.0\.0\.1:8000/, id)
  }
  const headings = [...page.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading)
  assert.deepEqual(headings, [...SOFTWARE.map(({ id }) => id), 'Others'])
})

test('each program has a script, and each script a program', () => {
  const scripts = readdirSync(join(import.meta.dirname, 'conformance/software'))
    .filter((name) => name.endsWith('.py') && name !== 'cases.py')
    .sort()
  assert.deepEqual(SOFTWARE.map(({ script }) => script).sort(), scripts)
})
