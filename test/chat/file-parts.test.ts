/** What becomes of a file in a conversation. */
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { describe, it } from 'node:test'
import type { FilePart, RequestMessage } from '../../src/chat/contract.ts'
import { type FileContext, openFiles, type ReadableFiles } from '../../src/chat/file-parts.ts'
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
  archive: ['paper.docx', Buffer.from('PK\x03\x04 word/document.xml')],
  excel: ['people.csv', Buffer.from('\ufeffName\tGröße\n', 'utf16le')],
  postscript: ['paper.ps', '%!PS-Adobe-3.0 all ASCII so far'],
  clip: ['clip.mp4', Buffer.from('\0\0\0\x18ftypisom\0\0\0\0isom', 'latin1')],
  noise: ['noise.bin', Buffer.from([1, 2, 3, 0, 255])],
  scan: ['scan.jxl', Buffer.from([0xff, 0x0a, 0, 0, 255, 254])],
} as const

/** Documents have tests of their own. */
const NO_DOCUMENTS = { media: {}, model: {} } as Pick<FileContext, 'media' | 'model'>

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
    ...{ tenant, maxTextBytes, signal, ...NO_DOCUMENTS },
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
    ['excel', 'Name\tGröße\n'],
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
    ['archive', /a Word document, which cannot be read; send PDF in its place/],
    ['postscript', /the file is a PostScript document; pictures, clips,/],
    ['noise', /the file is not of any known picture format; pictures, clips,/],
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

describe('a file that is asked for as a clip or a sound', () => {
  const { signal } = new AbortController()
  const context = { files: new Shelf({ ...shelf, gif: ['x.gif', 'GIF89a'] }), tenant: 'a', signal }
  const openOne = async (part: RequestMessage['content'][number]) => {
    const messages: RequestMessage[] = [{ role: 'user', name: undefined, content: [part] }]
    const all = { ...context, maxTextBytes: 0, ...NO_DOCUMENTS }
    return (await openFiles(messages, all))[0]!.content
  }

  it('is one by its path, whatever it begins as: only its decoder knows', async () => {
    const sampling = USUAL_SAMPLING
    const samplingParam = 'messages[0].content[0].input_video'
    for (const id of ['gif', 'noise', 'clip', 'page']) {
      const param = `${samplingParam}.file_id`
      const where = { sampling, param, samplingParam }
      const byteLength = (await context.files.find('a', id))!.bytes
      const from = { fileId: id, path: `/somewhere/${id}`, byteLength }
      assert.deepEqual(await openOne({ type: 'filed-video', fileId: id, ...where }), [
        { type: 'video', from, ...where },
      ])
      assert.deepEqual(await openOne({ type: 'filed-sound', fileId: id, param: 'p' }), [
        { type: 'sound', from, param: 'p' },
      ])
    }
  })

  it('is not found where it is not there', async () => {
    const part = { type: 'filed-sound', fileId: 'nothing', param: 'p' } as const
    await assert.rejects(openOne(part), { code: 'not_found', param: 'p' })
  })
})

describe('a file as data', () => {
  const UNKNOWN = 'application/octet-stream'
  const data = (type: string, text: string | Buffer) =>
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

  it('of no known media type is what its bytes begin as', async () => {
    const param = 'messages[0].content[1].file.file_data'
    const picture = { data: data(UNKNOWN, shelf.picture[1]), filename: undefined }
    const url = data('image/unknown', shelf.picture[1])
    assert.deepEqual(await open(picture), { type: 'image', url, detail: 'auto', param })
    const clip = await open({ data: data(UNKNOWN, shelf.clip[1]), filename: undefined })
    assert.ok(clip.type === 'video' && 'url' in clip.from)
    assert.equal(clip.from.url, data('video/unknown', shelf.clip[1]))
    const flac = 'fLaC\0\0\0\x22'
    const sound = await open({ data: data(UNKNOWN, flac), filename: undefined })
    assert.deepEqual(sound, { type: 'sound', from: { url: data('audio/unknown', flac) }, param })
    const text = await open({ data: data(UNKNOWN, 'größer'), filename: 'x.log' })
    assert.equal(text.type === 'text' && text.text, asText('x.log', 'größer'))
  })

  it('is refused by the field that is wrong', async () => {
    const cases = [
      ['invalid_request', 'file_data', /a data: URI/, 'https://example.org/a.txt', 'a'],
      ['invalid_request', 'filename', /the name of the text/, data('text/plain', 'x'), undefined],
      ['unsupported_media', 'file_data', /a ZIP archive/, data('application/zip', 'PK'), 'a'],
      ['unsupported_media', 'file_data', /sound\/x/, data('sound/x', 'x'), 'a'],
      ['unsupported_media', 'file_data', /of media type none/, 'data:,x', 'a'],
      ['invalid_media', 'file_data', /base64/, 'data:text/plain;base64,!!!', 'a'],
      ['invalid_media', 'file_data', /not UTF-8/, 'data:text/plain;base64,/w==', 'a'],
      ['invalid_media', 'file_data', /no text in UTF-8/, data('text/plain', 'a\0b'), 'a'],
      ['invalid_media', 'file_data', /is a PDF document/, data('text/plain', '%PDF-1.7\n'), 'a'],
      ['unsupported_media', 'file_data', /a ZIP archive/, data(UNKNOWN, 'PK\x03\x04'), 'a'],
      ['unsupported_media', 'file_data', /of media type application/, `data:${UNKNOWN},a`, 'a'],
      ['invalid_request', 'filename', /the name of the text/, data(UNKNOWN, 'x'), undefined],
    ] as const
    for (const [code, field, message, uri, filename] of cases) {
      await assert.rejects(open({ data: uri, filename }), refuses(code, field, message))
    }
  })
})

it('messages without files pass as they are', async () => {
  const messages: RequestMessage[] = [{ role: 'user', name: undefined, content: [] }]
  const { signal } = new AbortController()
  const context = { files: undefined, tenant: 'a', maxTextBytes: 0, signal, ...NO_DOCUMENTS }
  assert.equal(await openFiles(messages, context), messages)
})
