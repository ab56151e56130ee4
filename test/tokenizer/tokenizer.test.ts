import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { Tokenizer as HfTokenizer } from '@huggingface/tokenizers'
import fc from 'fast-check'
import { byteRule } from '../../src/tokenizer/token-bytes.ts'
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts'

const fixtures = new URL('../fixtures/decoders/', import.meta.url)
const models = ['mistral-swa', 'qwen2', 'gemma3-text']

const corpus = [
  'Hello, world!',
  'two  spaces and a trailing one ',
  'naïve café — “quotes” …',
  '你好，世界 こんにちは 안녕하세요',
  '😀 🏳️‍🌈 👩‍👩‍👧‍👦',
  'tabs\tand\nnew\r\nlines',
]

for (const name of models) {
  describe(`tokenizer ${name}`, async () => {
    const dir = new URL(`${name}/checkpoint/`, fixtures).pathname
    const tokenizer = await Tokenizer.load(dir)

    it('decodes what the Hugging Face library decodes', async () => {
      const [json, config] = await Promise.all(
        ['tokenizer.json', 'tokenizer_config.json'].map(async (file) =>
          JSON.parse(await readFile(dir + file, 'utf8')),
        ),
      )
      const library = new HfTokenizer(json, config)
      for (const text of corpus) {
        const ids = tokenizer.encode(text)
        const options = { skip_special_tokens: true, clean_up_tokenization_spaces: false }
        assert.equal(tokenizer.decode(ids), library.decode([...ids], options))
      }
    })

    it('gives any text back', () => {
      fc.assert(
        fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), (text) => {
          // Qwen normalises to NFC on the way in, by its own rule; SentencePiece's sign for a space is one.
          fc.pre(
            text === text.normalize('NFC') &&
              !text.includes('▁') &&
              !tokenizer.specialTokens.some((t) => text.includes(t)),
          )
          assert.equal(tokenizer.decode(tokenizer.encode(text)), text)
        }),
        { numRuns: 200 },
      )
    })

    it('streams whole code points only', () => {
      for (const text of corpus) {
        const detokenizer = tokenizer.detokenizer()
        const pieces = [...tokenizer.encode(text)].map((id) => detokenizer.push(id))
        pieces.push(detokenizer.flush())
        for (const piece of pieces) {
          assert.ok(!piece.includes('�'), `a piece of ${JSON.stringify(text)} is broken`)
          assert.ok(piece.isWellFormed())
        }
        assert.equal(pieces.join(''), tokenizer.decode(tokenizer.encode(text)))
      }
    })

    it('ends an unfinished code point as U+FFFD, at the end and not before', () => {
      const ids = [...tokenizer.encode('😀')]
      const detokenizer = tokenizer.detokenizer()
      const cut = ids.slice(0, -1).map((id) => detokenizer.push(id))
      assert.equal(cut.join('').trim(), '')
      assert.equal(detokenizer.flush(), '�')
    })

    it('keeps a byte order mark, which the library drops', () => {
      assert.equal(tokenizer.decode(tokenizer.encode('\ufeffmark')), '\ufeffmark')
    })

    it('has bytes for every token that add up to the text', () => {
      const text = 'añb 你😀'
      const bytes = [...tokenizer.encode(text)].flatMap((id) => [...tokenizer.bytesOf(id)])
      assert.equal(new TextDecoder().decode(Uint8Array.from(bytes)).trimStart(), text)
    })
  })
}

describe('tokenizer files', () => {
  it('refuses a missing file, naming the folder', async () => {
    await assert.rejects(Tokenizer.load('/nowhere'), {
      code: 'invalid_package',
      message: /\/nowhere/,
    })
  })

  it('refuses a decoder whose bytes it cannot tell, naming it', () => {
    assert.throws(() => byteRule({ type: 'WordPiece' }), /WordPiece/)
  })
})
