/** Models → samples, labelled with the names that the configuration gives them and no others. */
import { Counter, Gauge, type Registry } from 'prom-client'
import type { ModelStatus } from '../serving/contract.ts'

/** What all models say at one moment. */
export interface ModelsSnapshot {
  readonly models: readonly ModelStatus[]
  /** Of loaded ones; the bound is Infinity where there is none. */
  readonly usedBytes: number
  readonly maxBytes: number
  /** Requests that may wait for models. */
  readonly maxWaiting: number
}

const STATES: readonly ModelStatus['state'][] = [
  'unloaded',
  'loading',
  'loaded',
  'unloading',
  'failed',
]

/** Registers the samples and returns what fills them. */
export function registerModels(registry: Registry): (snapshot: ModelsSnapshot) => void {
  const registers = [registry]
  const labelNames = ['model']
  const gauge = (name: string, help: string, labels = labelNames) =>
    new Gauge({ name, help, labelNames: labels, registers })
  const counter = (name: string, help: string, labels = labelNames) =>
    new Counter({ name, help, labelNames: labels, registers })
  const state = gauge('aerie_model_state', 'Whether a model is in a state: 1 or 0.', [
    'model',
    'state',
  ])
  const bytes = gauge(
    'aerie_model_bytes',
    'What a model takes while it is loaded, or is believed to.',
  )
  const leases = gauge('aerie_model_leases', 'Requests that use a model.')
  const waiting = gauge('aerie_model_waiting', 'Requests that wait for a model to be loaded.')
  const loads = counter('aerie_model_loads_total', 'Times that a model was loaded.')
  const failures = counter(
    'aerie_model_load_failures_total',
    'Times that a model could not be loaded.',
  )
  const evictions = counter(
    'aerie_model_evictions_total',
    'Times that a model was unloaded: for want of memory, idle, or asked by hand.',
    ['model', 'why'],
  )
  const seconds = counter(
    'aerie_model_load_seconds_total',
    'Time of all loads of a model together.',
  )
  const usedBytes = gauge('aerie_models_bytes', 'What all loaded models take.', [])
  const maxBytes = gauge('aerie_models_bytes_max', 'What they may take (modelMemoryBytes).', [])
  const maxWaiting = gauge(
    'aerie_models_waiting_max',
    'Requests that may wait for models; more get 429.',
    [],
  )
  return (snapshot) => {
    for (const sample of [state, bytes, leases, waiting, loads, failures, evictions, seconds])
      sample.reset()
    usedBytes.set(snapshot.usedBytes)
    if (Number.isFinite(snapshot.maxBytes)) maxBytes.set(snapshot.maxBytes)
    else maxBytes.remove()
    maxWaiting.set(snapshot.maxWaiting)
    for (const status of snapshot.models) {
      const { id: model } = status
      for (const one of STATES) state.set({ model, state: one }, Number(one === status.state))
      if (status.bytes !== undefined) bytes.set({ model }, status.bytes)
      leases.set({ model }, status.leases)
      waiting.set({ model }, status.waiting)
      loads.inc({ model }, status.loads)
      failures.inc({ model }, status.failures)
      seconds.inc({ model }, status.loadSeconds)
      for (const [why, count] of Object.entries(status.evictions))
        evictions.inc({ model, why }, count)
    }
  }
}
