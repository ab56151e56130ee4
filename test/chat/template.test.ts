import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ChatTemplate } from '../../src/chat/template.ts'

const MESSAGES = [
  { role: 'system', content: [{ type: 'text' as const, text: 'Be brief.' }] },
  {
    role: 'user',
    content: [
      { type: 'text' as const, text: 'One.' },
      { type: 'text' as const, text: 'Two.' },
    ],
  },
]

describe('a chat template', () => {
  it('that takes contents apart gets their parts', () => {
    const template = new ChatTemplate(
      '{% for m in messages %}[{{ m.role }}]{% for p in m.content %}<{{ p.text }}>{% endfor %}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}',
      {},
    )
    assert.equal(template.render(MESSAGES), '[system]<Be brief.>[user]<One.><Two.>[assistant]')
  })

  it('refuses a conversation in its own words', () => {
    const template = new ChatTemplate("{{ raise_exception('no system message') }}", {})
    assert.throws(() => template.render(MESSAGES), {
      code: 'invalid_request',
      param: 'messages',
      message: /no system message/,
    })
  })

  it('reaches nothing of the program that renders it', () => {
    const probes = [
      "{{ ''.constructor.constructor('return process')() }}",
      '{{ messages.__proto__.polluted }}',
      "{{ messages['constructor']['name'] }}",
      '{{ process }}{{ globalThis }}{{ require }}',
    ]
    for (const source of probes) {
      let text = ''
      try {
        text = new ChatTemplate(source, {}).render(MESSAGES)
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'invalid_request')
      }
      assert.doesNotMatch(text, /Array|Object|native|process/)
    }
  })
})
