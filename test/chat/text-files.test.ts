import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { adviceFor, adviceForType, isText, toText } from '../../src/chat/text-files.ts'

const UTF_16LE = Buffer.from('\ufeffName;Größe\r\nZoë;1,5\r\n', 'utf16le')
const UTF_16BE = Buffer.from(UTF_16LE).swap16()

function textOf(bytes: Uint8Array): string {
  const part = toText(bytes, 'a.csv', 'p')
  assert.ok(part.type === 'text')
  const [, text] =
    /^\[file name\]: a\.csv\n\[file content begin\]\n(.*)\n\[file content end\]\n$/s.exec(
      part.text,
    )!
  return text!
}

describe('a text', () => {
  for (const [how, bytes] of [
    ['UTF-16 of Excel and Notepad', UTF_16LE],
    ['UTF-16 of the other byte order', UTF_16BE],
    ['UTF-8 with a byte order mark', Buffer.from('\ufeffName;Größe\r\nZoë;1,5\r\n')],
    ['UTF-8', Buffer.from('Name;Größe\r\nZoë;1,5\r\n')],
  ] as const) {
    it(`in ${how} is read, without the mark`, () => {
      assert.equal(textOf(bytes), 'Name;Größe\r\nZoë;1,5\r\n')
      // A head may end in the middle of a character.
      for (let end = 2; end <= bytes.length; end++)
        assert.ok(isText(bytes.subarray(0, end)), `${end}`)
    })
  }

  it('in UTF-16 that is cut in the middle of a character, or has half a pair, is refused', () => {
    for (const bytes of [
      UTF_16LE.subarray(0, UTF_16LE.length - 1),
      Buffer.from('\ufeffa\ud83d', 'utf16le'),
    ]) {
      assert.throws(() => toText(bytes, 'a', 'p'), {
        code: 'invalid_media',
        param: 'p',
        message: 'p: the text is not UTF-16LE',
      })
    }
  })

  it('has no characters that only other files have', () => {
    assert.ok(!isText(Buffer.from('\ufeffa\0b', 'utf16le')))
    assert.ok(!isText(Buffer.from([0xff, 0xfe, 0, 0, 0x61, 0, 0, 0])), 'UTF-32')
    assert.ok(!isText(Buffer.from('a\0b')))
  })
})

/** The first entry of an archive, as far as its name. */
const zip = (...names: readonly string[]) =>
  Buffer.concat(
    names.map((name) =>
      Buffer.concat([Buffer.from('PK\x03\x04'), Buffer.alloc(26), Buffer.from(name)]),
    ),
  )

describe('what cannot be read is named, with what to send in its place', () => {
  for (const [what, bytes, type, message] of [
    [
      'a Word document',
      zip('[Content_Types].xml', 'word/document.xml'),
      'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
      /a Word document, which cannot be read; send PDF in its place/,
    ],
    [
      'an Excel workbook',
      zip('[Content_Types].xml', 'xl/workbook.xml'),
      'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
      /an Excel workbook.*send CSV or PDF/,
    ],
    [
      'a presentation',
      zip('[Content_Types].xml', 'ppt/presentation.xml'),
      'application/vnd.openxmlformats-officedocument.presentationml.presentation',
      /a PowerPoint presentation.*send PDF/,
    ],
    [
      'an OpenDocument spreadsheet',
      zip('mimetypeapplication/vnd.oasis.opendocument.spreadsheet'),
      'application/vnd.oasis.opendocument.spreadsheet',
      /an OpenDocument spreadsheet.*send CSV or PDF/,
    ],
    [
      'an OpenDocument text',
      zip('mimetypeapplication/vnd.oasis.opendocument.text'),
      'application/vnd.oasis.opendocument.text',
      /an OpenDocument file.*send PDF/,
    ],
    [
      'a document of Word 97',
      Buffer.from('\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1', 'latin1'),
      'application/msword',
      /an older Office/,
    ],
    [
      'any other archive',
      zip('notes.txt'),
      'application/zip',
      /a ZIP archive.*send the files in it, each by itself/,
    ],
  ] as const) {
    it(what, () => {
      assert.match(adviceFor(bytes) ?? '', message)
      assert.match(adviceForType(type) ?? '', message)
    })
  }

  it('and nothing is made up about others', () => {
    assert.equal(adviceFor(Buffer.from('\x1f\x8bword/', 'latin1')), undefined)
    assert.equal(adviceForType('application/gzip'), undefined)
  })
})
