/** Every command of docs/video.md up to the part on captions, run in order as it stands there, against a server on another port. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import type { RunningServer } from '../../src/main.ts'
import { startTestServer } from '../support/server.ts'
import { NO_FFMPEG } from '../support/shape-clip.ts'

const run = promisify(execFile)
const ROOT = resolve(import.meta.dirname, '../..')

interface Block {
  readonly language: string
  readonly text: string
}

const page = await readFile(join(ROOT, 'docs/video.md'), 'utf8')
const blocks = [...page.split(/^## Captions?\b/m)[0]!.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(
  ([, language, text]): Block => ({ language: language!, text: text! }),
)

/** Everything that was expected is there, and more may be. */
function assertHolds(actual: unknown, expected: unknown, where: string): void {
  if (typeof expected !== 'object' || expected === null) {
    assert.deepEqual(actual, expected, where)
    return
  }
  if (Array.isArray(expected))
    assert.equal((actual as unknown[]).length, expected.length, `${where}: length`)
  for (const [key, value] of Object.entries(expected))
    assertHolds((actual as Record<string, unknown>)?.[key], value, `${where}.${key}`)
}

describe('docs/video.md', { skip: NO_FFMPEG }, () => {
  let folder: string
  let server: RunningServer
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'aerie-test-docs-'))
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
    server = await startTestServer()
  })
  after(async () => {
    await server.close()
    await rm(folder, { recursive: true, force: true })
  })

  async function output({ language, text }: Block): Promise<string> {
    const here = text
      .replaceAll('http://localhost:8000', server.url)
      .replaceAll('localhost:8000', server.url)
      .replaceAll('npx aerie ', `node ${join(ROOT, 'bin/aerie.js')} `)
    const options = { cwd: folder, maxBuffer: 2 ** 24 }
    if (language === 'sh') return (await run('bash', ['-euc', here], options)).stdout
    await writeFile(join(folder, 'block.mjs'), here)
    return (await run(process.execPath, ['block.mjs'], options)).stdout
  }

  it('has commands, each with what it prints', () => {
    const commands = blocks.filter(({ language }) => language === 'sh' || language === 'js')
    assert.ok(commands.length >= 5)
    assert.equal(blocks.length, 2 * commands.length)
  })

  for (const [i, block] of blocks.entries()) {
    if (block.language !== 'sh' && block.language !== 'js') continue
    const expected = blocks[i + 1]!
    it(`prints what it says: ${block.text.split('\n').at(-2)!.slice(0, 60)}`, async () => {
      const printed = await output(block)
      if (expected.language === 'json')
        assertHolds(JSON.parse(printed), JSON.parse(expected.text), 'answer')
      else assert.equal(printed, expected.text)
    })
  }
})
