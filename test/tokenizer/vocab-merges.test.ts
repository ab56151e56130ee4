/** Tokenizer folders without tokenizer.json: byte-level BPE of vocab.json and merges.txt. */
import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, describe, it } from 'node:test'
import fc from 'fast-check'
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts'

const FIXTURES = resolve(import.meta.dirname, '../fixtures/vila')
const scratch = mkdtempSync(join(tmpdir(), 'aerie-vocab-'))
after(() => rmSync(scratch, { recursive: true }))

/** A copy of a tokenizer folder, without tokenizer.json, changed. */
function folder(name: string, change: (at: (file: string) => string) => void = () => {}): string {
  const copy = mkdtempSync(join(scratch, `${name}-`))
  cpSync(join(FIXTURES, name, 'checkpoint/llm'), copy, { recursive: true })
  rmSync(join(copy, 'tokenizer.json'), { force: true })
  change((file) => join(copy, file))
  return copy
}

function edit(path: string, change: (text: string) => string): void {
  writeFileSync(path, change(readFileSync(path, 'utf8')))
}

describe('a tokenizer of vocab.json and merges.txt', () => {
  it('gives any text the ids of the tokenizer.json that was made of the same files', async () => {
    const whole = await Tokenizer.load(join(FIXTURES, 'nvila-dynamic-s2/checkpoint/llm'))
    const built = await Tokenizer.load(folder('nvila-dynamic-s2'))
    assert.deepEqual(built.specialTokens, whole.specialTokens)
    const chunk = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom(' the', "'ll", '\r\n', '  ', '12', 'é', 'e\u0301', '<|im_start|>', '東京'),
    )
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 8 }), (chunks) => {
        const text = chunks.join('')
        const ids = built.encode(text)
        assert.deepEqual([...ids], [...whole.encode(text)])
        assert.equal(built.decode(ids), whole.decode(ids))
      }),
      { numRuns: 300 },
    )
  })

  it('gives the ids that the published code recorded', async () => {
    const name = 'nvila-lite-dynamic'
    const { tokenization } = JSON.parse(
      readFileSync(join(FIXTURES, name, 'expected.json'), 'utf8'),
    ) as { tokenization: { text: string; ids: number[] }[] }
    const tokenizer = await Tokenizer.load(folder(name))
    const plain = tokenization.filter(({ text }) => !text.includes('<image>'))
    assert.ok(plain.length > 5)
    for (const { text, ids } of plain) assert.deepEqual([...tokenizer.encode(text)], ids, text)
  })

  it('takes tokens from added_tokens.json that its config does not list', async () => {
    const bare = folder('nvila-lite-dynamic', (at) => {
      edit(at('tokenizer_config.json'), (text) => {
        const { added_tokens_decoder, ...config } = JSON.parse(text)
        assert.ok(added_tokens_decoder)
        return JSON.stringify(config)
      })
    })
    const tokenizer = await Tokenizer.load(bare)
    assert.equal(tokenizer.idOf('<|im_start|>'), 382)
    assert.ok(tokenizer.isSpecial(382))
    assert.deepEqual([...tokenizer.encode('<|im_end|>')], [380])
  })

  it('refuses files that do not fit together, naming the place', async () => {
    const refused: [(at: (file: string) => string) => void, RegExp][] = [
      [
        (at) => edit(at('merges.txt'), (text) => `${text}zz qq\n`),
        /merges\.txt: line \d+: expected two tokens of vocab\.json .* got "zz qq"/,
      ],
      [
        (at) => edit(at('merges.txt'), (text) => text.replace('\n', '\na\n')),
        /merges\.txt: line 2: expected two tokens/,
      ],
      [
        (at) => writeFileSync(at('vocab.json'), '["a"]'),
        /vocab\.json: expected up to 1000000 tokens/,
      ],
      [(at) => writeFileSync(at('vocab.json'), '{"a": -1}'), /vocab\.json: expected up to/],
      [
        (at) => writeFileSync(at('added_tokens.json'), '{"a": "b"}'),
        /added_tokens\.json: expected/,
      ],
      [
        (at) =>
          edit(at('tokenizer_config.json'), (text) =>
            text.replace('Qwen2Tokenizer', 'BertTokenizer'),
          ),
        /tokenizer_class: expected "Qwen2Tokenizer" or "GPT2Tokenizer" .* got "BertTokenizer"/,
      ],
    ]
    for (const [change, message] of refused) {
      await assert.rejects(Tokenizer.load(folder('nvila-lite-dynamic', change)), {
        code: 'invalid_package',
        message,
      })
    }
  })
})
