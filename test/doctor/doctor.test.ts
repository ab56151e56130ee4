import assert from 'node:assert/strict'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { SqliteBatchRecords } from '../../src/batches/sqlite-records.ts'
import { resolveConfig } from '../../src/config.ts'
import { checkBatches } from '../../src/doctor/batches.ts'
import { examine } from '../../src/doctor/command.ts'
import { checkFiles, checkFolder } from '../../src/doctor/files.ts'
import { formatFindings } from '../../src/doctor/finding.ts'
import { checkModels } from '../../src/doctor/models.ts'
import { firstLine, output } from '../../src/doctor/output.ts'
import { checkOnnxRuntime } from '../../src/doctor/runtimes.ts'
import { SqliteRecords } from '../../src/files/sqlite-records.ts'

describe('the report', () => {
  it('looks at processor, memory, Node, runtimes, media, GPU and models, on any machine', async () => {
    const findings = await examine()
    const names = findings.map(({ name }) => name)
    for (const name of [
      'CPU',
      'Memory',
      'Node',
      'ONNX Runtime',
      'Native addon',
      'sharp',
      'ffmpeg',
    ]) {
      assert.ok(names.includes(name), name)
    }
    for (const name of ['Files', 'NVIDIA GPU', 'TensorRT', 'Model starter'])
      assert.ok(names.includes(name), name)
    for (const finding of findings) {
      assert.notEqual(finding.text, '', finding.name)
      assert.doesNotMatch(finding.text + (finding.advice ?? ''), /\n|undefined|\[object/)
      if (finding.state !== 'ok') assert.ok(finding.advice, `${finding.name} says what to do`)
    }
  })

  it('has one line for each finding, names aligned', () => {
    const text = formatFindings([
      { name: 'CPU', state: 'ok', text: 'fast' },
      { name: 'ffmpeg', state: 'note', text: 'absent', advice: 'install it' },
      { name: 'sharp', state: 'bad', text: 'broken', advice: 'run `npm ci`' },
    ])
    assert.deepEqual(text.split('\n'), [
      '✓ CPU     fast',
      '! ffmpeg  absent → install it',
      '✗ sharp   broken → run `npm ci`',
    ])
  })
})

it('ONNX Runtime is only called good when it has computed something', async () => {
  assert.deepEqual((await checkOnnxRuntime()).state, 'ok')
})

describe('files', () => {
  const root = mkdtempSync(join(tmpdir(), 'aerie-doctor-'))
  after(() => rmSync(root, { recursive: true }))

  it('none is fine, and where they would be is said', async () => {
    const { state, text } = await checkFolder(join(root, 'not', 'yet'))
    assert.equal(state, 'ok')
    assert.match(text, /^none stored yet, in .*not.yet, \d+\.\d GiB free$/)
  })

  it('are counted, and a damaged database is bad news', async () => {
    mkdirSync(join(root, 'files'))
    const path = join(root, 'files', 'files.sqlite')
    new SqliteRecords(path).close()
    const whole = await checkFolder(root)
    assert.equal(whole.state, 'ok')
    assert.match(whole.text, /^0 files of 0\.00 GiB, database whole, version 2 in /)
    writeFileSync(path, 'no database at all '.repeat(100))
    const { state, text, advice } = await checkFolder(root)
    assert.equal(state, 'bad')
    assert.match(text, /not a database/)
    assert.match(advice ?? '', /docs\/files\.md/)
  })

  it('of replicas: a database and a bucket that cannot be reached are bad news, and keep their secrets', async () => {
    const flags = {
      databaseUrl: 'postgres://aerie:a-secret@127.0.0.1:9/files',
      objectStore: 's3://files',
      objectStoreEndpoint: 'http://127.0.0.1:9',
    }
    const found = await checkFiles(resolveConfig({ flags }))
    assert.deepEqual(
      found.map(({ name, state }) => [name, state]),
      [
        ['Database', 'bad'],
        ['Object store', 'bad'],
      ],
    )
    assert.match(found[0]!.text, /database cannot be reached \(ECONNREFUSED\)/)
    assert.match(found[1]!.text, /no credentials|cannot be reached/)
    assert.doesNotMatch(JSON.stringify(found), /a-secret/)
  })
})

describe('batches', () => {
  const root = mkdtempSync(join(tmpdir(), 'aerie-doctor-'))
  after(() => rmSync(root, { recursive: true }))

  it('none is fine; they are counted, and a damaged database is bad news', async () => {
    assert.match((await checkBatches(root)).text, /^none yet, in /)
    mkdirSync(join(root, 'batches'))
    const path = join(root, 'batches', 'batches.sqlite')
    new SqliteBatchRecords(path).close()
    const whole = await checkBatches(root)
    assert.equal(whole.state, 'ok')
    assert.match(whole.text, /^0 under way with 0 lines to run, database whole, version \d+, in /)
    writeFileSync(path, 'no database at all '.repeat(100))
    const { state, text, advice } = await checkBatches(root)
    assert.equal(state, 'bad')
    assert.match(text, /not a database/)
    assert.match(advice ?? '', /docs\/batches\.md/)
  })
})

describe('models', () => {
  const root = mkdtempSync(join(tmpdir(), 'aerie-doctor-'))
  after(() => rmSync(root, { recursive: true }))
  const shipped = new URL('../fixtures/starter/checkpoint/', import.meta.url)

  it('none is bad news', async () => {
    const [finding, ...others] = await checkModels(root)
    assert.deepEqual([finding!.state, finding!.text, others.length], ['bad', 'none installed', 0])
  })

  it('a whole one is named with its family and size; folders without a model are passed over', async () => {
    const folder = join(root, 'whole')
    cpSync(shipped, folder, { recursive: true })
    writeFileSync(join(folder, 'tokenizer.json'), '{}')
    mkdirSync(join(root, 'blocks'))
    const findings = await checkModels(root)
    assert.equal(findings.length, 1)
    assert.equal(findings[0]!.name, 'Model whole')
    assert.equal(findings[0]!.state, 'ok', findings[0]!.text)
    assert.match(findings[0]!.text, /^aerie_starter, \d+\.\d MB$/)
  })

  it('one that lacks a file, or cannot be read, is bad and says so', async () => {
    cpSync(shipped, join(root, 'lacking'), { recursive: true })
    mkdirSync(join(root, 'odd'))
    for (const file of ['config.json', 'tokenizer.json', 'model.safetensors']) {
      writeFileSync(join(root, 'odd', file), '{"model_type": "unheard_of"}')
    }
    const findings = await checkModels(root)
    const textOf = (name: string) => findings.find((f) => f.name === `Model ${name}`)
    assert.deepEqual(
      [textOf('lacking')!.state, textOf('lacking')!.text],
      ['bad', 'lacks tokenizer.json'],
    )
    assert.equal(textOf('odd')!.state, 'bad')
    assert.match(textOf('odd')!.text, /unheard_of/)
  })
})

describe('other programs', () => {
  it('are asked for their first line', async () => {
    assert.equal(await firstLine(process.execPath, ['--version']), process.version)
  })

  it('that are missing or fail say nothing', async () => {
    assert.equal(await output('aerie-no-such-program', []), undefined)
    assert.equal(await output(process.execPath, ['-e', 'process.exit(1)']), undefined)
  })
})
