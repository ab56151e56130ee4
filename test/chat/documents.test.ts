/** What becomes of documents in a conversation, by the decoders that the server has. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { ChatMessage, ContentPart, FilePart, RequestMessage } from '../../src/chat/contract.ts'
import { documentsSeen } from '../../src/chat/documents.ts'
import { openFiles, type ReadableFiles } from '../../src/chat/file-parts.ts'
import type { ServedModel } from '../../src/chat/model.ts'
import { loadPictures } from '../../src/chat/pictures.ts'
import { AerieError } from '../../src/errors.ts'
import { startMedia } from '../../src/media/media.ts'
import type { Media } from '../../src/media/types.ts'
import { FETCH_LIMITS, LIMITS, NEVER } from '../media/pictures.ts'
import { pagesPdf } from '../support/pdf.ts'

const pathOf = (name: string) =>
  fileURLToPath(new URL(`../fixtures/documents/${name}`, import.meta.url))

/** The files of the fixtures, by name. */
const files: ReadableFiles = {
  async find(tenant, id) {
    const { byteLength: bytes } = readFileSync(pathOf(id))
    const known = { purpose: 'user_data', sha256: '', createdAt: 0, expiresAt: undefined } as const
    return { id, tenant, filename: id, bytes, ...known }
  },
  async read({ id }, range) {
    const bytes = readFileSync(pathOf(id))
    return Readable.from([bytes.subarray(range?.start ?? 0, (range?.end ?? bytes.length) + 1)])
  },
  async localPath({ id }) {
    return pathOf(id)
  },
}

const SEES = {
  id: 'eyes',
  preprocessing: {
    mode: 'pad',
    size: 16,
    padColor: [0, 0, 0],
    resample: 'bicubic',
    mean: [0, 0, 0],
    std: [1, 1, 1],
  },
  limits: { maxImages: 3, tokensPerTile: 4 },
} as unknown as ServedModel
const READS = {
  id: 'reader',
  preprocessing: undefined,
  limits: { maxImages: 0 },
} as unknown as ServedModel

const AT = 'messages[0].content[0].file'

describe('a document in a conversation', () => {
  let media: Media
  before(async () => {
    media = await startMedia({
      workers: 1,
      decodeTimeoutMs: 120_000,
      limits: LIMITS,
      documents: { maxDocumentBytes: 1e6, maxDocumentPages: 5 },
      fetch: FETCH_LIMITS,
      logger: { warn: () => {} },
    })
  })
  after(() => media.dispose())

  type Asked = Partial<Pick<FilePart, 'pages' | 'content' | 'detail'>>
  async function open(
    file: FilePart['file'],
    asked: Asked = {},
    { model = SEES, maxTextBytes = 100_000 } = {},
  ): Promise<ChatMessage> {
    const part: FilePart = { type: 'file', file, ...asked, param: AT }
    const messages: RequestMessage[] = [{ role: 'user', name: undefined, content: [part] }]
    const context = { files, tenant: 'a', maxTextBytes, media, model, signal: NEVER }
    const [message] = await openFiles(messages, context)
    return message!
  }
  /** Texts as they are, pictures as `<page width×height detail>`. */
  function shown({ content }: ChatMessage): string {
    return content.map((part) => (part.type === 'text' ? part.text : pictureInWords(part))).join('')
  }
  function pictureInWords(part: ContentPart): string {
    assert.ok('loaded' in part)
    const { page, header } = part.loaded
    media.release(part.loaded)
    return `<${page} ${header.width}×${header.height} ${part.detail}>`
  }
  const data = (bytes: Uint8Array) =>
    `data:application/pdf;base64,${Buffer.from(bytes).toString('base64')}`
  const pages = (count: number) => pagesPdf(Array.from({ length: count }, () => ({})))

  it('shows a model that sees each page, and what is written on it, in turn', async () => {
    const message = await open({ id: 'report.pdf' }, { pages: '2' })
    assert.equal(
      shown(message),
      `[file name]: report.pdf
[file content begin]
[page 2 begin]
<2 874×1240 auto>Ångström, naïve, Ελληνικά
Port High Low
Cuxhaven 3.1 m 0.4 m
Büsum 3.4 m 0.2 m
[page 2 end]
[file content end]
`,
    )
    const all = shown(await open({ id: 'invoice.pdf' }, { detail: 'low' }))
    assert.deepEqual(all.match(/<.*?>|\[.*?\]/g), [
      ...['[file name]', '[file content begin]'],
      ...['[page 1 begin]', '<1 1240×1754 low>', '[page 1 end]'],
      ...['[page 2 begin]', '<2 1240×1754 low>', '[page 2 end]'],
      ...['[page 3 begin]', '<3 1754×1240 low>', '[page 3 end]'],
      '[file content end]',
    ])
  })

  it('shows a model that reads no pictures what is written alone', async () => {
    const message = await open({ id: 'invoice.pdf' }, { pages: '2-3' }, { model: READS })
    assert.equal(
      shown(message),
      `[file name]: invoice.pdf
[file content begin]
[page 2 begin]
Page two shows the telescope.
[page 2 end]
[page 3 begin]
The third page lies across
[page 3 end]
[file content end]
`,
    )
  })

  it('is pictures alone, or text alone, where that is asked for; pictures are as any others', async () => {
    const pictures = await open({ id: 'invoice.pdf' }, { content: 'pictures' })
    assert.equal(shown(pictures), '<1 1240×1754 auto><2 1240×1754 auto><3 1754×1240 auto>')
    const text = shown(await open({ id: 'invoice.pdf' }, { content: 'text' }))
    assert.match(text, /\[page 1 begin\]\nInvoice 2026-117\n/)
    assert.doesNotMatch(text, /</)
    const unnamed = { data: data(pages(1)), filename: undefined }
    assert.equal(shown(await open(unnamed, { content: 'pictures' })), '<1 417×208 auto>')
  })

  it('has the text of form fields', async () => {
    assert.match(shown(await open({ id: 'form.pdf' })), /Name\nMember\nGrace Hopper\n/)
  })

  it('by URL has the last of the path for a name where nobody gave one', async () => {
    const text = pagesPdf([{ content: 'BT /F 12 Tf 20 50 Td (one) Tj ET' }])
    const web = createServer((_, response) => response.end(text))
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
    const { port } = web.address() as AddressInfo
    const fetching = await startMedia({
      ...{ workers: 1, decodeTimeoutMs: 120_000, limits: LIMITS, logger: { warn: () => {} } },
      fetch: { ...FETCH_LIMITS, allowHttp: true, allowPrivateAddresses: true },
    })
    const nameOf = async (path: string, filename?: string) => {
      const url = path.startsWith('data:') ? path : `http://127.0.0.1:${port}${path}`
      const file = { url, filename, param: `${AT}.url` }
      const part: FilePart = { type: 'file', file, content: 'text', param: AT }
      const context = { files, tenant: 'a', maxTextBytes: 1000, media: fetching, model: SEES }
      const opening = openFiles([{ role: 'user', name: undefined, content: [part] }], {
        ...{ ...context, signal: NEVER },
      })
      return await opening.then(documentsSeen).then(([seen]) => seen?.filename)
    }
    try {
      assert.equal(await nameOf('/reports/Q3%20%C3%BC.pdf?sig=1#page=2'), 'Q3 ü.pdf')
      assert.equal(await nameOf('/100%.pdf'), '100%.pdf')
      assert.equal(await nameOf('/'), 'document.pdf')
      assert.equal(await nameOf('/a.pdf', 'Minutes'), 'Minutes')
      assert.equal(await nameOf(data(text)), 'document.pdf')
    } finally {
      web.close()
      await fetching.dispose()
    }
  })

  it('says what was seen of it', async () => {
    const message = await open({ id: 'scan.pdf' })
    shown(message)
    const [seen, ...others] = documentsSeen([message])
    assert.deepEqual(others, [])
    const { sha256, bytes, ...rest } = seen!
    assert.match(sha256, /^[0-9a-f]{64}$/)
    assert.equal(bytes, readFileSync(pathOf('scan.pdf')).byteLength)
    assert.deepEqual(rest, {
      ...{ param: `${AT}.file_id`, fileId: 'scan.pdf', filename: 'scan.pdf' },
      ...{ pageCount: 1, pages: [1], content: 'both', pagesWithText: 0 },
    })
  })

  const refusals: readonly (readonly [
    what: string,
    () => Promise<unknown>,
    code: string,
    field: string,
    message: RegExp,
  ])[] = [
    [
      'more pages than the model may see',
      () => open({ data: data(pages(4)), filename: 'a' }),
      'media_too_large',
      'file_data',
      /has 4 pages; model eyes sees 3 pictures a request; choose some with pages \("1-3"\) or ask for content "text"/,
    ],
    [
      'more pages than the server reads',
      () => open({ data: data(pages(7)), filename: 'a' }, { pages: '1-6', content: 'text' }),
      'media_too_large',
      'file_data',
      /has 7 pages, 6 of which are asked for; at most 5 are read \(maxDocumentPages\)/,
    ],
    [
      'pages that it does not have',
      () => open({ id: 'invoice.pdf' }, { pages: '2-4' }),
      'invalid_request',
      'pages',
      /up to 3, got 4/,
    ],
    [
      'pages that are none, before it is opened',
      () => open({ data: 'data:application/pdf;base64,!!', filename: 'a' }, { pages: 'all' }),
      'invalid_request',
      'pages',
      /expected pages as in "1-3,7"/,
    ],
    [
      'no name, which the model is told',
      () => open({ data: data(pages(1)), filename: undefined }),
      'invalid_request',
      'filename',
      /the name of the document/,
    ],
    [
      'no text where text alone is asked for',
      () => open({ id: 'scan.pdf' }, { content: 'text' }),
      'unsupported_media',
      'file_id',
      /nothing is written .* a scan maybe; ask for content "pictures"/,
    ],
    [
      'no text for a model that cannot see',
      () => open({ id: 'scan.pdf' }, {}, { model: READS }),
      'unsupported_media',
      'file_id',
      /nothing is written .* model reader reads no pictures/,
    ],
    [
      'pictures for a model that cannot see',
      () => open({ id: 'invoice.pdf' }, { content: 'both' }, { model: READS }),
      'unsupported_parameter',
      'content',
      /model reader reads no pictures; expected "text" or nothing/,
    ],
    [
      'a detail where nothing is pictured',
      () => open({ id: 'invoice.pdf' }, { content: 'text', detail: 'high' }),
      'unsupported_parameter',
      'detail',
      /no picture of the document is shown/,
    ],
    [
      'more text than a request may have',
      () => open({ id: 'invoice.pdf' }, {}, { maxTextBytes: 100 }),
      'request_too_large',
      'file_id',
      /at most 100 bytes together/,
    ],
    [
      'a password',
      () => open({ id: 'locked.pdf' }),
      'unsupported_media',
      'file_id',
      /is encrypted/,
    ],
    [
      'pages of what is no document',
      () => open({ id: 'make.py' }, { pages: '1' }),
      'unsupported_parameter',
      'pages',
      /only documents have pages; the file is a text/,
    ],
    [
      'a content of what is no document',
      () => open({ id: 'make.py' }, { content: 'text' }),
      'unsupported_parameter',
      'content',
      /for documents alone; the file is a text/,
    ],
    [
      'a detail of a text',
      () => open({ id: 'make.py' }, { detail: 'low' }),
      'unsupported_parameter',
      'detail',
      /for pictures and documents; the file is a text/,
    ],
  ]
  for (const [what, attempt, code, field, message] of refusals) {
    it(`is refused for ${what}`, async () => {
      await assert.rejects(attempt(), (error: unknown) => {
        assert.ok(error instanceof AerieError, String(error))
        assert.deepEqual([error.code, error.param], [code, `${AT}.${field}`])
        assert.ok(error.message.startsWith(`${AT}.${field}: `), error.message)
        assert.match(error.message, message)
        return true
      })
      assert.equal(media.stats().bytesInUse, 0, 'bytes are still held')
    })
  }

  it('holds no bytes of a request of which another part failed', async () => {
    const part = (id: string, i: number): FilePart => ({
      ...{ type: 'file', file: { id }, param: `messages[0].content[${i}].file` },
    })
    const content = ['invoice.pdf', 'report.pdf', 'locked.pdf', 'scan.pdf'].map(part)
    const messages: RequestMessage[] = [{ role: 'user', name: undefined, content }]
    const context = { files, tenant: 'a', maxTextBytes: 1e6, media, model: SEES, signal: NEVER }
    await assert.rejects(openFiles(messages, context), { code: 'unsupported_media' })
    assert.equal(media.stats().bytesInUse, 0)
  })

  it('counts among the pictures of its request, which holds nothing where there are too many', async () => {
    const url = 'data:image/png;base64,AAAA'
    const picture = { type: 'image', url, detail: 'auto', param: 'p' } as const
    const message = await open({ id: 'invoice.pdf' })
    const messages = [{ ...message, content: [...message.content, picture] }]
    await assert.rejects(loadPictures(SEES, media, messages, NEVER), {
      code: 'media_too_large',
      message: /^p: 4 pictures, limit is 3/,
    })
    assert.equal(media.stats().bytesInUse, 0)
    const again = await open({ id: 'invoice.pdf' }, { pages: '1-2' })
    const damaged = [{ ...again, content: [picture, ...again.content] }]
    await assert.rejects(loadPictures(SEES, media, damaged, NEVER), { code: 'invalid_media' })
    assert.equal(media.stats().bytesInUse, 0)
  })
})
