import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { findTemplate } from '../../src/chat/template-source.ts'

describe('the chat template of a folder', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'aerie-template-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('is the file, else the processor’s, else the tokenizer’s', async () => {
    const config = { chat_template: 'of the tokenizer' }
    const find = async () => (await findTemplate(folder, config))!.text
    assert.equal(await find(), 'of the tokenizer')
    writeFileSync(join(folder, 'chat_template.json'), '{"chat_template": "of the processor"}')
    assert.equal(await find(), 'of the processor')
    writeFileSync(join(folder, 'chat_template.jinja'), 'of the file')
    assert.equal(await find(), 'of the file')
  })

  it('is the default one of several', async () => {
    const named = [
      { name: 'tool_use', template: 'tools' },
      { name: 'default', template: 'plain' },
    ]
    assert.deepEqual(await findTemplate(folder, { chat_template: named }), {
      text: 'plain',
      toolText: 'tools',
      file: 'tokenizer_config.json',
    })
  })

  it('may be missing, as base models have none', async () => {
    assert.equal(await findTemplate(folder, {}), undefined)
    assert.equal(await findTemplate(folder, { chat_template: null }), undefined)
  })

  it('is refused where it is no text', async () => {
    const refused = (config: object, message: RegExp) =>
      assert.rejects(findTemplate(folder, { ...config }), { code: 'invalid_package', message })
    await refused({ chat_template: 5 }, /tokenizer_config\.json: chat_template: expected a text/)
    await refused({ chat_template: [{ name: 'rag', template: 'x' }] }, /one of the name "default"/)
  })
})
