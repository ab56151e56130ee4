/** One way to start ffmpeg. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { it } from 'node:test'

const SRC = resolve(import.meta.dirname, '../../src')

it('one file of the server starts ffmpeg and ffprobe, behind the bounds of the system', () => {
  const starts = globSync('**/*.ts', { cwd: SRC }).filter((file) =>
    /'fluent-ffmpeg'|'bounded\.sh'/.test(readFileSync(join(SRC, file), 'utf8')),
  )
  assert.deepEqual(starts, ['media/ffmpeg/run.ts'])
  const mayStart = globSync('media/{sound,video,ffmpeg}/**/*.ts', { cwd: SRC }).filter((file) =>
    readFileSync(join(SRC, file), 'utf8').includes("'node:child_process'"),
  )
  assert.deepEqual(mayStart, ['media/ffmpeg/run.ts'])
})
