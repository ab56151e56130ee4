/** SigLIP's `spiece.model` against SentencePiece's own normalisation and ids. */
import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, describe, it } from 'node:test'
import fc from 'fast-check'
import { readTexts, textSide } from '../../src/embeddings/texts.ts'
import { AerieError } from '../../src/errors.ts'
import { charsmap } from '../../src/tokenizer/charsmap.ts'
import { encoderHere } from '../../src/tokenizer/encoder-here.ts'
import { decodeSentencePiece } from '../../src/tokenizer/sentencepiece.ts'
import { convertSpiece } from '../../src/tokenizer/spiece.ts'
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts'
import { dualFixture } from '../support/dual-fixture.ts'

const FOLDER = resolve(import.meta.dirname, '../fixtures/embeddings/tiny-siglip')
const bytes = readFileSync(join(FOLDER, 'spiece.model'))
const config = JSON.parse(readFileSync(join(FOLDER, 'tokenizer_config.json'), 'utf8'))
interface Case {
  readonly text: string
  readonly canonical: string
  readonly normalised: string
  readonly ids: readonly number[]
}
const cases: readonly Case[] = JSON.parse(readFileSync(join(FOLDER, 'spiece.json'), 'utf8'))

describe('a SigLIP tokenizer that is SentencePiece alone', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'aerie-spiece-'))
  after(() => rmSync(scratch, { recursive: true }))
  for (const file of ['spiece.model', 'tokenizer_config.json'])
    cpSync(join(FOLDER, file), join(scratch, file))

  it('normalises as SentencePiece does: widths, ligatures, marks, spaces of every kind', () => {
    const { normalise } = convertSpiece(bytes, config)
    for (const { canonical, normalised } of cases) {
      const written = normalise!(canonical)
      const marked = written === '' ? '' : `▁${written.replaceAll(' ', '▁')}`
      assert.equal(marked, normalised, JSON.stringify(canonical))
    }
  })

  it('gives SentencePiece’s ids, and the end behind them', async () => {
    const tokenizer = await Tokenizer.load(scratch)
    for (const { canonical, ids } of cases)
      assert.deepEqual([...tokenizer.encodeWhole(canonical)], ids, JSON.stringify(canonical))
  })

  it('reads texts to the ids that transformers recorded, which the towers’ vectors are of', async () => {
    const { texts, ids } = dualFixture('siglip')
    const tokenizer = await Tokenizer.load(scratch)
    const tower = { output: '', vocabSize: 44, maxTokens: 32, preparation: 'canonical' } as const
    const side = await textSide(tower, encoderHere(tokenizer))
    const inputs = texts.map((text) => ({ type: 'text', text, param: 'input' }) as const)
    for (const [i, { tokens, length }] of (await readTexts(side, inputs)).entries())
      assert.deepEqual([...tokens.subarray(0, length)], ids[i], texts[i]!)
  })

  it('has the vocabulary of the tokenizer.json that was made of it', () => {
    const want = JSON.parse(readFileSync(join(FOLDER, 'tokenizer.json'), 'utf8'))
    const { json } = convertSpiece(bytes, config)
    const { model } = json as { model: { vocab: [string, number][] } }
    assert.deepEqual(
      model.vocab.map(([piece, score]) => [piece, Math.fround(score)]),
      want.model.vocab.map(([piece, score]: [string, number]) => [piece, Math.fround(score)]),
    )
  })

  it('is refused with the reason where it would be read wrongly', () => {
    const refused = (changed: object, message: RegExp) =>
      assert.throws(
        () => convertSpiece(bytes, { ...config, ...changed }),
        (error) => error instanceof AerieError && message.test(error.message),
      )
    refused({ tokenizer_class: 'AlbertTokenizer' }, /expected tokenizer_class "SiglipTokenizer"/)
    refused({ eos_token: '<end>' }, /eos_token "<end>" is none of its pieces/)
  })

  it('that is damaged says so or is read, and never ends in anything else', () => {
    const whole = decodeSentencePiece(bytes).normalizerSpec.precompiledCharsmap
    const wounds = fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(255)))
    const length = fc.oneof(fc.constant(whole.length), fc.nat(whole.length))
    fc.assert(
      fc.property(wounds, length, fc.string({ unit: 'binary' }), (places, end, text) => {
        const table = new Uint8Array(whole.subarray(0, end))
        // Most of what is at the beginning is used; the rest is for scripts that few texts have.
        for (const [place, byte] of places) table[Math.floor(place ** 4 * end)] = byte
        try {
          const written = charsmap(table, 'spiece.model')(text.toWellFormed())
          assert.ok(written.length <= 1024 * (text.length + 1))
        } catch (error) {
          assert.ok(error instanceof AerieError && error.code === 'invalid_package', String(error))
        }
      }),
      { numRuns: 100 },
    )
    assert.throws(
      () => convertSpiece(bytes.subarray(0, 1000), config),
      (error) => error instanceof AerieError && /^spiece\.model: /.test(error.message),
    )
  })
})
