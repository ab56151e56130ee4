/** What becomes of a file in a conversation. */
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { describe, it } from 'node:test'
import type { FilePart, RequestMessage } from '../../src/chat/contract.ts'
import { openFiles, type ReadableFiles } from '../../src/chat/file-parts.ts'
import { USUAL_SAMPLING } from '../../src/chat/video-files.ts'
import { AerieError } from '../../src/errors.ts'
import type { ByteRange, StoredFile } from '../../src/files/contract.ts'

/** Files of tenant `a` by id: name and bytes. */
class Shelf implements ReadableFiles {
  readonly #files: Readonly<Record<string, readonly [filename: string, bytes: Buffer]>>
  /** Ranges that were read. */
  readonly reads: (ByteRange | undefined)[] = []

  constructor(files: Readonly<Record<string, readonly [string, string | Buffer]>>) {
    this.#files = Object.fromEntries(
      Object.entries(files).map(([id, [name, bytes]]) => [id, [name, Buffer.from(bytes)]]),
    )
  }

  async find(tenant: string, id: string): Promise<StoredFile | undefined> {
    const [filename, bytes] = this.#files[id] ?? []
    if (tenant !== 'a' || filename === undefined || !bytes) return undefined
    const known = { purpose: 'user_data', sha256: '', createdAt: 0, expiresAt: undefined } as const
    return { id, tenant, filename, bytes: bytes.byteLength, ...known }
  }

  async read({ id }: StoredFile, range?: ByteRange): Promise<Readable> {
    this.reads.push(range)
    const [, bytes] = this.#files[id]!
    return Readable.from([bytes.subarray(range?.start ?? 0, (range?.end ?? bytes.length) + 1)])
  }

  async localPath({ id }: StoredFile): Promise<string> {
    return `/somewhere/${id}`
  }
}

const PNG = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(9000)])
const shelf = {
  picture: ['holiday.txt', PNG],
  notes: ['notes.md', '# Größe\nzwölf'],
  table: ['people.csv', 'BMI,age\n22,40\n'],
  page: ['page.html', '<html><body>hi</body></html>'],
  empty: ['empty.txt', ''],
  broken: ['broken.txt', Buffer.concat([Buffer.from('a'.repeat(5000)), Buffer.from([0xff])])],
  cut: ['umlaut.txt', `${'a'.repeat(4095)}ö`],
  pdf: ['paper.pdf', '%PDF-1.7 all ASCII so far'],
  clip: ['clip.mp4', Buffer.from('\0\0\0\x18ftypisom\0\0\0\0isom', 'latin1')],
  noise: ['noise.bin', Buffer.from([1, 2, 3, 0, 255])],
  scan: ['scan.jxl', Buffer.from([0xff, 0x0a, 0, 0, 255, 254])],
} as const

async function open(
  file: FilePart['file'],
  {
    tenant = 'a',
    maxTextBytes = 100_000,
    files = new Shelf(shelf),
  }: { tenant?: string; maxTextBytes?: number; files?: ReadableFiles | 'none' } = {},
) {
  const before = { type: 'text', text: 'look:', param: 'messages[0].content[0].text' } as const
  const part: FilePart = { type: 'file', file, param: 'messages[0].content[1].file' }
  const messages: RequestMessage[] = [{ role: 'user', name: undefined, content: [before, part] }]
  const { signal } = new AbortController()
  const [opened] = await openFiles(messages, {
    files: files === 'none' ? undefined : files,
    ...{ tenant, maxTextBytes, signal },
  })
  assert.equal(opened!.content.length, 2)
  assert.deepEqual(opened!.content[0], before)
  return opened!.content[1]!
}

function refuses(code: string, field: string, message: RegExp) {
  const param = `messages[0].content[1].file.${field}`
  return (error: unknown) => {
    assert.ok(error instanceof AerieError, String(error))
    assert.deepEqual([error.code, error.param], [code, param])
    assert.ok(error.message.startsWith(`${param}: `), error.message)
    assert.match(error.message, message)
    return true
  }
}

const asText = (name: string, text: string) =>
  `[file name]: ${name}\n[file content begin]\n${text}\n[file content end]\n`

describe('a file by id', () => {
  it('with a picture in it is a picture by its path, whatever its name; only its head is read here', async () => {
    const files = new Shelf(shelf)
    assert.deepEqual(await open({ id: 'picture' }, { files }), {
      type: 'image',
      stored: { fileId: 'picture', path: '/somewhere/picture', byteLength: PNG.byteLength },
      detail: 'auto',
      param: 'messages[0].content[1].file.file_id',
    })
    assert.deepEqual(files.reads, [{ start: 0, end: 4095 }])
  })

  for (const [id, text] of [
    ['notes', '# Größe\nzwölf'],
    ['table', 'BMI,age\n22,40\n'],
    ['page', '<html><body>hi</body></html>'],
    ['empty', ''],
    ['cut', `${'a'.repeat(4095)}ö`],
  ] as const) {
    it(`${id}: a text comes with its name`, async () => {
      const part = await open({ id })
      assert.equal(part.type === 'text' && part.text, asText(shelf[id][0], text))
    })
  }

  it('with a picture that is not decoded here is left to the media room to refuse', async () => {
    assert.equal((await open({ id: 'scan' })).type, 'image')
  })

  it('with a clip is a clip as its family sees it', async () => {
    const part = await open({ id: 'clip' })
    assert.ok(part.type === 'video' && 'path' in part.from)
    assert.deepEqual(
      [part.from.fileId, part.param],
      ['clip', 'messages[0].content[1].file.file_id'],
    )
    assert.deepEqual(part.sampling, USUAL_SAMPLING)
  })

  for (const [id, what] of [
    ['pdf', /a PDF document are not supported/],
    ['noise', /not of any known/],
  ] as const) {
    it(`${id}: what is neither is refused by its kind`, async () => {
      await assert.rejects(open({ id }), refuses('unsupported_media', 'file_id', what))
    })
  }

  it('that turns out to be no UTF-8 is refused', async () => {
    await assert.rejects(open({ id: 'broken' }), refuses('invalid_media', 'file_id', /not UTF-8/))
  })

  it('that is not there, or not of this tenant, or where there are no files', async () => {
    const isNotThere = refuses('not_found', 'file_id', /no file "/)
    await assert.rejects(open({ id: 'nothing' }), isNotThere)
    await assert.rejects(open({ id: 'notes' }, { tenant: 'b' }), isNotThere)
    await assert.rejects(open({ id: 'notes' }, { files: 'none' }), isNotThere)
  })

  it('with more text than a request may have is refused before it is read', async () => {
    const files = new Shelf(shelf)
    await assert.rejects(
      open({ id: 'cut' }, { files, maxTextBytes: 4096 }),
      refuses('request_too_large', 'file_id', /at most 4096 bytes together \(maxBodyBytes\)/),
    )
    assert.equal(files.reads.length, 1)
  })
})

describe('a file as data', () => {
  const data = (type: string, text: string) =>
    `data:${type};base64,${Buffer.from(text).toString('base64')}`

  it('with a picture is the picture of that URI', async () => {
    const url = data('image/png', 'whatever')
    const param = 'messages[0].content[1].file.file_data'
    assert.deepEqual(await open({ data: url, filename: undefined }), {
      ...{ type: 'image', url, detail: 'auto', param },
    })
  })

  it('with a text comes with the name that was given', async () => {
    for (const type of ['text/plain', 'text/csv;charset=utf-8', 'application/json']) {
      const part = await open({ data: data(type, 'größer'), filename: 'x.txt' })
      assert.equal(part.type === 'text' && part.text, asText('x.txt', 'größer'))
    }
  })

  it('is refused by the field that is wrong', async () => {
    const cases = [
      ['invalid_request', 'file_data', /a data: URI/, 'https://example.org/a.txt', 'a'],
      ['invalid_request', 'filename', /the name of the text/, data('text/plain', 'x'), undefined],
      ['unsupported_media', 'file_data', /application\/pdf/, data('application/pdf', '%PDF'), 'a'],
      ['unsupported_media', 'file_data', /no media type/, 'data:,x', 'a'],
      ['invalid_media', 'file_data', /base64/, 'data:text/plain;base64,!!!', 'a'],
      ['invalid_media', 'file_data', /not UTF-8/, 'data:text/plain;base64,/w==', 'a'],
    ] as const
    for (const [code, field, message, uri, filename] of cases) {
      await assert.rejects(open({ data: uri, filename }), refuses(code, field, message))
    }
  })
})

it('messages without files pass as they are', async () => {
  const messages: RequestMessage[] = [{ role: 'user', name: undefined, content: [] }]
  const { signal } = new AbortController()
  const context = { files: undefined, tenant: 'a', maxTextBytes: 0, signal }
  assert.equal(await openFiles(messages, context), messages)
})
