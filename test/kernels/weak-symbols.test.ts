/** Objects that are compiled for an instruction set share no code with those that run everywhere. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'

const ROOT = join(import.meta.dirname, '../..')
const objects = globSync(
  'kernels/cpu/{build,build-release}/CMakeFiles/aerie_runtime_*.dir/**/*.o',
  { cwd: ROOT },
)
const hasNm = spawnSync('nm', ['--version']).status === 0

describe('kernels of one instruction set', {
  skip: objects.length === 0 || !hasNm ? 'no build with its objects, or no nm' : false,
}, () => {
  it('have no weak symbols, of which the linker would keep any one', () => {
    const weak = objects.flatMap((object) => {
      const { stdout } = spawnSync('nm', ['-C', object], { cwd: ROOT, encoding: 'utf8' })
      return stdout
        .split('\n')
        .filter((line) => / [VWu] /.test(line))
        .map((line) => `${object}: ${line}`)
    })
    assert.deepEqual(weak, [])
  })
})
