/** `aerie import`, `inspect` and `serve` of a package as a person starts them. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { readManifest } from '../../src/package/manifest.ts'
import { verifyPackage } from '../../src/package/verify.ts'
import { copyCheckpoint, editJson, scratchFolder } from '../support/checkpoint-folder.ts'
import { convertCheckpoint } from '../support/gguf-conversion.ts'
import { writeGguf } from '../support/gguf-file.ts'
import { splitGguf, writeShards } from '../support/gguf-split.ts'

const AERIE = resolve(import.meta.dirname, '../../bin/aerie.js')
const QWEN3 = resolve(import.meta.dirname, '../fixtures/decoders/qwen3/checkpoint')

describe('aerie import', () => {
  let scratch: string
  let folder: string
  let models: string
  before(() => {
    scratch = scratchFolder()
    folder = copyCheckpoint('vila/vila15', join(scratch, 'tiny'))
    models = join(scratch, 'models')
  })
  after(() => rmSync(scratch, { recursive: true }))

  const aerie = (...args: string[]) =>
    spawnSync(process.execPath, [AERIE, ...args], { encoding: 'utf8' })

  it('says where the package is, on standard output alone', () => {
    const { status, stdout, stderr } = aerie('import', folder, '--models-dir', models)
    assert.equal(status, 0, stderr)
    assert.match(stdout, /models\/tiny-[0-9a-f]{12}\n$/)
    assert.match(stderr, /^aerie: tiny \(llava_llama\): [\d.]+ kB in \d+ s\n$/)
    const again = aerie('import', folder, '--models-dir', models)
    assert.equal(again.stdout, stdout)
    assert.match(again.stderr, /it was there already/)
  })

  it('refuses in one line, with what can be done', () => {
    for (const [args, status, message] of [
      [[], 2, /expected one folder, GGUF file or hub id/],
      [[folder, '--quantize', 'int3'], 2, /: expected none, int8, int4 or int4-pure, got 'int3'/],
      [[folder, '--quantize', 'int4', '--group', '48'], 2, /--group: expected 32 or 128, got '48'/],
      [[folder, '--rounding', 'up'], 2, /--rounding: expected nearest or gptq, got 'up'/],
      [[folder, '--rounding', 'gptq'], 2, /--rounding: is for --quantize int8, int4 or int4-pure/],
      [[folder, '--revision', 'main'], 2, /--revision: a folder has none/],
      [[join(scratch, 'nowhere')], 1, /expected a folder, a GGUF file, or a hub id/],
      [['owner/name', '--offline', '--models-dir', models], 1, /the network is off/],
    ] as const) {
      const result = aerie('import', ...args)
      assert.equal(result.status, status, result.stderr)
      assert.match(result.stderr, message)
      assert.equal(result.stderr.trimEnd().split('\n').length, 1)
    }
  })

  it('goes on after kill -9 at any point', async () => {
    const place = join(scratch, 'killed')
    let kills = 0
    for (let wanted = 2; wanted <= 14; wanted += 4) {
      const child = spawn(process.execPath, [AERIE, 'import', folder, '--models-dir', place])
      const exit = once(child, 'exit')
      // Killed when the journal has so many lines, the last of which may be torn.
      while (child.exitCode === null && linesOfJournal(place) < wanted) await delay(2)
      if (child.exitCode === null) {
        child.kill('SIGKILL')
        kills += 1
      }
      await exit
      for (const name of existsSync(place) ? readdirSync(place) : []) {
        if (name.endsWith('.partial')) continue
        const directory = join(place, name)
        await verifyPackage(directory, (await readManifest(directory))!)
      }
    }
    assert.ok(kills > 0, 'it was killed at least once')
    const { status, stdout, stderr } = aerie('import', folder, '--models-dir', place)
    assert.equal(status, 0, stderr)
    const directory = stdout.trimEnd()
    await verifyPackage(directory, (await readManifest(directory))!)
    assert.deepEqual(
      readdirSync(place).map((name) => join(place, name)),
      [directory],
    )
  })

  it('goes on after kill -9 in the middle of a GGUF file, alone or split', async () => {
    const converted = convertCheckpoint(QWEN3, 'qwen2')
    const alone = join(scratch, 'alone')
    const split = join(scratch, 'split')
    for (const path of [alone, split]) {
      mkdirSync(path)
      writeFileSync(join(path, 'LICENSE'), 'x')
    }
    const paths = [join(alone, 'm.F32.gguf'), writeShards(split, 'm', splitGguf(converted, 2))]
    writeGguf(paths[0]!, converted)
    // As long to copy as a large one: nobody reads what is behind the last tensor.
    for (const path of paths) truncateSync(path, 96 * 2 ** 20)
    for (const source of [alone, split]) {
      const args = ['import', source, '--models-dir']
      const undisturbed = aerie(...args, `${source}-undisturbed`)
      assert.equal(undisturbed.status, 0, undisturbed.stderr)
      const place = `${source}-killed`
      let kills = 0
      for (const wanted of [1, 2 ** 20, 32 * 2 ** 20]) {
        const child = spawn(process.execPath, [AERIE, ...args, place])
        const exit = once(child, 'exit')
        while (child.exitCode === null && partialBytes(place) < wanted) await delay(2)
        child.kill('SIGKILL')
        const [code] = await exit
        // On a busy machine it may have been done before it was seen to have begun.
        if (code === 0) rmSync(place, { recursive: true })
        else {
          kills += 1
          assert.ok(readdirSync(place).every((name) => name.endsWith('.partial')))
        }
      }
      assert.ok(kills > 0, 'it was killed at least once')
      const { status, stdout, stderr } = aerie(...args, place)
      assert.equal(status, 0, stderr)
      const made = (await readManifest(stdout.trimEnd()))!
      await verifyPackage(stdout.trimEnd(), made)
      assert.equal(made.digest, (await readManifest(undisturbed.stdout.trimEnd()))!.digest)
      assert.deepEqual(readdirSync(place), [basename(stdout.trimEnd())])
    }
  })

  it('makes what inspect describes and what a changed byte makes unusable', () => {
    const directory = aerie('import', folder, '--models-dir', models).stdout.trimEnd()
    const text = aerie('inspect', directory)
    assert.equal(text.status, 0, text.stderr)
    for (const line of [
      /^tiny: package of llava_llama$/m,
      /^Made of {4}folder tiny, \d{4}-\d\d-\d\d$/m,
      /^encoder +\d+ +\d+ kB +\d+ F32$/m,
      /^Prompt +vicuna_v1, of the family$/m,
      /^Special +bos_token <s> \(1\)/m,
      /^Parity +largest relative error in float32/m,
    ])
      assert.match(text.stdout, line)
    const checkpoint = JSON.parse(aerie('inspect', folder, '--json').stdout)
    const made = JSON.parse(aerie('inspect', directory, '--json').stdout)
    for (const key of ['family', 'parts', 'prompt', 'tokenizer', 'preprocessing', 'limits'])
      assert.deepEqual(made[key], checkpoint[key], key)

    const path = join(directory, 'vision_tower/model.safetensors')
    const bytes = readFileSync(path)
    bytes[bytes.length - 1]! ^= 1
    rmSync(path)
    writeFileSync(path, bytes)
    assert.equal(aerie('inspect', directory).status, 0)
    const verified = aerie('inspect', directory, '--verify')
    assert.equal(verified.status, 1)
    assert.match(verified.stdout, /Problems:\n {2}\S+vision_tower\/model\.safetensors was changed/)
    const served = aerie('serve', directory, '--models-dir', models, '--log-level', 'silent')
    assert.equal(served.status, 1)
    assert.match(served.stderr, /vision_tower\/model\.safetensors was changed: its SHA-256/)
  })

  it('leaves inspect to name every problem of a checkpoint', () => {
    const broken = copyCheckpoint('vila/vila15', join(scratch, 'broken'))
    rmSync(join(broken, 'mm_projector/model.safetensors'))
    editJson(join(broken, 'llm/tokenizer_config.json'), (value) => (value['bos_token'] = '<none>'))
    const { status, stdout } = aerie('inspect', broken)
    assert.equal(status, 1)
    assert.match(stdout, /mm_projector\/model\.safetensors cannot be opened: it is missing/)
    assert.match(stdout, /there is no piece <none>/)
  })
})

/** Bytes of the GGUF file that an import has begun with; 0 also where a folder is moved away while it is looked at. */
function partialBytes(place: string): number {
  try {
    const partial = readdirSync(place).find((name) => name.endsWith('.partial'))
    const folder = join(place, partial ?? '', 'package')
    const name = readdirSync(folder).find((n) => n.endsWith('.gguf'))
    return name ? statSync(join(folder, name)).size : 0
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0
    throw error
  }
}

function linesOfJournal(place: string): number {
  const partial = existsSync(place) && readdirSync(place).find((name) => name.endsWith('.partial'))
  const journal = partial && join(place, partial, 'journal.jsonl')
  return journal && existsSync(journal) ? readFileSync(journal, 'utf8').split('\n').length - 1 : 0
}
