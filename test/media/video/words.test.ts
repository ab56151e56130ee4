/** What ffmpeg says of a bad clip: the client never hears it, and the log has it where somebody debugs. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { AerieError, ProgramWords } from '../../../src/errors.ts'
import { openTestApp } from '../../support/http-app.ts'
import { NEVER } from '../pictures.ts'
import { clipFolder, ffmpeg, mediaForClips, NO_FFMPEG, numbered } from './clips.ts'

describe('the words of ffmpeg', () => {
  it('are the cause of our error', { skip: NO_FFMPEG }, async () => {
    await using dir = await clipFolder()
    const media = await mediaForClips()
    try {
      const path = dir.path('cut.mp4')
      await ffmpeg(['-f', 'lavfi', '-i', numbered(25, 1), '-c:v', 'mpeg4', path])
      const beginning = (await readFile(path)).subarray(0, 100)
      await writeFile(path, beginning)
      const from = { path, byteLength: beginning.length }
      await assert.rejects(media.clips.load({ from, param: 'video' }, NEVER), (error) => {
        assert.ok(error instanceof AerieError)
        assert.equal(error.message, 'video: clip is cut short: it ends before its index (moov)')
        assert.ok(error.cause instanceof ProgramWords)
        assert.match(error.cause.message, /^ended with 1: .*moov atom not found/s)
        return true
      })
    } finally {
      await media.dispose()
    }
  })

  it('go to the log at debug with the id of the request, and to nobody else', async () => {
    const cause = new ProgramWords('ended with 1: moov atom not found in /spool/x')
    const error = new AerieError('invalid_media', 'clip is cut short', { param: 'video', cause })
    await using app = await openTestApp({ echo: { failure: { afterTokens: 1, error } } })
    const answer = await app.chat({ messages: [{ role: 'user', content: 'one two' }] })
    assert.deepEqual([answer.status, answer.json.error.code], [400, 'invalid_media'])
    assert.doesNotMatch(JSON.stringify(answer.json), /moov|spool/)
    const lines = app.log.map((line) => JSON.parse(line) as Record<string, unknown>)
    const said = lines.filter(({ words }) => words !== undefined)
    assert.deepEqual(
      said.map(({ level, requestId, words }) => [level, requestId, words]),
      [['debug', answer.headers['x-request-id'], cause.message]],
    )
  })
})
