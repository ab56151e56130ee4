import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { it } from 'node:test'
import { CONFIG_PAGE, configPage } from '../../src/cli/config-docs.ts'
import { CONFIG_KEYS } from '../../src/config-schema.ts'

it('docs/config.md is what the schema says (node src/cli/config-docs.ts writes it)', () => {
  assert.equal(readFileSync(CONFIG_PAGE, 'utf8'), configPage())
})

it('docs/config.md has every key, once', () => {
  for (const key of CONFIG_KEYS.keys()) {
    assert.equal(configPage().split(`| \`${key}\` |`).length, 2, key)
  }
})
