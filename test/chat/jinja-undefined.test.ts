import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Template } from '@huggingface/jinja'
import { withEmptyForUndefined } from '../../src/chat/jinja-undefined.ts'

const render = (text: string) =>
  withEmptyForUndefined(new Template(text)).render({ y: {}, there: [' a ', 'b'] })

// The right side is what Jinja2 3.1.6 made of each.
const CASES = [
  ['{{ y.z | trim }}', ''],
  ['{{ y.z | upper }}', ''],
  ['{{ y.z | string }}', ''],
  ["{{ y.z | replace('a', 'b') }}", ''],
  ['{{ y.z | length }}', '0'],
  ["{{ y.z | join(', ') }}", ''],
  ["{{ y.z | selectattr('a') | list | length }}", '0'],
  ["{{ 'x' ~ y.z ~ 1 }}", 'x1'],
  ['{% for x in y.z %}{{ x }}{% endfor %}', ''],
  ['{% for x in y.z if x %}{{ x }}{% else %}none{% endfor %}', 'none'],
  ['{% for x in y.z %}{{ x }}{% else %}none{% endfor %}', 'none'],
  ["{% if y.z is defined %}yes{% else %}{{ y.z | default('no') }}{% endif %}", 'no'],
  ["{% set a = y.z | trim %}{{ '[' + a + ']' }}", '[]'],
  ['{% macro f(t) %}({{ t | trim }}){% endmacro %}{{ f(y.z) }}', '()'],
  // What is there stays as it is.
  ["{% for x in there %}{{ x | trim }}{{ '' ~ x }};{% endfor %}", 'a a ;bb;'],
  ['{{ there | length }}', '2'],
  ["{{ there | join('-') }}", ' a -b'],
] as const

describe('what a template does with what is not defined', () => {
  for (const [text, expected] of CASES) {
    it(text, () => assert.equal(render(text), expected))
  }

  it('is refused where Jinja2 refuses it as well', () => {
    for (const text of ["{{ 'a' + y.z }}", '{{ y.z.strip() }}']) {
      assert.throws(() => render(text), text)
    }
  })
})
