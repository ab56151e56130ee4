import assert from 'node:assert/strict'
import { chmod, copyFile, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openClipList } from '../../src/caption/clip-list.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const PICTURE = fileURLToPath(new URL('../../docs/pictures/purple-heart.png', import.meta.url))

async function all(input: string, stdin: NodeJS.ReadableStream = Readable.from([])) {
  const list = await openClipList(input, stdin)
  const found = []
  for await (const clip of list.clips()) found.push(clip)
  return found
}

const ids = async (input: string) => (await all(input)).map(({ id }) => id)

describe('a folder', () => {
  it('gives its clips and pictures, below as well, always in one order', async () => {
    await using folder = await temporaryFolder()
    for (const name of ['b.mp4', 'B.mkv', 'a.webm', 'sub/c.MOV', 'sub/deep/d.jpg', 'a b.avi']) {
      await mkdir(join(folder.path, name, '..'), { recursive: true })
      await writeFile(join(folder.path, name), '')
    }
    const order = ['B.mkv', 'a b.avi', 'a.webm', 'b.mp4', 'sub/c.MOV', 'sub/deep/d.jpg']
    assert.deepEqual(await ids(folder.path), order)
    assert.deepEqual(await ids(`${folder.path}/`), order)
  })

  it('goes by the bytes of files whose names say nothing, and leaves texts and hidden files alone', async () => {
    await using folder = await temporaryFolder()
    await copyFile(PICTURE, join(folder.path, 'picture'))
    await writeFile(join(folder.path, 'clip'), Buffer.from('\x1a\x45\xdf\xa3 matroska', 'latin1'))
    await writeFile(
      join(folder.path, 'clip.0001'),
      Buffer.from('\0\0\0\x18ftypisom\0\0\0\0isom', 'latin1'),
    )
    for (const name of ['notes.txt', 'captions.jsonl', 'nothing', '.hidden.mp4', '.x.mp4.tmp'])
      await writeFile(join(folder.path, name), 'text')
    assert.deepEqual(await ids(folder.path), ['clip', 'clip.0001', 'picture'])
  })

  it('follows links to its own files, and none that lead out, to nothing or to folders', async () => {
    await using outside = await temporaryFolder()
    await using folder = await temporaryFolder()
    await writeFile(join(outside.path, 'secret.mp4'), '')
    await mkdir(join(folder.path, 'sub'))
    await writeFile(join(folder.path, 'sub/a.mp4'), '')
    await symlink(join(outside.path, 'secret.mp4'), join(folder.path, 'out.mp4'))
    await symlink('../../../../../../etc/passwd', join(folder.path, 'passwd.mp4'))
    await symlink(outside.path, join(folder.path, 'folder-out'))
    await symlink('..', join(folder.path, 'sub/loop'))
    await symlink('nowhere.mp4', join(folder.path, 'dangling.mp4'))
    await symlink('sub/a.mp4', join(folder.path, 'inside.mp4'))
    assert.deepEqual(await ids(folder.path), ['inside.mp4', 'sub/a.mp4'])
  })

  it('names a folder below that may not be read', {
    skip: process.getuid?.() === 0 && 'root may read all',
  }, async () => {
    await using folder = await temporaryFolder()
    await mkdir(join(folder.path, 'closed'), { mode: 0o000 })
    assert.deepEqual(await ids(folder.path), ['closed'])
    await chmod(join(folder.path, 'closed'), 0o700)
  })
})

describe('a list', () => {
  it('has paths, which are meant from the list, and URLs; empty lines and remarks are none', async () => {
    await using folder = await temporaryFolder()
    const list = join(folder.path, 'list.txt')
    await writeFile(
      list,
      '\uFEFFa.mp4\r\n\n# not this\n  sub/b c.mkv  \nhttps://h/c.mp4?x=1#t\n/abs/d.mov',
    )
    const found = await all(list)
    assert.deepEqual(
      found.map((clip) => 'source' in clip && [clip.id, clip.source]),
      [
        ['a.mp4', join(folder.path, 'a.mp4')],
        ['sub/b c.mkv', join(folder.path, 'sub/b c.mkv')],
        ['https://h/c.mp4?x=1#t', 'https://h/c.mp4?x=1#t'],
        ['/abs/d.mov', '/abs/d.mov'],
      ],
    )
  })

  it('of objects says which part, which prompt, which segments, and by which id', async () => {
    const lines = [
      { path: 'a.mp4', id: 'one', start: 1, end: 2.5, prompt: 'who?', segment: '500ms' },
      { path: 'a.mp4', start: 5 },
      { path: 'a.mp4', end: 5, segment: 'whole' },
      { url: 'https://h/b.mp4' },
    ]
    const found = await all('-', Readable.from(lines.map((line) => `${JSON.stringify(line)}\n`)))
    assert.deepEqual(
      found.map(
        (clip) => 'source' in clip && [clip.id, clip.start, clip.end, clip.prompt, clip.segment],
      ),
      [
        ['one', 1, 2.5, 'who?', { seconds: 0.5 }],
        ['a.mp4#t=5,', 5, undefined, undefined, undefined],
        ['a.mp4#t=0,5', undefined, 5, undefined, 'whole'],
        ['https://h/b.mp4', undefined, undefined, undefined, undefined],
      ],
    )
  })

  it('tells of each wrong line its number, the field and what came, and goes on', async () => {
    const lines = [
      '{"path": 1}',
      '{"path": "a", "url": "https://h/b"}',
      '{"url": "file:///etc/passwd"}',
      '{"path": "a", "start": -1}',
      '{"path": "a", "start": 3, "end": 3}',
      '{"path": "a", "segment": "1x"}',
      '{"path": "a", "prompt": " "}',
      '{"path": "a", "promt": "x"}',
      '{"path": "a", "id": 7}',
      '{"path": ',
      '{"path": "good.mp4"}',
    ]
    const found = await all('-', Readable.from([lines.join('\n')]))
    const problems = found.map((clip) =>
      'problem' in clip ? `${clip.id}: ${clip.problem}` : clip.id,
    )
    const expected = [
      /^line 1: path: expected a text, got 1$/,
      /^line 2: expected path or url$/,
      /^line 3: url: expected http or https, got "file:/,
      /^line 4: start: expected seconds from 0 on, got -1$/,
      /^line 5: end: expected more than start, got 3$/,
      /^line 6: segment: expected a length from 100ms on, such as 10s; scenes, .*; or whole, got "1x"$/,
      /^line 7: prompt: expected a text/,
      /^line 8: promt: expected only path, url/,
      /^line 9: id: expected a text/,
      /^line 10: expected JSON: /,
      /^good\.mp4$/,
    ]
    assert.equal(problems.length, expected.length)
    for (const [i, pattern] of expected.entries()) assert.match(problems[i]!, pattern)
  })

  it('that is no list is refused before it fills the memory', async () => {
    const endless = (async function* () {
      for (;;) yield Buffer.alloc(1 << 20, 'x')
    })()
    await assert.rejects(all('-', Readable.from(endless)), /line 1 is longer than any line/)
  })
})

it('one clip is its own list, by its name', async () => {
  await using folder = await temporaryFolder()
  await writeFile(join(folder.path, 'a.mp4'), '')
  assert.deepEqual(await ids(join(folder.path, 'a.mp4')), ['a.mp4'])
  assert.deepEqual(await ids('https://h/x.mp4'), ['https://h/x.mp4'])
  await assert.rejects(all(join(folder.path, 'b.mp4')), /b\.mp4: no such folder, list or clip/)
})
