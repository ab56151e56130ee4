import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { chmod, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { Spool } from '../../../src/media/spool.ts'
import { clipFolder } from './clips.ts'

const CLIPS = { kind: 'clips', place: 'videoSpoolDir' } as const

const pour = (text: string) => async (take: (piece: Uint8Array) => Promise<void>) => {
  for (const letter of text) await take(Buffer.from(letter))
}

describe('the folder of clips', () => {
  it('is made by the first clip, for its owner alone, and goes with its server', async () => {
    await using dir = await clipFolder()
    const spool = new Spool(dir.path('made/too'), CLIPS)
    assert.deepEqual(await readdir(dir.folder), [])
    const path = await spool.path()
    const written = await spool.write(path, pour('abc'))
    assert.deepEqual(written, {
      byteLength: 3,
      sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    })
    assert.equal((await stat(path)).mode & 0o777, 0o600)
    assert.equal((await stat(join(path, '..'))).mode & 0o777, 0o700)
    spool.remove(path)
    await spool.dispose()
    assert.deepEqual(await readdir(dir.path('made/too')), [])
  })

  it('says what is wrong with the disk', {
    skip: process.getuid?.() === 0 && 'root may write anywhere',
  }, async () => {
    await using dir = await clipFolder()
    await mkdir(dir.path('closed'))
    await chmod(dir.path('closed'), 0o500)
    const spool = new Spool(dir.path('closed'), CLIPS)
    await assert.rejects(spool.path(), { code: 'storage_failure' })
    await chmod(dir.path('closed'), 0o700)
    assert.match(await spool.path(), /aerie-clips-/)
    await spool.dispose()
  })

  it('is made anew where somebody has cleaned it up, and both go with the server', async () => {
    await using dir = await clipFolder()
    const spool = new Spool(dir.folder, CLIPS)
    const folder = join(await spool.path(), '..')
    await rm(folder, { recursive: true })
    const path = await spool.path()
    assert.notEqual(join(path, '..'), folder)
    await spool.write(path, pour('abc'))
    assert.equal((await readdir(dir.folder)).length, 1)
    await spool.dispose()
    assert.deepEqual(await readdir(dir.folder), [])
  })

  it('takes the place of those whose servers are gone, and of no others', async () => {
    await using dir = await clipFolder()
    const first = new Spool(dir.folder, CLIPS)
    const path = await first.path()
    await first.write(path, pour('in use'))
    const [own] = await readdir(dir.folder)
    const [, host] = /^aerie-clips-([0-9a-f]{8})-/.exec(own!)!
    const gone = spawnSync(process.execPath, ['-e', '']).pid
    const kept = [
      `aerie-clips-${host}-${process.ppid}-01234567-abcdef`,
      `aerie-clips-00000000-${gone}-01234567-abcdef`,
      'someone-elses',
    ]
    const orphans = [
      `aerie-clips-${host}-${gone}-01234567-abcdef`,
      // A container's server has the same number in every life.
      `aerie-clips-${host}-${process.pid}-01234567-abcdef`,
    ]
    for (const name of [...kept, ...orphans]) {
      await mkdir(dir.path(name))
      await writeFile(join(dir.path(name), 'clip'), 'bytes')
    }
    const second = new Spool(dir.folder, CLIPS)
    await second.path()
    const left = await readdir(dir.folder)
    for (const name of [...kept, own!]) assert.ok(left.includes(name), `${name} is gone`)
    for (const name of orphans) assert.ok(!left.includes(name), `${name} is there`)
    await first.dispose()
    await second.dispose()
  })

  it('and every process go with a server that is killed', {
    skip: process.platform !== 'linux' && 'looks into /proc',
  }, async () => {
    await using dir = await clipFolder()
    const tool = dir.path('tool')
    await writeFile(tool, `#!/bin/sh\nsleep 1000.375 &\nsleep 1000.375\n`, { mode: 0o755 })
    const program = join(import.meta.dirname, '../../support/clip-server.ts')
    const server = spawn(process.execPath, [program, tool, dir.folder, tool, tool], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    try {
      await new Promise((resolve) => server.stdout.once('data', resolve))
      while ((await sleepers()).length < 2) await new Promise((resolve) => setTimeout(resolve, 20))
    } finally {
      server.kill('SIGKILL')
    }
    for (let tries = 0; (await sleepers()).length > 0 && tries < 200; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    assert.deepEqual(await sleepers(), [])
    const left = async () => (await readdir(dir.folder)).filter((name) => name !== 'tool')
    assert.equal((await left()).length, 1)
    const next = new Spool(dir.folder, CLIPS)
    await next.path()
    await next.dispose()
    assert.deepEqual(await left(), [])
  })
})

async function sleepers(): Promise<string[]> {
  const { stdout } = spawnSync('ps', ['-eo', 'args'], { encoding: 'utf8' })
  return stdout.split('\n').filter((line) => line === 'sleep 1000.375')
}
