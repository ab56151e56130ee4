/** What other threads know of a vocabulary is what the library knows of it. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { Tokenizer as HfTokenizer } from '@huggingface/tokenizers'
import { TokenTable } from '../../src/tokenizer/token-table.ts'
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts'

const fixtures = new URL('../fixtures/decoders/', import.meta.url)

for (const name of ['mistral-swa', 'qwen2', 'gemma3-text']) {
  describe(`the table of ${name}`, async () => {
    const dir = new URL(`${name}/checkpoint/`, fixtures).pathname
    const tokenizer = await Tokenizer.load(dir)
    const [json, config] = await Promise.all(
      ['tokenizer.json', 'tokenizer_config.json'].map(async (file) =>
        JSON.parse(await readFile(dir + file, 'utf8')),
      ),
    )
    const library = new HfTokenizer(json, config)
    // As a message to another thread does.
    const table = new TokenTable(structuredClone(tokenizer.data))

    it('finds every token by its name, and none that there is not', () => {
      const vocabulary = library.get_vocab(true)
      assert.equal(table.size, vocabulary.size)
      assert.ok(vocabulary.size > 100)
      for (const token of vocabulary.keys())
        assert.equal(table.idOf(token), library.token_to_id(token), JSON.stringify(token))
      for (const stranger of ['', 'no such token', '<|no_such|>', '\u{10ffff}'])
        assert.equal(table.idOf(stranger), undefined)
    })

    it('gives a text of every token back, and nothing for ids that no token has', () => {
      for (const id of library.get_vocab(true).values())
        assert.deepEqual(table.bytesOf(id), tokenizer.bytesOf(id))
      for (const id of [table.size, table.size + 1, 2 ** 31, -1])
        assert.equal(table.bytesOf(id).length, 0)
      const text = 'naïve café — 你好 😀'
      assert.equal(table.decode(tokenizer.encode(text)), text)
    })
  })
}
