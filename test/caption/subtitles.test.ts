import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { subtitlePath, writeSubtitles } from '../../src/caption/subtitle-file.ts'
import { subtitles } from '../../src/caption/subtitles.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const CUES = [
  { start: 0, end: 10, text: 'a man walks in\n\nand  out' },
  { start: 10, end: 3661.0625, text: 'x --> y <b>bold</b> & {\\an8}more' },
  { start: 3661.0625, end: 3661.0625, text: 'the end' },
  { start: 3662, end: 3663, text: ' \n ' },
]

describe('subtitles', () => {
  it('in SubRip are numbered, with commas, and no sign that a player would obey', () => {
    assert.equal(
      subtitles(CUES, 'srt'),
      [
        '1\n00:00:00,000 --> 00:00:10,000\na man walks in\nand  out\n',
        '2\n00:00:10,000 --> 01:01:01,063\nx → y ‹b>bold‹/b> & {/an8}more\n',
        '3\n01:01:01,063 --> 01:01:01,064\nthe end\n',
      ].join('\n'),
    )
  })

  it('in WebVTT have points, and entities for markup', () => {
    assert.equal(
      subtitles(CUES.slice(1, 2), 'vtt'),
      'WEBVTT\n\n00:00:10.000 --> 01:01:01.063\nx --&gt; y &lt;b&gt;bold&lt;/b&gt; &amp; {\\an8}more\n',
    )
    assert.equal(subtitles([], 'vtt'), 'WEBVTT\n')
  })

  const ffmpeg = spawnSync('ffmpeg', ['-version']).status === 0
  for (const format of ['srt', 'vtt'] as const) {
    it(`in ${format} are read by ffmpeg with the same times and words`, {
      skip: !ffmpeg && 'no ffmpeg',
    }, async () => {
      await using folder = await temporaryFolder()
      const path = join(folder.path, `deep/a.${format}`)
      await writeSubtitles(path, CUES, format)
      assert.deepEqual(await readdir(join(folder.path, 'deep')), [`a.${format}`])
      const args = ['-v', 'error', '-i', path, '-f', 'webvtt', '-']
      const { stdout, stderr, status } = spawnSync('ffmpeg', args, { encoding: 'utf8' })
      assert.deepEqual([status, stderr], [0, ''])
      const times = [...stdout.matchAll(/^\S+ --> \S+$/gm)].map(([line]) => line)
      assert.deepEqual(times, [
        '00:00.000 --> 00:10.000',
        '00:10.000 --> 01:01:01.063',
        '01:01:01.063 --> 01:01:01.064',
      ])
      assert.match(stdout, /bold/)
      assert.match(stdout, /more/)
    })
  }

  it('of a clip lie under its own path, whatever its id', () => {
    assert.equal(subtitlePath('a/b c.mp4', 'srt'), 'a/b c.mp4.srt')
    assert.match(subtitlePath('/data/a.mp4', 'srt'), /^data\/a\.mp4-[0-9a-f]{8}\.srt$/)
    assert.match(subtitlePath('../../etc/passwd', 'vtt'), /^__\/__\/etc\/passwd-[0-9a-f]{8}\.vtt$/)
    assert.match(
      subtitlePath('https://h/a.mp4?x=1', 'vtt'),
      /^https_\/h\/a\.mp4_x=1-[0-9a-f]{8}\.vtt$/,
    )
  })

  it('that cannot be written leave nothing behind', async () => {
    await using folder = await temporaryFolder()
    await writeSubtitles(join(folder.path, 'a.srt/b.srt'), CUES, 'srt')
    await assert.rejects(writeSubtitles(join(folder.path, 'a.srt'), CUES, 'srt'), {
      code: 'EISDIR',
    })
    assert.deepEqual(await readdir(folder.path), ['a.srt'])
    assert.match(await readFile(join(folder.path, 'a.srt/b.srt'), 'utf8'), /^1\n/)
  })
})
