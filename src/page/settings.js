/** How answers are made, kept in this browser. The API key is not among it. */
import { Store } from './store.js'

/** @typedef {import('./types.d.ts').Settings} Settings */

const KEY = 'aerie.settings'

/** @type {Settings} */
export const DEFAULTS = {
  model: '',
  system: '',
  temperature: null,
  topP: null,
  maxTokens: null,
  seed: null,
  detail: 'auto',
  form: 'text',
  schema: '',
  tools: '',
  toolChoice: 'auto',
  clip: { fps: null, max_frames: null, start: null, end: null, sound: false },
}

/** @type {Store<Settings>} */
export const settings = new Store(read())
settings.watch((value) => localStorage.setItem(KEY, JSON.stringify(value)))

/** @param {Partial<Settings>} change */
export function changeSettings(change) {
  settings.set({ ...settings.get(), ...change })
}

/** @returns {Settings} what was kept, as far as it is of the form of today */
function read() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? '{}')
    return {
      ...DEFAULTS,
      ...pick(kept, DEFAULTS),
      clip: { ...DEFAULTS.clip, ...pick(kept.clip, DEFAULTS.clip) },
    }
  } catch {
    // Written by something else. The defaults are as good a start as any.
    return DEFAULTS
  }
}

/**
 * The fields of `kept` that `model` has, with values of the same kind; numbers may be missing.
 * @template {object} T
 * @param {unknown} kept
 * @param {T} model
 * @returns {Partial<T>}
 */
function pick(kept, model) {
  if (typeof kept !== 'object' || kept === null) return {}
  const values = /** @type {Record<string, unknown>} */ (kept)
  const fields = Object.entries(model).flatMap(([name, usual]) => {
    const value = values[name]
    const fits =
      usual === null ? value === null || Number.isFinite(value) : typeof value === typeof usual
    return fits && value !== undefined ? [[name, value]] : []
  })
  return Object.fromEntries(fields)
}
