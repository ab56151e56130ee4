import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  acceptedHosts,
  apiKeyRequired,
  type Config,
  type ConfigSources,
  isLoopback,
  maskConfig,
  readConfig,
  resolveConfig,
} from '../src/config.ts'
import { CONFIG_GROUPS, CONFIG_KEYS } from '../src/config-schema.ts'
import { expectation, formatNumber, kebab, parseValue, upperSnake } from '../src/config-value.ts'
import { parseCpu } from '../src/cpu.ts'
import { AerieError } from '../src/errors.ts'

const problemsOf = (sources: ConfigSources): string[] => {
  try {
    resolveConfig(sources)
  } catch (error) {
    assert.ok(error instanceof AerieError)
    assert.equal(error.code, 'invalid_config')
    return error.message.split('\n')
  }
  return assert.fail('expected the configuration to be refused')
}

describe('where a value comes from', () => {
  const file = { name: 'aerie.yaml', content: { port: 1, maxRunning: 2, maxWaiting: 3 } }

  it('is the default when nothing else says', () => {
    const config = resolveConfig({})
    assert.equal(config.port, 8000)
    assert.equal(config.host, '127.0.0.1')
    assert.equal(config.kvCacheBytes, 256 * 1024 * 1024)
    assert.equal(config.apiKeysFile, undefined)
  })

  it('is the file before the default, the environment before the file, the flag before all', () => {
    const env = { AERIE_MAX_RUNNING: '20', AERIE_MAX_WAITING: '30' }
    const config = resolveConfig({ file, env, flags: { maxWaiting: '300' } })
    assert.deepEqual([config.port, config.maxRunning, config.maxWaiting], [1, 20, 300])
  })

  it('ignores variables of other programs', () => {
    assert.equal(resolveConfig({ env: { PORT: '9', MY_AERIE_PORT: '9' } }).port, 8000)
  })

  it('takes as many threads as there are physical cores', () => {
    assert.ok(resolveConfig({}).threads >= 1)
    assert.equal(resolveConfig({ flags: { threads: '3' } }).threads, 3)
  })
})

describe('mistakes stop the start and name key, source and expectation', () => {
  it('an unknown key, with the one that was probably meant', () => {
    assert.deepEqual(problemsOf({ env: { AERIE_PROT: '1' } }), [
      'environment variable AERIE_PROT: unknown key; did you mean AERIE_PORT?',
    ])
    assert.deepEqual(problemsOf({ file: { name: 'a.json', content: { maxruning: 1 } } }), [
      'a.json: maxruning: unknown key; did you mean maxRunning?',
    ])
    assert.deepEqual(problemsOf({ flags: { somethingElse: '1' } }), [
      '--something-else: unknown key',
    ])
  })

  it('a value outside its range or of another type', () => {
    assert.deepEqual(problemsOf({ flags: { port: '70000' } }), [
      "--port: expected an integer from 0 to 65535, got '70000'",
    ])
    assert.deepEqual(problemsOf({ env: { AERIE_ALLOW_SVG: 'yes' } }), [
      "environment variable AERIE_ALLOW_SVG: expected true or false, got 'yes'",
    ])
    assert.deepEqual(problemsOf({ file: { name: 'a.yaml', content: { backend: ['onnx'] } } }), [
      'a.yaml: backend: expected one of auto, native, onnx, reference, got ["onnx"]',
    ])
  })

  it('all of them at once', () => {
    const problems = problemsOf({
      env: { AERIE_PORT: 'x', AERIE_BACKEND: 'y' },
      flags: { model: '' },
    })
    assert.equal(problems.length, 3)
  })

  it('a file that is no object', () => {
    for (const content of [null, [], 'text', 3]) {
      assert.match(
        problemsOf({ file: { name: 'a.yaml', content } })[0]!,
        /^a\.yaml: expected an object/,
      )
    }
  })

  it('never repeats a long value in full', () => {
    const [problem] = problemsOf({ flags: { port: 'x'.repeat(100_000) } })
    assert.ok(problem!.length < 200)
  })

  it('a picture limit that no picture budget can hold', () => {
    assert.match(problemsOf({ flags: { maxImageBytes: '1GiB' } })[0]!, /^mediaMaxBytesInUse/)
  })

  it('shared files that are half configured, or at places that are none', () => {
    const both = { databaseUrl: 'postgres://u@h/d', objectStore: 's3://bucket/a/b' }
    assert.equal(resolveConfig({ flags: both }).objectStore, both.objectStore)
    const cases: readonly (readonly [flags: Record<string, string>, problem: RegExp])[] = [
      [{ databaseUrl: both.databaseUrl }, /^databaseUrl and objectStore: expected both/],
      [{ objectStore: both.objectStore }, /^databaseUrl and objectStore: expected both/],
      [{ ...both, databaseUrl: 'mysql://u@h/d' }, /^databaseUrl: expected postgres:\/\//],
      [{ ...both, objectStore: 'bucket' }, /^objectStore: expected s3:\/\/bucket or/],
      [{ ...both, objectStore: 's3://key:secret@bucket' }, /^objectStore: expected s3:/],
      [{ ...both, objectStoreEndpoint: 'host:9000' }, /^objectStoreEndpoint: expected an http/],
      [{ ...both, objectCacheBytes: '1MiB' }, /^objectCacheBytes: expected at least maxFileBytes/],
      [{ maxTenantFilesBytes: '64GiB' }, /^maxTenantFilesBytes: expected at most maxFilesBytes/],
    ]
    for (const [flags, problem] of cases) assert.match(problemsOf({ flags })[0] ?? '', problem)
  })

  it('repeats no secret, right or wrong', () => {
    const url = 'mysql://aerie:a-secret@host/db'
    const wrong = [{ flags: { databaseUrl: url } }, { env: { AERIE_DATABASE_URL: url } }]
    for (const source of wrong) assert.doesNotMatch(problemsOf(source).join(), /a-secret/)
    const file = { name: 'a.json', content: { databaseUrl: { url } } }
    const [problem] = problemsOf({ file })
    assert.match(problem!, /^a\.json: databaseUrl: expected a non-empty text/)
    assert.doesNotMatch(problem!, /a-secret/)
    const flags = { databaseUrl: 'postgres://aerie:a-secret@host/db', objectStore: 's3://b' }
    const masked = JSON.stringify(maskConfig(resolveConfig({ flags })))
    assert.doesNotMatch(masked, /a-secret/)
    assert.match(masked, /"databaseUrl":"\(masked\)"/)
  })
})

describe('API keys', () => {
  it('are needed where other machines reach the server or keys are named, unless said otherwise', () => {
    const required = (
      host: string,
      requireApiKey: Config['requireApiKey'],
      keys?: Pick<Config, 'apiKeysFile'>,
    ) => apiKeyRequired({ host, requireApiKey, ...keys })
    assert.equal(required('127.0.0.1', 'auto'), false)
    assert.equal(required('127.0.0.1', 'auto', { apiKeysFile: 'keys.txt' }), true)
    assert.equal(required('127.0.0.1', false, { apiKeysFile: 'keys.txt' }), false)
    assert.equal(required('0.0.0.0', 'auto'), true)
    assert.equal(required('0.0.0.0', false), false)
    assert.equal(required('127.0.0.1', true), true)
  })

  it('and names in the Host header are looked at exactly where neither a key nor the network protects', () => {
    const accepted = (host: string, requireApiKey: Config['requireApiKey'], names: string[] = []) =>
      acceptedHosts({ host, requireApiKey, allowedHosts: names })
    assert.deepEqual(accepted('127.0.0.1', 'auto'), [])
    assert.equal(accepted('127.0.0.1', true), undefined)
    assert.equal(accepted('0.0.0.0', 'auto'), undefined)
    assert.equal(accepted('0.0.0.0', false), undefined)
    assert.deepEqual(accepted('0.0.0.0', 'auto', ['aerie.example']), ['aerie.example'])
  })

  it('take only loopback addresses for loopback', () => {
    const hosts = ['127.0.0.1', '127.8.9.1', '::1', 'localhost']
    assert.deepEqual(hosts.filter(isLoopback), hosts)
    const others = [
      '0.0.0.0',
      '::',
      '127.evil.example',
      '10.0.0.1',
      'localhost.example',
      '128.0.0.1',
      '',
    ]
    assert.deepEqual(others.filter(isLoopback), [])
  })

  it('must come from somewhere when they are needed', () => {
    assert.match(problemsOf({ flags: { host: '0.0.0.0' } })[0]!, /expected apiKeysFile/)
    assert.match(problemsOf({ flags: { requireApiKey: 'true' } })[0]!, /expected apiKeysFile/)
    resolveConfig({ flags: { host: '0.0.0.0', apiKeysFile: 'keys.txt' } })
    resolveConfig({ flags: { host: '0.0.0.0', requireApiKey: 'false' } })
  })
})

describe('values as text', () => {
  it('are sizes with or without a unit where the key counts bytes', () => {
    const bytes = (text: string) => resolveConfig({ flags: { kvCacheBytes: text } }).kvCacheBytes
    assert.equal(bytes('1048576'), 1024 ** 2)
    assert.equal(bytes('512MiB'), 512 * 1024 ** 2)
    assert.equal(bytes('1.5 gib'), 1.5 * 1024 ** 3)
    assert.equal(bytes('2MB'), 2_000_000)
    for (const text of ['1XB', '1.0001KiB', '-1MiB', '', 'MiB', '1e9', '0x10']) {
      assert.match(
        problemsOf({ flags: { kvCacheBytes: text } })[0]!,
        /expected a size such as/,
        text,
      )
    }
  })

  it('are lists by commas, by repetition, or as an array in a file', () => {
    const hosts = (value: unknown) =>
      resolveConfig({ flags: { fetchAllowedHosts: value } }).fetchAllowedHosts
    assert.deepEqual(hosts(['a.org, *.b.org', 'c.org']), ['a.org', '*.b.org', 'c.org'])
    assert.deepEqual(hosts('a.org'), ['a.org'])
    assert.deepEqual(hosts([]), [])
    assert.match(problemsOf({ flags: { fetchAllowedHosts: [1] } })[0]!, /expected a list/)
  })

  it('never make another type than the schema has, whatever comes in', () => {
    const keys = fc.constantFrom(...CONFIG_KEYS.entries())
    fc.assert(
      fc.property(keys, fc.oneof(fc.string(), fc.anything()), ([key, schema], raw) => {
        const value = parseValue(schema, raw)
        if (value === undefined) return
        if (schema.type === 'integer') assert.ok(Number.isSafeInteger(value), key)
        if (schema.type === 'number') assert.ok(Number.isFinite(value), key)
        if (schema.type === 'integer' || schema.type === 'number') {
          assert.ok((value as number) >= (schema.minimum ?? -Infinity), key)
          assert.ok((value as number) <= (schema.maximum ?? Infinity), key)
        }
        if (schema.type === 'boolean') assert.equal(typeof value, 'boolean', key)
        if (schema.type === 'string') assert.equal(typeof value, 'string', key)
        if (schema.type === 'array')
          assert.ok((value as unknown[]).every((v) => typeof v === 'string'))
        if (schema.anyOf)
          assert.ok(['auto', true, false].includes(value as never) || typeof value === 'string')
      }),
      { numRuns: 2000 },
    )
  })

  it('are read back as they are written, for every default', () => {
    for (const [key, schema] of CONFIG_KEYS) {
      if (typeof schema.default !== 'number') continue
      assert.equal(parseValue(schema, formatNumber(schema, schema.default)), schema.default, key)
    }
  })
})

describe('the schema', () => {
  it('describes every key, in a known group, with a default that passes its own check', () => {
    for (const [key, schema] of CONFIG_KEYS) {
      assert.ok(schema.description.length > 10, key)
      assert.ok(CONFIG_GROUPS.includes(schema.group), key)
      assert.ok(schema.default !== undefined || schema.defaultText !== undefined, key)
      if (schema.default !== undefined) {
        assert.deepEqual(parseValue(schema, schema.default), schema.default, key)
      }
      assert.ok(expectation(schema).length > 5, key)
    }
  })

  it('gives every key a flag and a variable of its own', () => {
    const keys = [...CONFIG_KEYS.keys()]
    assert.equal(new Set(keys.map(kebab)).size, keys.length)
    assert.equal(new Set(keys.map(upperSnake)).size, keys.length)
    assert.equal(kebab('fetchAllowPrivateAddresses'), 'fetch-allow-private-addresses')
    assert.equal(upperSnake('kvCacheBytes'), 'AERIE_KV_CACHE_BYTES')
  })

  it('marks each key that would hold a secret, so that the log masks it', () => {
    for (const [key, schema] of CONFIG_KEYS) {
      const soundsSecret =
        /key|token|secret|password/i.test(key) && typeof schema.default !== 'number'
      const isMasked = schema.writeOnly === true
      // The names of these two speak of secrets; their values are a path and a switch.
      if (soundsSecret && !['apiKeysFile', 'requireApiKey'].includes(key)) assert.ok(isMasked, key)
    }
    assert.equal(maskConfig(resolveConfig({}))['port'], 8000)
  })
})

describe('the configuration file', () => {
  it('is JSON or YAML by its ending, and named in its mistakes', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'aerie-config-'))
    t.after(() => rm(folder, { recursive: true }))
    const write = async (name: string, text: string) => {
      await writeFile(join(folder, name), text)
      return join(folder, name)
    }
    const yaml = await write(
      'a.yaml',
      'port: 9001\nkvCacheBytes: 64MiB\nfetchAllowedHosts: [a.org]\n',
    )
    const fromYaml = await readConfig({}, yaml)
    assert.equal(fromYaml.port, 9001)
    assert.equal(fromYaml.kvCacheBytes, 64 * 1024 ** 2)
    assert.deepEqual(fromYaml.fetchAllowedHosts, ['a.org'])
    assert.equal((await readConfig({ port: '1' }, await write('a.json', '{"port": 2}'))).port, 1)
    await assert.rejects(readConfig({}, await write('bad.json', '{port: 2}')), /bad\.json: /)
    await assert.rejects(readConfig({}, await write('a.toml', '')), /expected a file ending in/)
    await assert.rejects(readConfig({}, join(folder, 'none.yaml')), /none\.yaml: ENOENT/)
  })
})

describe('the processor', () => {
  const thread = (physical: number, core: number) =>
    `processor: 0\nphysical id\t: ${physical}\ncore id\t\t: ${core}\nflags\t\t: fpu avx2 avx512f`

  it('counts two threads of one core once, and no more than this process may use', () => {
    const cpuinfo = [thread(0, 0), thread(0, 0), thread(0, 1), thread(0, 1), thread(1, 0)].join(
      '\n\n',
    )
    assert.equal(parseCpu(cpuinfo, 'X', 8).physicalCores, 3)
    assert.equal(parseCpu(cpuinfo, 'X', 2).physicalCores, 2)
    assert.deepEqual(parseCpu(cpuinfo, 'X', 8).features, ['avx2', 'avx512f'])
  })

  it('falls back to what Node tells where there is no /proc', () => {
    const cpu = parseCpu('', ' Apple M9 ', 8)
    assert.deepEqual(cpu, { model: 'Apple M9', physicalCores: 8, logicalCores: 8, features: [] })
  })
})
