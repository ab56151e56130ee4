/** Uploaded files in conversations with the starter, through the official client. */
import assert from 'node:assert/strict'
import { createReadStream } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import OpenAI, { toFile } from 'openai'
import type { ChatCompletionContentPart } from 'openai/resources'
import sharp from 'sharp'
import type { RunningServer } from '../../src/main.ts'
import { pagesPdf } from '../support/pdf.ts'
import { pictureUri, startTestServer } from '../support/server.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'

const NAME = 'red-circle-blue-square.png'
const PICTURE = new URL(`../../docs/pictures/${NAME}`, import.meta.url)

interface Seen {
  readonly images: readonly {
    sha256: string
    file_id?: string
    page?: number
    cached: boolean
    bytes: number
  }[]
  readonly documents?: readonly { filename: string; page_count: number; pages: number[] }[]
  readonly prompt: { readonly text: string }
}

describe('a file in a conversation', () => {
  let folder: TemporaryFolder
  let server: RunningServer
  let [alice, bob]: OpenAI[] = []
  let id: string
  before(async () => {
    folder = await temporaryFolder()
    const apiKeysFile = join(folder.path, 'keys')
    await writeFile(apiKeysFile, 'alice:key-a\nbob:key-b\n')
    server = await startTestServer({ apiKeysFile })
    const client = (apiKey: string) =>
      new OpenAI({ baseURL: `${server.url}/v1`, apiKey, maxRetries: 0 })
    ;[alice, bob] = [client('key-a'), client('key-b')]
    const file = createReadStream(PICTURE)
    ;({ id } = await alice!.files.create({ file, purpose: 'vision' }))
  })
  after(async () => {
    await server.close()
    await folder[Symbol.asyncDispose]()
  })

  const ask = async (part: ChatCompletionContentPart, client = alice!) => {
    const content = [part, { type: 'text' as const, text: 'what color is the circle?' }]
    const answer = await client.chat.completions.create(
      { model: 'starter', messages: [{ role: 'user', content }], temperature: 0 },
      { headers: { 'x-aerie-explain': '1' } },
    )
    const { aerie } = answer as unknown as { readonly aerie: Seen }
    return { text: answer.choices[0]!.message.content, usage: answer.usage, aerie }
  }
  const count = async (part: ChatCompletionContentPart) => {
    const content = [part, { type: 'text', text: 'what color is the circle?' }]
    const body = { model: 'starter', messages: [{ role: 'user', content }] }
    return (await alice!.post('/tokenize', { body })) as { tokens: number; images: object[] }
  }

  it('is the very picture that a data URI is: same answer, same bytes, same cost, one encoding', async () => {
    const url = await pictureUri(NAME)
    const byUri = await ask({ type: 'image_url', image_url: { url } })
    const byId = await ask({ type: 'file', file: { file_id: id } })
    assert.match(byId.text ?? '', /red/)
    assert.equal(byId.text, byUri.text)
    assert.deepEqual(byId.usage?.prompt_tokens, byUri.usage?.prompt_tokens)
    const [[uriSeen], [idSeen]] = [byUri.aerie.images, byId.aerie.images]
    assert.equal(idSeen!.sha256, uriSeen!.sha256)
    assert.equal(idSeen!.bytes, uriSeen!.bytes)
    assert.deepEqual([uriSeen!.cached, idSeen!.cached], [false, true])
    assert.deepEqual([uriSeen!.file_id, idSeen!.file_id], [undefined, id])
    const byData = await ask({ type: 'file', file: { file_data: url, filename: NAME } })
    assert.deepEqual([byData.text, byData.aerie.images[0]!.cached], [byUri.text, true])
    const [first, second] = await Promise.all([
      count({ type: 'image_url', image_url: { url } }),
      count({ type: 'file', file: { file_id: id } }),
    ])
    assert.equal(first.tokens, second.tokens)
    assert.equal(second.images.length, 1)
  })

  it('is decoded from the disk, without its bytes in this process', async () => {
    const name = 'purple-heart.png'
    const file = createReadStream(new URL(`../../docs/pictures/${name}`, import.meta.url))
    const heart = await alice!.files.create({ file, purpose: 'vision' })
    const { aerie } = await ask({ type: 'file', file: { file_id: heart.id } })
    assert.deepEqual([aerie.images[0]!.cached, aerie.images[0]!.bytes], [false, heart.bytes])
  })

  it('is read with its name when it is a text', async () => {
    const text = await alice!.files.create({
      file: await toFile(Buffer.from('seven stars'), 'sky.txt'),
      purpose: 'user_data',
    })
    const { aerie } = await ask({ type: 'file', file: { file_id: text.id } })
    assert.match(aerie.prompt.text, /\[file name\]: sky\.txt\n.*\nseven stars\n/)
  })

  it("is not found when it is another tenant's or deleted, and both errors name the field", async () => {
    const part = { type: 'file' as const, file: { file_id: id } }
    const isNotFound = (error: unknown) => {
      assert.ok(error instanceof OpenAI.NotFoundError)
      assert.equal(error.param, 'messages[0].content[0].file.file_id')
      return true
    }
    await assert.rejects(ask(part, bob), isNotFound)
    await assert.rejects(bob!.files.retrieve(id), OpenAI.NotFoundError)
    await alice!.files.delete(id)
    await assert.rejects(ask(part), isNotFound)
  })

  it('is looked at page by page where it is a PDF document, and not drawn twice', async () => {
    const bytes = await scannedPdf(PICTURE)
    const file = await toFile(bytes, 'scan.pdf', { type: 'application/pdf' })
    const { id: scan } = await alice!.files.create({ file, purpose: 'user_data' })
    const part = { type: 'file', file: { file_id: scan, pages: '2' } } as ChatCompletionContentPart
    const first = await ask(part)
    assert.match(first.text ?? '', /red/)
    const [page] = first.aerie.images
    assert.deepEqual([page!.file_id, page!.page, page!.cached], [scan, 2, false])
    assert.equal(page!.bytes, bytes.byteLength)
    const [document] = first.aerie.documents!
    assert.deepEqual(
      [document!.filename, document!.page_count, document!.pages],
      ['scan.pdf', 2, [2]],
    )
    assert.match(
      first.aerie.prompt.text,
      /\[file name\]: scan\.pdf\n.*\[page 2 begin\]\nfigure 2\n/s,
    )

    const again = await ask(part)
    assert.equal(again.aerie.images[0]!.cached, true)
    const blank = await ask({
      type: 'file',
      file: { file_id: scan, pages: '1' },
    } as ChatCompletionContentPart)
    assert.deepEqual(
      blank.aerie.images.map(({ page, cached }) => [page, cached]),
      [[1, false]],
      'another page is another picture',
    )
    const cost = await count(part)
    assert.equal(cost.tokens, first.usage?.prompt_tokens)

    const data = `data:application/pdf;base64,${bytes.toString('base64')}`
    const sent = { file_data: data, filename: 'scan.pdf', pages: '2' }
    const byData = await ask({ type: 'file', file: sent } as ChatCompletionContentPart)
    assert.deepEqual([byData.text, byData.aerie.images[0]!.cached], [first.text, true])
  })
})

/** Two pages: an empty one, and one with the picture on it and a line of text. */
async function scannedPdf(picture: URL): Promise<Buffer> {
  const image = sharp(fileURLToPath(picture)).flatten({ background: '#fff' })
  const { data, info } = await image.jpeg({ quality: 95 }).toBuffer({ resolveWithObject: true })
  const { width, height } = info
  const content = `q ${width} 0 0 ${height} 0 0 cm /I Do Q BT /F 8 Tf 2 2 Td (figure 2) Tj ET`
  const entries = '/Resources << /XObject << /I 8 0 R >> /Font << /F 3 0 R >> >>'
  const size = `/Width ${width} /Height ${height} /BitsPerComponent 8 /ColorSpace /DeviceRGB`
  return pagesPdf(
    [{}, { width, height, content, entries }],
    [{ entries: `/Type /XObject /Subtype /Image ${size} /Filter /DCTDecode`, bytes: data }],
  )
}
