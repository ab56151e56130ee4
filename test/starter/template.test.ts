import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ChatTemplate, type TemplateMessage } from '../../src/chat/template.ts'
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts'

const STARTER = fileURLToPath(new URL('../../models/starter/', import.meta.url))

describe("the starter's chat template", async () => {
  const template = await ChatTemplate.load(STARTER, await Tokenizer.load(STARTER))
  const render = (...messages: [TemplateMessage['role'], string][]) =>
    template.render(
      messages.map(([role, text]) => ({ role, content: [{ type: 'text' as const, text }] })),
    )

  it('writes system messages before the first question, all of them', () => {
    assert.equal(
      render(['system', 'be brief.'], ['system', 'be kind.'], ['user', 'hi']),
      '<s><|system|>be brief. be kind.<|user|>hi<|assistant|>',
    )
  })

  it('refuses a system message that it has no place for, instead of leaving it out', () => {
    const late = () => render(['user', 'hi'], ['system', 'be brief.'], ['user', 'hello'])
    assert.throws(late, { code: 'invalid_request', message: /before the first user message/ })
    assert.throws(() => render(['system', 'be brief.']), {
      code: 'invalid_request',
      message: /needs a user message/,
    })
  })
})
