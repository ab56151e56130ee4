/** What can be heard, drawn from a seed: samples of what is no voice, and what lies around any sound. */
import { language } from '../language.ts'
import type { Random } from '../random.ts'

export const RATE = 16_000

export type SoundKind = keyof typeof language.hearing.sounds
export const KINDS = Object.keys(language.hearing.sounds) as SoundKind[]

export interface Sound {
  readonly kind: SoundKind
  /** What is said, in order; empty for what is no voice. */
  readonly words: readonly string[]
  /** How many beeps there are; 0 for what does not beep. */
  readonly beeps: number
  /** Mono at 16 kHz, −1…1. */
  readonly samples: Float32Array
}

/** A sound that nobody speaks. */
export function drawSound(kind: Exclude<SoundKind, 'voice'>, random: Random): Sound {
  const beeps = kind === 'beep' ? 1 + random.below(4) : 0
  const bare = kind === 'silence' ? new Float32Array(0) : MAKERS[kind](random, beeps)
  return { kind, words: [], beeps, samples: surrounded(bare, random, kind === 'noise') }
}

/** The sound between two silences of random length, in faint noise two times in three, at a random level. */
export function surrounded(bare: Float32Array, random: Random, isNoise = false): Float32Array {
  const pause = () => Math.round(RATE * random.uniform(0.03, bare.length === 0 ? 1.5 : 0.6))
  const before = pause()
  const samples = new Float32Array(before + bare.length + pause())
  const power = bare.reduce((sum, sample) => sum + sample * sample, 0) / Math.max(1, bare.length)
  const level = 10 ** (random.uniform(-30, -16) / 20)
  for (const [i, sample] of bare.entries())
    samples[before + i] = (sample * level) / Math.sqrt(power || 1)
  if (random.chance(2 / 3)) {
    const noise = level * 10 ** (-random.uniform(isNoise ? 28 : 20, 42) / 20)
    for (let i = 0; i < samples.length; i++) samples[i]! += noise * random.normal()
  }
  return samples.map((sample) => Math.max(-1, Math.min(1, sample)))
}

type Maker = (random: Random, beeps: number) => Float32Array

const MAKERS: Record<Exclude<SoundKind, 'voice' | 'silence'>, Maker> = {
  beep: (random, beeps) => {
    const length = random.uniform(0.1, 0.28)
    const period = length + random.uniform(0.12, 0.35)
    const pitch = random.uniform(450, 2200)
    const total = period * (beeps - 1) + length
    return wave(total, (t) => {
      const at = t % period
      return at < length ? Math.sin(2 * Math.PI * pitch * t) * edges(at, length) : 0
    })
  },
  rising: (random) => sweep(random, 1),
  falling: (random) => sweep(random, -1),
  siren: (random) => {
    const swings = random.uniform(1.2, 3.5)
    const [low, high] = [random.uniform(450, 750), random.uniform(1050, 1600)]
    const seconds = random.uniform(1.3, 2.2)
    const start = random.next()
    return tone(seconds, (t) => {
      const turn = Math.abs(2 * ((swings * t + start) % 1) - 1) // a triangle: training draws sines and squares
      return low + (high - low) * turn
    })
  },
  buzz: (random) => {
    const pitch = random.uniform(65, 190)
    return wave(random.uniform(0.6, 1.8), (t) => {
      let sum = 0
      for (let n = 1; n * pitch < 7000; n++) sum += Math.sin(2 * Math.PI * n * pitch * t) / n
      return sum
    })
  },
  noise: (random) => {
    const smooth = random.pick([0, 0.5, 0.85])
    let last = 0
    return wave(random.uniform(0.6, 2), () => {
      last = smooth * last + random.normal()
      return last
    })
  },
  knock: (random) => {
    const count = 1 + random.below(4)
    const gap = random.uniform(0.15, 0.38)
    const [pitch, decay] = [random.uniform(110, 420), random.uniform(30, 70)]
    return wave(gap * (count - 1) + 0.12, (t) => {
      const at = t % gap
      const hit = Math.exp(-decay * at) * Math.sin(2 * Math.PI * pitch * at)
      return hit + 0.5 * random.normal() * Math.exp(-220 * at)
    })
  },
  bell: (random) => {
    const [pitch, decay] = [random.uniform(420, 1300), random.uniform(2.5, 6)]
    const partials = [1, 2.01, 2.74, 4.1, 5.36].map((ratio, i) => ({ ratio, strength: 0.62 ** i }))
    return wave(random.uniform(0.8, 2), (t) =>
      partials.reduce(
        (sum, { ratio, strength }) =>
          sum +
          strength *
            Math.exp(-decay * t * (0.5 + 0.5 * ratio)) *
            Math.sin(2 * Math.PI * pitch * ratio * t),
        0,
      ),
    )
  },
}

function sweep(random: Random, direction: 1 | -1): Float32Array {
  const seconds = random.uniform(0.6, 1.9)
  const low = random.uniform(220, 800)
  const ratio = random.uniform(2, 4)
  return tone(seconds, (t) => {
    const along = direction === 1 ? t / seconds : 1 - t / seconds
    return low * ratio ** along
  })
}

/** A tone with some of its second overtone, of a pitch in Hz that changes with time. */
function tone(seconds: number, pitch: (t: number) => number): Float32Array {
  let phase = 0
  return wave(seconds, (t) => {
    phase += (2 * Math.PI * pitch(t)) / RATE
    return (Math.sin(phase) + 0.25 * Math.sin(2 * phase)) * edges(t, seconds)
  })
}

function wave(seconds: number, at: (t: number) => number): Float32Array {
  return Float32Array.from({ length: Math.round(seconds * RATE) }, (_, i) => at(i / RATE))
}

/** 10 ms in and out. */
function edges(t: number, length: number): number {
  return Math.max(0, Math.min(1, t / 0.01, (length - t) / 0.01))
}
