/** What is written about the API is what the code does. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { OpenAI } from 'openai'
import { ERROR_CODES } from '../../src/errors.ts'
import type { WireRequests } from '../../src/http/contract.ts'
import { renderAll } from '../../src/http/generate.ts'
import { ERROR_STATUS } from '../../src/http/openai-error.ts'
import { readOpenApi, resolveSchema, type Schema } from '../../src/http/openapi-document.ts'
import { LIMIT_NAMES } from '../../src/limits/rate-limits.ts'

const root = new URL('../../', import.meta.url)

test('everything generated from openapi.yaml is up to date (npm run openapi)', async () => {
  for (const [file, expected] of await renderAll()) {
    assert.ok((await readFile(file, 'utf8')) === expected, `${file.pathname} is stale`)
  }
})

test('openapi.yaml passes the recommended lint rules', () => {
  const redocly = fileURLToPath(new URL('node_modules/@redocly/cli/bin/cli.js', root))
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [redocly, 'lint', 'openapi.yaml', '--max-problems=5'],
    {
      cwd: fileURLToPath(root),
      encoding: 'utf8',
      env: { ...process.env, REDOCLY_TELEMETRY: 'off' },
    },
  )
  assert.equal(status, 0, stdout + stderr)
  assert.doesNotMatch(stdout + stderr, /warning/i)
})

test('the official client knows no request field that openapi.yaml does not list', () => {
  type Chat = OpenAI.Chat.Completions.ChatCompletionCreateParams
  type Wire = WireRequests['ChatCompletionRequest']
  type Message = OpenAI.Chat.Completions.ChatCompletionMessageParam
  type WireMessage = Wire['messages'][number]
  type Keys<T> = T extends unknown ? keyof T : never
  type RoleKeys<T, Role> = Keys<Extract<T, { role: Role }>>
  type Nothing<T> = [T] extends [never] ? true : T
  type Embedding = OpenAI.EmbeddingCreateParams
  // These do not compile when a field is missing; the compiler's message names it.
  const complete: {
    fields: Nothing<Exclude<Keys<Chat>, keyof Wire>>
    embedding: Nothing<Exclude<Keys<Embedding>, keyof WireRequests['EmbeddingRequest']>>
    system: Nothing<Exclude<RoleKeys<Message, 'system'>, RoleKeys<WireMessage, 'system'>>>
    developer: Nothing<Exclude<RoleKeys<Message, 'developer'>, RoleKeys<WireMessage, 'developer'>>>
    user: Nothing<Exclude<RoleKeys<Message, 'user'>, RoleKeys<WireMessage, 'user'>>>
    assistant: Nothing<Exclude<RoleKeys<Message, 'assistant'>, RoleKeys<WireMessage, 'assistant'>>>
    roles: Nothing<Exclude<Message['role'], WireMessage['role']>>
  } = {
    fields: true,
    embedding: true,
    system: true,
    developer: true,
    user: true,
    assistant: true,
    roles: true,
  }
  assert.ok(complete)
})

test('every field of a request says what becomes of it', async () => {
  const document = await readOpenApi()
  const visited = new Set<Schema>()
  const visit = (given: Schema, path: string): void => {
    const schema = resolveSchema(document, given)
    if (visited.has(schema)) return
    visited.add(schema)
    for (const [name, field] of Object.entries(schema.properties ?? {})) {
      const support = resolveSchema(document, field)['x-aerie']
      assert.ok(support, `${path}.${name} has no x-aerie`)
      if (support.status === 'refused') assert.ok(support.note, `${path}.${name} does not say why`)
      visit(field, `${path}.${name}`)
    }
    for (const inner of [schema.items, ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])]) {
      if (inner) visit(inner, path)
    }
  }
  visit({ $ref: '#/components/schemas/ChatCompletionRequest' }, 'request')
  visit({ $ref: '#/components/schemas/EmbeddingRequest' }, 'embedding')
  assert.ok(visited.size > 60)
})

test('docs/errors.md and the code agree on every code, in both directions', async () => {
  const text = await readFile(new URL('docs/errors.md', root), 'utf8')
  const rows = [...text.matchAll(/^\| `(\w+)` \| (\d+) \| `(\w+)` \| (.*?) \| .+ \|$/gm)]
  const documented = rows.map(([, code, status, type, meaning]) => [
    code,
    Number(status),
    type,
    meaning,
  ])
  const coded = Object.entries(ERROR_STATUS).map(([code, { status, type }]) => {
    return [code, status, type, ERROR_CODES[code as keyof typeof ERROR_CODES]]
  })
  assert.deepEqual(documented, coded)
  assert.deepEqual(Object.keys(ERROR_STATUS), Object.keys(ERROR_CODES))
})

test('openapi.yaml lists the same codes', async () => {
  const { components } = await readOpenApi()
  const details = components.schemas['ErrorDetails']?.properties
  assert.deepEqual(details?.['code']?.enum, Object.keys(ERROR_CODES))
  const types = new Set<string>([
    ...Object.values(ERROR_STATUS).map(({ type }) => type),
    // That of a limit which was exceeded is its name.
    ...Object.values(LIMIT_NAMES),
  ])
  assert.deepEqual(new Set(details?.['type']?.enum), types)
})
