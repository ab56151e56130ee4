/** Which model comes and which one goes. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Candidate, nextStep, type Rules, type Step } from '../../src/serving/next-step.ts'

interface Named extends Candidate {
  readonly name: string
}

const NOW = 100_000
const RULES: Rules = { budgetBytes: 10, minResidenceMs: 3000, idleMs: Infinity }

function model(name: string, changes: Partial<Candidate> = {}): Named {
  return {
    ...{
      name,
      state: 'unloaded',
      isPinned: false,
      bytes: undefined,
      isAskedToGo: false,
      leases: 0,
    },
    ...{ liveSince: undefined, batchSince: undefined },
    ...{ loadedAtMs: 0, usedAtMs: 0, usedLiveAtMs: 0 },
    ...changes,
  }
}

const loaded = (name: string, bytes: number, changes: Partial<Candidate> = {}) =>
  model(name, { state: 'loaded', bytes, ...changes })
const wanted = (name: string, bytes: number | undefined, liveSince: number) =>
  model(name, { bytes, liveSince })

/** In words: `load a`, `wait for a and b until 5`. */
function said(step: Step<Named>): string {
  if (step.do !== 'wait') return `${step.do} ${step.one.name}`
  const leaving = step.leaving.map(({ name }) => name).join(' and ')
  const until = Number.isFinite(step.untilMs) ? ` until ${step.untilMs - NOW}` : ''
  return `wait${leaving && ` for ${leaving}`}${until}`
}

const decide = (all: readonly Named[], rules: Partial<Rules> = {}) =>
  said(nextStep(all, { ...RULES, ...rules }, NOW))

describe('the next step of the registry', () => {
  it('is nothing while nobody wants anything', () => {
    assert.equal(decide([loaded('a', 5), model('b')]), 'wait')
  })

  it('finds out what a model takes before it decides', () => {
    assert.equal(decide([wanted('a', undefined, 1)]), 'find a')
  })

  it('loads what fits beside the others', () => {
    assert.equal(decide([loaded('a', 5), wanted('b', 5, 1)]), 'load b')
  })

  it('refuses what does not fit even alone, or beside pinned models', () => {
    assert.equal(decide([wanted('a', 11, 1)]), 'refuse a')
    assert.equal(decide([loaded('p', 6, { isPinned: true }), wanted('a', 5, 1)]), 'refuse a')
  })

  it('lets the least recently used idle model go, and no more than are needed', () => {
    const a = loaded('a', 4, { usedAtMs: 30 })
    const b = loaded('b', 4, { usedAtMs: 20 })
    assert.equal(decide([a, b, wanted('c', 4, 1)]), 'unload b')
    assert.equal(decide([a, wanted('c', 4, 1)]), 'load c')
  })

  it('never lets a pinned model go', () => {
    const p = loaded('p', 4, { isPinned: true })
    assert.equal(decide([p, loaded('a', 4, { usedAtMs: 99 }), wanted('c', 4, 1)]), 'unload a')
    assert.equal(decide([p], { idleMs: 1 }), 'wait')
  })

  it('never lets a busy model go, but has it take nothing new, after those that are idle', () => {
    const busy = loaded('busy', 4, { leases: 1 })
    assert.equal(
      decide([busy, loaded('idle', 4, { usedAtMs: 50 }), wanted('c', 6, 1)]),
      'unload idle',
    )
    assert.equal(decide([busy, wanted('c', 8, 1)]), 'wait for busy')
  })

  it('lets a model stay for the time that it is to stay, idle or busy', () => {
    const young = loaded('young', 8, { loadedAtMs: NOW - 1000 })
    assert.equal(decide([young, wanted('c', 8, 1)]), 'wait until 2000')
    assert.equal(decide([{ ...young, leases: 1 }, wanted('c', 8, 1)]), 'wait until 2000')
    const old = loaded('old', 8, { loadedAtMs: NOW - 1000, usedAtMs: 99 })
    assert.equal(decide([old, wanted('c', 8, 1)], { minResidenceMs: 1000 }), 'unload old')
  })

  it('serves whoever waits longest, and nobody overtakes, however little the other needs', () => {
    const busy = loaded('busy', 8, { leases: 1 })
    assert.equal(decide([busy, wanted('small', 1, 2), wanted('large', 10, 1)]), 'wait for busy')
    assert.equal(decide([wanted('late', 1, 2), wanted('early', 1, 1)]), 'load early')
  })

  it('has models that are going because of another wait behind it', () => {
    const going = loaded('a', 8, { state: 'unloading', liveSince: 2 })
    assert.equal(decide([going, wanted('b', 8, 1)]), 'unload a')
    assert.equal(decide([{ ...going, leases: 1 }, wanted('b', 8, 1)]), 'wait for a')
  })

  it('serves batches when no live request waits', () => {
    const batch = model('batch', { bytes: 4, batchSince: 1 })
    assert.equal(decide([batch, wanted('live', 4, 2)]), 'load live')
    assert.equal(decide([batch]), 'load batch')
  })

  it('has batches displace only what is idle and what no live request has used lately', () => {
    const batch = model('batch', { bytes: 8, batchSince: 1 })
    assert.equal(decide([loaded('busy', 8, { leases: 1 }), batch]), 'wait')
    const used = { usedLiveAtMs: NOW - 500 }
    assert.equal(decide([loaded('used', 8, used), batch]), 'wait until 2500')
    assert.equal(decide([loaded('idle', 8), batch]), 'unload idle')
    const asked = loaded('asked', 8, { batchSince: 2 })
    assert.equal(decide([asked, batch]), 'wait')
  })

  it('lets go what was asked to, first of all and pinned as well, when it has answered', () => {
    const asked = loaded('asked', 5, { isAskedToGo: true, isPinned: true })
    assert.equal(decide([wanted('b', 1, 1), asked]), 'unload asked')
    assert.equal(decide([{ ...asked, leases: 1 }]), 'wait for asked')
  })

  it('lets go what nobody has used for so long, and knows when to look again', () => {
    const idle = loaded('idle', 5, { usedAtMs: NOW - 400 })
    assert.equal(decide([idle], { idleMs: 400 }), 'unload idle')
    assert.equal(decide([idle], { idleMs: 1000 }), 'wait until 600')
    assert.equal(decide([{ ...idle, leases: 1 }], { idleMs: 400 }), 'wait')
  })
})
